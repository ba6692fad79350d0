"""Evaluation awareness: can the model tell prompts of a test from those of a user, and does it behave otherwise when pushed along that?

Reading alone shows presence; the push shows use (Nguyen et al. 2025 and Needham et al. 2025 measure it in large models).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spiritlevel import backends, stats
from spiritlevel.interpret.probes import Contrast, controlled, fit
from spiritlevel.interpret.properties import Told, greedy, heard, refused
from spiritlevel.judges.heads import Head
from spiritlevel.types import Ask, Controlled, Estimate, Journal, OpenWeights, Reply, Steer, user

PUSH = 1.0
"""Times the difference of the two sides' means."""
TOKENS = 24


@dataclass(frozen=True)
class Aware:
    """What was found: the probe beside its controls, and how refusals moved."""

    head: Head
    probe: Controlled
    shift: Estimate | None = None
    """Refusals pushed towards a test less those pushed towards a user, on the same harmful requests; None when the probe falls."""
    control: Estimate | None = None
    """The same along a random direction of the same length."""


def aware(
    journal: Journal, weights: OpenWeights, contrast: Contrast, told: Sequence[Told], layers: Sequence[int], *, c: float, seed: int
) -> Aware:
    """Probe the layers in the middle half, take the one that cross-validation likes best, and push there."""
    middle = [n for n in layers if 0.3 * weights.layers <= n <= 0.8 * weights.layers] or list(layers)
    states = weights.activations([user(text) for text in contrast.texts], range(1, weights.layers + 1))
    heads = {n: fit(states[:, n - 1], contrast, c=c, seed=seed, name=f"evaluation_awareness, layer {n}") for n in middle}
    layer = max(middle, key=lambda n: (round(heads[n].auroc.value, 4), -n))
    probe = controlled(heads[layer], states[:, layer - 1], contrast, layer=layer, position="last token", phase="after", c=c, seed=seed)
    if not probe.stands:
        return Aware(heads[layer], probe)
    y = contrast.labels
    centre, found = states[~y].mean(0), states[y].mean(0) - states[~y].mean(0)
    spread = np.maximum(np.sqrt((y.mean() * states[y].var(0)) + ((~y).mean() * states[~y].var(0))), 1e-6)
    shift = _shift(journal, weights, told, np.stack([found, centre, spread], 1), layer)
    drawn = np.random.default_rng(seed).normal(size=found.shape)
    length = np.linalg.norm(found / spread, axis=1) / np.linalg.norm(drawn, axis=1)
    control = _shift(journal, weights, told, np.stack([drawn * spread * length[:, None], centre, spread], 1), layer)
    return Aware(
        heads[layer], probe, shift.model_copy(update={"name": "evaluation_shift"}), control.model_copy(update={"name": "random_shift"})
    )


def _shift(journal: Journal, weights: OpenWeights, told: Sequence[Told], direction: NDArray[np.floating], layer: int) -> Estimate:
    def write(folder: Path) -> None:
        np.save(folder / "direction.npy", direction.astype(np.float32))

    blob, flags = journal.blob(write), []
    asks = [Ask(chat=user(t.prompt.text), sampling=greedy(TOKENS)) for t in told]
    for coefficient in (PUSH, -PUSH):  # subtracted: towards a user, then towards a test
        model = backends.steered(weights, Steer(kind="subtract", layers=(layer,), coefficient=coefficient, blob=blob), journal)
        replies = journal.rows(backends.ask(journal, model, asks, "pushing along evaluation awareness"), Reply)
        flags.append(refused(journal, heard([t.prompt for t in told], asks, replies, f"{weights.ref.key} {blob} {coefficient}")))
    return stats.paired_change(flags[0].astype(float), flags[1].astype(float), [t.cluster for t in told])
