"""Panels whose truth is declared: what each reply is worth, how often raters err, and what they lean to."""

from collections.abc import Mapping, Sequence

import numpy as np

from spiritlevel.errors import ConfigError
from spiritlevel.raters.features import features
from spiritlevel.types import Item, Rating

POSITION = "position"


def rate(
    items: Sequence[Item],
    quality: Sequence[tuple[float, float]],
    *,
    raters: int = 1,
    noise: float = 0.0,
    biases: Mapping[str, float] | None = None,
    keyword: str = "",
    panel: str = "",
    seed: int = 0,
) -> list[Rating]:
    """Every rater on every pair: `a` preferred with log-odds quality(a) - quality(b) + sum of bias x difference of the feature in SDs.

    `noise`: share of labels that are turned over whatever is seen. `biases` by feature, or `position` (towards what is shown first).
    """
    leans = dict(biases or {})
    read = [(features(i.a, keyword), features(i.b or "", keyword)) for i in items]
    for name in leans:
        if name != POSITION and any(name not in a for a, _ in read):
            raise ConfigError(f"raters cannot lean to {name!r}; known: {POSITION}, {', '.join(read[0][0]) if read else ''}")
    apart = {name: np.asarray([a[name] - b[name] for a, b in read]) for name in leans if name != POSITION}
    worth = np.asarray([a - b for a, b in quality])
    for name, values in apart.items():
        worth = worth + leans[name] * values / (values.std() or 1.0)
    found = []
    for r in range(raters):
        rng = np.random.default_rng([seed, r])
        first = rng.random(len(items)) < 0.5
        odds = worth + leans.get(POSITION, 0.0) * np.where(first, 1, -1)
        likes = (rng.random(len(items)) < 1 / (1 + np.exp(-odds))) ^ (rng.random(len(items)) < noise)
        found += [
            Rating(
                item=item.id,
                rater=f"{panel}{r + 1}",
                by="simulated",
                panel=panel,
                value=float(like),
                first="a" if shown else "b",
            )
            for item, like, shown in zip(items, likes, first, strict=True)
        ]
    return found
