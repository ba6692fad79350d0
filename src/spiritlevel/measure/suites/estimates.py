"""Readings to estimates with intervals by group: of one model, and of the change between two on the same rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spiritlevel import stats
from spiritlevel.measure.suites.model import Item, Reading, Settings
from spiritlevel.measure.suites.scores import Score
from spiritlevel.types import Estimate

Readings = Mapping[tuple[str, str], Reading]
"""(row, frame) -> reading."""
ALWAYS = 0.95
"""Share of answers in one place from which a model is said to choose the place and not the answer."""
ENOUGH = 20


class Figure(NamedTuple):
    """An estimate, and what did not enter it."""

    estimate: Estimate
    unscored: int = 0
    errored: int = 0


class _Table(NamedTuple):
    columns: list[np.ndarray]
    groups: list[str]
    keys: list[str]
    unscored: int
    errored: int


def single(score: Score, name: str, items: Sequence[Item], found: Readings, settings: Settings) -> Figure:
    """One figure of one model."""
    table = _table(score, items, found)
    return Figure(_estimate(score, name, table, settings), table.unscored, table.errored)


def change(score: Score, name: str, items: Sequence[Item], before: Readings, after: Readings, settings: Settings) -> Figure:
    """After less before, over the rows that both have."""
    one, two = _table(score, items, before), _table(score, items, after)
    (b, a), groups = _common((one, two))
    lost, failed = max(one.unscored, two.unscored), max(one.errored, two.errored)
    if not groups:
        return Figure(nothing(name, settings, -1.0), lost, failed)
    if score.statistic is None and score.arms is None:
        estimate = stats.paired_change(b[0], a[0], groups, name=name, confidence=settings.confidence)
    else:
        of = score.statistic or _contrast
        width = len(b)
        estimate = stats.cluster_bootstrap(
            lambda *columns: of(*columns[width:]) - of(*columns[:width]),
            [*b, *a],
            groups,
            seed=settings.seed,
            name=name,
            rounds=settings.rounds,
            confidence=settings.confidence,
        )
        estimate = spread(estimate)
    return Figure(estimate, lost, failed)


def phases(score: Score, name: str, items: Sequence[Item], every: Sequence[Readings], settings: Settings) -> list[tuple[str, Figure]]:
    """(phase, figure): of one model, or before, after and their change on the same rows."""
    alone = [single(score, name, items, found, settings) for found in every]
    if len(every) == 1:
        return [("single", alone[0])]
    return [("before", alone[0]), ("after", alone[1]), ("change", change(score, name, items, every[0], every[1], settings))]


def extremes(score: Score, name: str, items: Sequence[Item], every: Sequence[Readings], settings: Settings) -> tuple[Estimate, Estimate]:
    """(least, greatest) over several wordings, on the rows that all have.

    A row counts the wording that is least (or greatest) for it; of a statistic, which is no mean over rows, the whole does.
    """
    tables, groups = _common([_table(score, items, found) for found in every])
    of, width = score.statistic, len(tables[0])

    def estimate(word: str, pick: Callable[..., Any]) -> Estimate:
        called = f"{name}, {word} of {len(every)} wordings"
        if not groups:
            return nothing(called, settings, -1.0 if score.arms or of else 0.0)
        if of is None and score.arms is None:
            return stats.rate(pick([columns[0] for columns in tables], axis=0), groups, name=called, confidence=settings.confidence)
        if of is None:
            columns = [pick([second - first for first, second in tables], axis=0)]
        else:
            columns = [column for each in tables for column in each]

        def value(*given: np.ndarray) -> float:
            return float(np.mean(given[0]) if of is None else pick([of(*given[i : i + width]) for i in range(0, len(given), width)]))

        found = stats.cluster_bootstrap(
            value, columns, groups, seed=settings.seed, name=called, rounds=settings.rounds, confidence=settings.confidence
        )
        wide = spread(found)  # an extreme's draws lean outwards: the estimate itself stays within
        return wide.model_copy(update={"low": min(wide.low, wide.value), "high": max(wide.high, wide.value)})

    return estimate("least", np.min), estimate("greatest", np.max)


def _common(tables: Sequence[_Table]) -> tuple[list[list[np.ndarray]], list[str]]:
    """Each table's columns on the rows that all have, and these rows' groups."""
    common = sorted(set.intersection(*(set(table.keys) for table in tables)))
    places = [{key: i for i, key in enumerate(table.keys)} for table in tables]
    columns = [[column[[at[key] for key in common]] for column in table.columns] for table, at in zip(tables, places, strict=True)]
    return columns, [tables[0].groups[places[0][key]] for key in common]


def _contrast(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.mean(second) - np.mean(first))


def _estimate(score: Score, name: str, table: _Table, settings: Settings) -> Estimate:
    if not table.keys:
        return nothing(name, settings, -1.0 if score.arms or score.statistic else 0.0)
    if score.arms:
        return stats.paired_change(table.columns[0], table.columns[1], table.groups, name=name, confidence=settings.confidence)
    if score.statistic is None:
        return stats.rate(table.columns[0], table.groups, name=name, confidence=settings.confidence)
    estimate = stats.cluster_bootstrap(
        score.statistic,
        table.columns,
        table.groups,
        seed=settings.seed,
        name=name,
        rounds=settings.rounds,
        confidence=settings.confidence,
    )
    return spread(estimate)


def spread(e: Estimate) -> Estimate:
    """A bootstrap's interval, widened by t over normal quantiles, since few groups make it too narrow (Cameron, Gelbach & Miller 2008).

    Where nothing varies it is as wide as the rule of three has it (3 / n); of a single group nothing is known but the value.
    """
    from scipy.stats import norm, t

    if e.n < 2 or not np.isfinite([e.low, e.high]).all():
        return e.model_copy(update={"low": -2.0, "high": 2.0}) if e.n else e
    tail = 0.5 + e.confidence / 2
    more = float(t.ppf(tail, e.n - 1) / norm.ppf(tail)) * (e.n / (e.n - 1)) ** 0.5
    low, high = e.value - more * (e.value - e.low), e.value + more * (e.high - e.value)
    if low == high:
        low, high = e.value - 3 / e.n, e.value + 3 / e.n
    return e.model_copy(update={"low": max(-2.0, low), "high": min(2.0, high)})


def nothing(name: str, settings: Settings, least: float = 0.0) -> Estimate:
    """An estimate of what could not be measured: no value, all that is possible as its interval."""
    return Estimate(name=name, value=float("nan"), low=least, high=1.0, n=0, confidence=settings.confidence, method="not measured")


def _table(score: Score, items: Sequence[Item], found: Readings) -> _Table:
    """Columns by row; of a contrast one column an arm, by twin."""
    if score.arms:
        return _twins(score, items, found)
    rows: list[tuple[str, str, tuple[float, ...]]] = []
    unscored = errored = 0
    for item in items:
        reading = found.get((item.id, score.frame))
        if score.kinds(item) is None or reading is None:
            continue
        value = score.columns(item, reading) if score.columns else _single(score.value(item, reading))
        if reading.error:
            errored += 1
        elif value is None:
            unscored += 1
        else:
            rows.append((item.id, item.group, value))
    width = len(rows[0][2]) if rows else 1
    return _Table(
        [np.asarray([row[2][i] for row in rows], dtype=float) for i in range(width)],
        [row[1] for row in rows],
        [row[0] for row in rows],
        unscored,
        errored,
    )


def _single(value: float | None) -> tuple[float, ...] | None:
    return None if value is None else (value,)


def _twins(score: Score, items: Sequence[Item], found: Readings) -> _Table:
    assert score.arms is not None
    arms: tuple[dict[str, float], dict[str, float]] = ({}, {})
    groups: dict[str, str] = {}
    unscored = errored = 0
    for item in items:
        for which, arm in enumerate(score.arms):
            reading = found.get((item.id, arm if score.framed else score.frame))
            if reading is None or (not score.framed and score.kinds(item) != arm):
                continue
            value = score.value(item, reading)
            errored += bool(reading.error)
            unscored += value is None and not reading.error
            if value is not None and not reading.error:
                arms[which][score.twin(item)] = value
                groups[score.twin(item)] = item.group
    both = sorted(set(arms[0]) & set(arms[1]))
    columns = [np.asarray([arm[key] for key in both], dtype=float) for arm in arms]
    return _Table(columns, [groups[key] for key in both], both, unscored, errored)


def one_place(found: Sequence[Reading]) -> str:
    """Why the choices say nothing: nearly all stand in one place, whatever stood there. Empty when they do not, or are too few to tell."""
    places = [place for reading in found for place in reading.places]
    if len(places) < ENOUGH:
        return ""
    top = max(set(places), key=places.count)
    share = places.count(top) / len(places)
    letter = "ABCDEFGHIJKLMNOP"[top]
    return (
        f"{share:.0%} of {len(places)} answers are {letter!r}, whatever stands there: a liking for a place, no answer"
        if share >= ALWAYS
        else ""
    )
