"""Weak-to-strong: how much of the gap between a weak supervisor and a strong model its students recover (Burns et al. 2023, section 3).

Texts of a group, and a seed's trainings, share their luck: both are resampled. Without a gap there is nothing to recover, and a ratio
over noise can be anything, so none is told.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.stats.clusters import Floats
from spiritlevel.stats.crossed import percentiles, resampled_means
from spiritlevel.types import Estimate, Journal, Labelling, Overseen, Oversight, Student

ROUNDS = 2000
STUDENTS: tuple[Literal["plain"], Literal["confident"]] = ("plain", "confident")
WHO = ("weak", "ceiling", *STUDENTS)
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

    def columns(self) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """(seeds, texts) of 0 and 1: who is right, and who says what the supervisor says; and differences of them."""
        right = {who: (said == self.truth).astype(float) for who, said in self.said.items()}
        agrees = {who: (said == self.said["weak"]).astype(float) for who, said in self.said.items()}
        errors = 1 - right["weak"]
        shares = {**right, "errors": errors, "ceiling on errors": agrees["ceiling"] * errors}
        changes = {"gap": right["ceiling"] - right["weak"]}
        for who in STUDENTS:
            shares |= {
                f"{who} agrees": agrees[who],
                f"{who} on right": agrees[who] * right["weak"],
                f"{who} on errors": agrees[who] * errors,
            }
            changes |= {f"{who} gained": right[who] - right["weak"], f"{who} imitation": (agrees[who] - agrees["ceiling"]) * errors}
        return shares, changes


def run(journal: Journal, overseen: Overseen, seed: int = 0, confidence: float = 0.95) -> Oversight:
    """What the labellings of a weak-to-strong training show."""
    rows = journal.rows(overseen.labellings, Labelling)
    return told(overseen, rows, seed=seed, confidence=confidence)


def told(overseen: Overseen, rows: Sequence[Labelling], *, seed: int = 0, confidence: float = 0.95) -> Oversight:
    """The same from rows."""
    table = Table([row for row in rows if row.part == "test"])
    drawn = Drawn(*table.columns(), table.groups, seed, confidence)
    gap = drawn.mean("gap")
    refused = refusal(gap)
    taught = [row for row in rows if row.part == "student"]
    return Oversight(
        overseen=overseen,
        weak=drawn.mean("weak"),
        labels=stats.rate([(row.weak > 0.5) == row.label for row in taught], [row.group for row in taught], name="labels"),
        ceiling=drawn.mean("ceiling"),
        gap=gap,
        ceiling_on_errors=drawn.among("ceiling on errors", "errors"),
        students=tuple(
            Student(
                loss=loss,
                accuracy=drawn.mean(loss),
                gained=drawn.mean(f"{loss} gained"),
                recovered=None if refused else drawn.ratio(f"performance gap recovered, {loss} loss", f"{loss} gained", "gap"),
                agreement=drawn.mean(f"{loss} agrees"),
                on_right=drawn.among(f"{loss} on right", "weak"),
                on_errors=drawn.among(f"{loss} on errors", "errors"),
                imitation=drawn.among(f"{loss} imitation", "errors"),
            )
            for loss in STUDENTS
        ),
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


class Drawn:
    """Means of columns (seeds, texts), and their ratios, over crossed groups of texts and seeds: all from the same draws.

    A share is never surer than `stats.rate` is of it, and what never differed is not without doubt: draws cannot show what was not seen.
    """

    def __init__(
        self, shares: Mapping[str, Floats], changes: Mapping[str, Floats], groups: Sequence[str], seed: int = 0, confidence: float = 0.95
    ) -> None:
        """`shares` are 0 or 1, `changes` differences of such."""
        self.columns, self.changes, self.confidence = {**shares, **changes}, changes.keys(), confidence
        self.groups, self.n = np.asarray(groups), len(set(groups))
        stacked = np.stack(list(self.columns.values()), axis=-1)
        drawn = resampled_means(stacked, groups, seed=seed, rounds=ROUNDS, confidence=confidence)
        self.means = dict(zip(self.columns, drawn.T, strict=True))

    def mean(self, column: str) -> Estimate:
        """Of a column; its interval ends where the column can."""
        values = self.columns[column]
        return self._doubted(column, float(values.mean()), self.means[column], values.mean(axis=0), self.groups)

    def among(self, column: str, chosen: str) -> Estimate:
        """Mean of a column where a share is 1; the column is 0 elsewhere. NaN where the share is 0."""
        at = self.columns[chosen] > 0
        values, groups = self.columns[column][at], np.broadcast_to(self.groups, at.shape)[at]
        value = float(values.mean()) if at.any() else float("nan")
        return self._doubted(column, value, over(self.means[column], self.means[chosen]), values, groups)

    def ratio(self, name: str, part: str, whole: str) -> Estimate:
        """Mean of `part` over mean of `whole`, drawn together; it may lie outside 0 and 1. For a `whole` that is shown to be above 0."""
        below, never = float(self.columns[whole].mean()), self.mean(part)
        found = self._told(name, never.value / below, over(self.means[part], self.means[whole]))
        return found if found.low < found.high else found.model_copy(update={"low": never.low / below, "high": never.high / below})

    def _doubted(self, column: str, value: float, drawn: Floats, values: Floats, groups: NDArray[np.str_]) -> Estimate:
        changes = column in self.changes
        found = self._told(column, value, np.clip(drawn, -1.0 if changes else 0.0, 1.0))
        if not len(values) or (changes and found.low < found.high):
            return found
        rest = _signed if changes else stats.rate
        known = rest(values, groups, confidence=self.confidence)
        return found.model_copy(update={"low": min(found.low, known.low), "high": max(found.high, known.high)})

    def _told(self, name: str, value: float, drawn: Floats) -> Estimate:
        return percentiles(name, value, drawn, self.n, self.confidence, f"bootstrap over groups and seeds, {ROUNDS} rounds")


def _signed(values: Floats, groups: NDArray[np.str_], *, confidence: float) -> Estimate:
    return stats.paired_change(np.maximum(-values, 0), np.maximum(values, 0), groups, confidence=confidence)


def over(part: Floats, whole: Floats) -> NDArray[np.float64]:
    """The ratio; where `whole` is not above 0 it is without bound on the side of `part`, which widens an interval and never narrows it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = part / whole
    return np.where(whole > 0, found, np.where(part == 0, np.nan, np.copysign(np.inf, part)))
