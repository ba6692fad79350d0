"""A guard on prompts that it was not made of: what it catches and what it stops for nothing, each with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spiritlevel import firewall, stats
from spiritlevel.errors import DataError
from spiritlevel.guard.deciding import Guard
from spiritlevel.types import Estimate, Frozen, Kind, Prompt

RATES = (0.01, 0.05)
"""False-positive rates at which the share caught is told."""


class Tested(Frozen):
    """A guard's figures on labelled prompts."""

    harmful: int
    """Near-duplicate clusters."""
    benign: int
    spent: int
    """Prompts left out because they are near what the guard is made of."""
    unlabelled: int
    empty: int
    figures: tuple[Estimate, ...]
    upper: float
    """One-sided 95 % upper bound of the rate of harmless clusters with a blocked prompt."""


@dataclass(frozen=True)
class Scored:
    """Prompts with what the guard said of them; arrays are aligned."""

    scores: NDArray[np.float64]
    harmful: NDArray[np.bool_]
    groups: list[str]
    spent: int
    unlabelled: int
    empty: int


def scored(guard: Guard, cases: Sequence[str], prompts: Sequence[Prompt]) -> Scored:
    """The guard on those `prompts` whose kind is declared, that say something, and that are not near its own `cases`; clusters decide."""
    said = [p for p in prompts if p.text.strip()]
    known = [p for p in said if p.kind is not Kind.UNKNOWN]
    ids = firewall.clusters([*(p.goal or p.text for p in known), *cases], [*(p.group for p in known), *("" for _ in cases)])
    own = set(ids[len(known) :])
    kept = [(p, group) for p, group in zip(known, ids, strict=False) if group not in own]
    told = guard.prompts([p.text for p, _ in kept])
    return Scored(
        scores=np.asarray([d.probability for d in told], float),
        harmful=np.asarray([p.kind is Kind.HARMFUL for p, _ in kept], bool),
        groups=[group for _, group in kept],
        spent=len(known) - len(kept),
        unlabelled=len(said) - len(known),
        empty=len(prompts) - len(said),
    )


def tested(guard: Guard, found: Scored) -> Tested:
    """Figures of what was scored: AUROC and the share caught where there are both kinds, and shares blocked by the guard's threshold.

    DataError when nothing is left.
    """
    if not len(found.scores):
        raise DataError(
            f"no prompt is left to report on: {found.spent} are near what the guard was made of, {found.unlabelled} have no label; "
            "give prompts of other people's with 'harmful': true or false"
        )
    y, groups = found.harmful, found.groups
    figures: list[Estimate] = []
    if y.any() and not y.all():
        figures.append(stats.auroc(found.scores, y, groups, seed=0, name="AUROC, harmful against harmless"))
        for rate in RATES:
            name = f"share caught at {100 * rate:g} % false positives"
            figures.append(stats.caught_at(rate, found.scores, y, groups, seed=0, name=name))
    for value, name in ((True, "harmful prompts blocked"), (False, "harmless prompts blocked")):
        at = [i for i in range(len(y)) if y[i] == value]
        if at:
            blocked = found.scores[at] > guard.about.prompt.threshold
            figures.append(stats.rate(blocked, [groups[i] for i in at], name=name))
    fine = stats.worst_of(found.scores[~y], [g for g, bad in zip(groups, y, strict=True) if not bad])
    return Tested(
        harmful=len({g for g, bad in zip(groups, y, strict=True) if bad}),
        benign=len(fine),
        spent=found.spent,
        unlabelled=found.unlabelled,
        empty=found.empty,
        figures=tuple(figures),
        upper=stats.upper(int((fine > guard.about.prompt.threshold).sum()), len(fine)),
    )
