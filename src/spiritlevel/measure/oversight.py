"""Weak-to-strong: how much of the gap between a weak supervisor and a strong model its students recover (Burns et al. 2023, section 3).

Texts of a group, and a seed's trainings, share their luck: both are resampled. Without a gap there is nothing to recover, and a ratio
over noise can be anything, so none is told.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.stats.clusters import Floats
from spiritlevel.stats.crossed import percentiles, resampled_means
from spiritlevel.types import Estimate, Journal, Labelling, Overseen, Oversight, Student

ROUNDS = 4000
NOTES = (
    "Intervals cover which texts are tested and, with more than one seed, which texts trained whom: not another task or other models.",
    "The strong model may have met such texts, or people's words on them, before: what it has seen is easier to bring out than what no "
    "person could have told it (Burns 2023, section 6).",
)


class Table:
    """Answers on the test part: (seeds, texts) of bools, and the texts' truth and groups."""

    def __init__(self, rows: Sequence[Labelling]) -> None:
        seeds = sorted({row.seed for row in rows})
        places = sorted({row.place for row in rows})
        of = {(row.seed, row.place): row for row in rows}
        if not rows or len(of) != len(seeds) * len(places):
            raise DataError("the seeds were not tested on the same texts, once each; give whole labellings")
        table = [[of[seed, place] for place in places] for seed in seeds]
        self.groups = [row.group for row in table[0]]
        self.truth = np.asarray([row.label for row in table[0]], dtype=bool)
        self.said = {who: np.asarray([[getattr(row, who) > 0.5 for row in line] for line in table]) for who in WHO}

    def right(self, who: str) -> Floats:
        """(seeds, texts): 1 where it says what is true."""
        return (self.said[who] == self.truth).astype(float)

    def agrees(self, who: str) -> Floats:
        """(seeds, texts): 1 where it says what the supervisor says."""
        return (self.said[who] == self.said["weak"]).astype(float)


WHO = ("weak", "ceiling", "plain", "confident")


def run(journal: Journal, overseen: Overseen, seed: int = 0, confidence: float = 0.95) -> Oversight:
    """What the labellings of a weak-to-strong training show."""
    rows = journal.rows(overseen.labellings, Labelling)
    return told(overseen, rows, seed=seed, confidence=confidence)


def told(overseen: Overseen, rows: Sequence[Labelling], *, seed: int = 0, confidence: float = 0.95) -> Oversight:
    """The same from rows."""
    table = Table([row for row in rows if row.part == "test"])
    of = Over(table.groups, seed, confidence)
    weak, ceiling = table.right("weak"), table.right("ceiling")
    gap = of.mean("gap", ceiling - weak)
    refused = refusal(gap)
    wrong = 1 - weak
    students = []
    for loss in ("plain", "confident"):
        own = table.right(loss)
        agrees = table.agrees(loss)
        students.append(
            Student(
                loss=loss,
                accuracy=of.mean("accuracy", own),
                gained=of.mean("gained", own - weak),
                recovered=None if refused else of.ratio("performance gap recovered", own - weak, ceiling - weak),
                agreement=of.mean("agreement", agrees),
                on_right=of.among("agreement where the supervisor is right", agrees, weak),
                on_errors=of.among("agreement with errors", agrees, wrong),
                imitation=of.among("agreement with errors over the ceiling's", agrees - table.agrees("ceiling"), wrong),
            )
        )
    taught = [row for row in rows if row.part == "student"]
    return Oversight(
        overseen=overseen,
        weak=of.mean("supervisor", weak),
        labels=stats.rate([(row.weak > 0.5) == row.label for row in taught], [row.group for row in taught], name="labels"),
        ceiling=of.mean("ceiling", ceiling),
        gap=gap,
        ceiling_on_errors=of.among("the ceiling's agreement with errors", table.agrees("ceiling"), wrong),
        students=tuple(students),
        refused=refused,
        notes=NOTES,
    )


def refusal(gap: Estimate) -> str:
    """Why no recovered gap is told; empty when the strong model is shown to be better than the weak one."""
    span = f"{100 * gap.value:+.1f} points ({100 * gap.low:+.1f} to {100 * gap.high:+.1f}, {gap.n} groups)"
    if gap.low > 0:
        return ""
    if gap.high < 0:
        return f"the strong model trained on true labels is worse than the supervisor, {span}, so there is no gap to recover"
    return (
        f"the strong model trained on true labels is not shown to be better than the supervisor, {span}, so a share of that gap would be "
        "a share of noise; give more texts, a weaker supervisor or a stronger model"
    )


class Over:
    """Estimates over crossed groups of texts and seeds, all from the same draws."""

    def __init__(self, groups: Sequence[str], seed: int, confidence: float) -> None:
        self.groups, self.seed, self.confidence = groups, seed, confidence
        self.n = len(set(groups))

    def mean(self, name: str, values: Floats) -> Estimate:
        """Of (seeds, texts) values in [-1, 1]."""
        least = min(0.0, float(np.floor(values.min())))
        return self._told(name, float(values.mean()), np.clip(self._drawn(values)[:, 0], least, 1.0))

    def ratio(self, name: str, part: Floats, whole: Floats) -> Estimate:
        """Mean of `part` over mean of `whole`, drawn together. NaN when there is no whole."""
        drawn = self._drawn(part, whole)
        value = float(part.mean() / whole.mean()) if whole.mean() else float("nan")
        return self._told(name, value, over(drawn[:, 0], drawn[:, 1]))

    def among(self, name: str, values: Floats, chosen: Floats) -> Estimate:
        """Mean of `values` in [-1, 1] where `chosen` is 1, both (seeds, texts)."""
        found = self.ratio(name, values * chosen, chosen)
        least = min(0.0, float(np.floor(values.min())))
        return found.model_copy(update={"low": max(found.low, least), "high": min(found.high, 1.0)})

    def _drawn(self, *columns: Floats) -> Floats:
        return resampled_means(np.stack(columns, axis=-1), self.groups, seed=self.seed, rounds=ROUNDS, confidence=self.confidence)

    def _told(self, name: str, value: float, drawn: Floats) -> Estimate:
        return percentiles(name, value, drawn, self.n, self.confidence, f"bootstrap over groups and seeds, {ROUNDS} rounds")


def over(part: Floats, whole: Floats) -> NDArray[np.float64]:
    """The ratio; where `whole` is not above 0 it is without bound on the side of `part`, which widens an interval and never narrows it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = part / whole
    return np.where(whole > 0, found, np.where(part == 0, np.nan, np.copysign(np.inf, part)))
