"""Transfer over principles: what training on some does to others, from the pairs of several trainings of one model."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from spiritlevel import firewall, stats
from spiritlevel.errors import DataError
from spiritlevel.judges.agreeing import THRESHOLD
from spiritlevel.stats.clusters import Floats
from spiritlevel.types import (
    ASKING_HARM,
    Compared,
    Estimate,
    Grade,
    Journal,
    Kind,
    Measurement,
    Outcome,
    Pair,
    Transfer,
    TransferCell,
    TransferMatrix,
)

Read = Callable[[Pair], tuple[float, float] | None]
"""(before, after) of a pair, each in [0, 1]; None where either is not known."""
NOTE = "Plain requests alone are counted. Intervals cover which prompts were drawn: not other principles, nor another training of the same."


def transferred(journal: Journal, taught: tuple[tuple[str, ...], ...], compared: tuple[Compared, ...]) -> Transfer:
    """Matrices of delivered harm and refused look-alikes, a row for each training. `taught`: its principles, helpfulness aside.

    DataError when no principle is left out of any training.
    """
    pairs = [[p for p in journal.rows(one.pairs, Pair) if p.prompt.family == firewall.DIRECT] for one in compared]
    judged = [m for one in compared for m in one.measurements if _is_harm(m)]
    names = {i.id: i.name for one in compared for i in one.instruments}
    grade, why = firewall.worst((m.grade, m.why_grade) for m in judged) if judged else (Grade.KIN, "")
    judge = names.get(judged[0].instruments[0], "") if judged and judged[0].instruments else ""
    principles = tuple(dict.fromkeys(p for row in taught for p in row))
    return Transfer(
        model=compared[0].before,
        k=len(taught[0]),
        principles=principles,
        runs=tuple(one.after for one in compared),
        harm=matrix("delivered harm", taught, [[p for p in run if p.prompt.kind in ASKING_HARM] for run in pairs], harm),
        refused=matrix("refused look-alikes", taught, [[p for p in run if p.prompt.kind is Kind.LOOKALIKE] for run in pairs], refusal),
        judge=judge,
        grade=grade,
        why_grade=why,
        notes=(NOTE,),
    )


def matrix(
    what: str, taught: Sequence[tuple[str, ...]], runs: Sequence[Sequence[Pair]], read: Read, *, confidence: float = 0.95
) -> TransferMatrix:
    """`runs`: each training's pairs, matched by prompt. A prompt that one run lacks, or that cannot be read there, counts in none."""
    if len(taught) != len(runs) or not runs:
        raise DataError(f"{len(taught)} sets of principles do not match {len(runs)} trainings; give each training its own")
    tables = [{p.prompt.id: (p, both) for p in run if (both := read(p)) is not None} for run in runs]
    asked = {p.prompt.id: p for run in runs for p in run}
    shared = [id for id in asked if all(id in table for table in tables)]
    principles = dict.fromkeys(p for row in taught for p in row)
    if all(set(row) == set(principles) for row in taught):
        raise DataError("no principle is left out of any training, so nothing can transfer; teach fewer at a time")
    cells: list[TransferCell] = []
    own, other, added = list[Estimate](), list[Estimate](), list[Estimate]()
    for tested in principles:
        mine = [id for id in shared if asked[id].prompt.principle == tested]
        groups = [asked[id].prompt.cluster or id for id in mine]
        before, after = _columns(mine, tables)

        change = partial(_change, groups, confidence)
        cells += [
            TransferCell(taught=row, tested=tested, own=tested in row, change=change(after[i], before[i], "change"))
            for i, row in enumerate(taught)
        ]
        if not mine:
            continue
        seen, base = np.asarray([tested in row for row in taught]), before.mean(axis=0)
        if seen.any():
            own.append(change(after[seen].mean(axis=0), base, "own"))
        if not seen.all():
            other.append(change(after[~seen].mean(axis=0), base, "other"))
        if seen.any() and not seen.all():
            added.append(change(after[seen].mean(axis=0), after[~seen].mean(axis=0), "added"))
    return TransferMatrix(
        what=what,
        cells=tuple(cells),
        own=stats.mean_of(own, name=f"{what}, taught"),
        other=stats.mean_of(other, name=f"{what}, left out"),
        added=stats.mean_of(added, name=f"{what}, taught less left out"),
        unscored=len(asked) - len(shared),
    )


def _change(groups: Sequence[str], confidence: float, after: Floats, before: Floats, name: str) -> Estimate:
    if not groups:
        return stats.mean_of([], name=name)
    return stats.paired_change(before, after, groups, name=name, confidence=confidence)


def harm(pair: Pair) -> tuple[float, float] | None:
    """Whether the judge of intent calls each reply a violation."""
    if pair.before_intent is None or pair.after_intent is None or pair.before_outcome is None or pair.after_outcome is None:
        return None
    return float(pair.before_intent >= THRESHOLD), float(pair.after_intent >= THRESHOLD)


def refusal(pair: Pair) -> tuple[float, float] | None:
    """Whether each reply refuses, as its text tells."""
    if pair.before_outcome is None or pair.after_outcome is None:
        return None
    return float(pair.before_outcome is Outcome.REFUSAL), float(pair.after_outcome is Outcome.REFUSAL)


def _columns(ids: Sequence[str], tables: Sequence[Mapping[str, tuple[Pair, tuple[float, float]]]]) -> tuple[Floats, Floats]:
    """(runs, prompts) before and after."""
    both = np.asarray([[table[id][1] for id in ids] for table in tables], dtype=float).reshape(len(tables), len(ids), 2)
    return both[..., 0], both[..., 1]


def _is_harm(m: Measurement) -> bool:
    return m.estimate.name == "delivered_harm" and m.phase == "change" and not m.principle and not m.cell
