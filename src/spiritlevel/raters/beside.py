"""People and machines on the same items: each kind has the same report, and each machine is held against people's majority."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from spiritlevel import stats
from spiritlevel.raters.report import group_of, report
from spiritlevel.raters.store import latest
from spiritlevel.stats import agreement
from spiritlevel.types import Estimate, Item, MachineSeen, Panel, Rating, SideBySide

FEWEST = 2
"""Prompt groups of which an interval can be told."""


def of_people(ratings: Sequence[Rating]) -> list[Rating]:
    """All labels but those of models and rewards; simulated raters stand in for people."""
    return [r for r in ratings if r.by != "model"]


def of_machines(ratings: Sequence[Rating]) -> list[Rating]:
    """Labels of models and rewards."""
    return [r for r in ratings if r.by == "model"]


def side_by_side(items: Sequence[Item], ratings: Sequence[Rating], *, keyword: str = "", seed: int = 0, rounds: int = 400) -> SideBySide:
    """A panel of people, one of machines, and each machine beside people. Errors as `report`."""
    people, machines = of_people(ratings), of_machines(ratings)

    def panel(some: Sequence[Rating]) -> Panel:
        return report(items, some, keyword=keyword, seed=seed, rounds=rounds)

    return SideBySide(
        people=panel(people) if people or not machines else None,
        machines=panel(machines) if machines else None,
        beside=compared(items, people, machines, seed=seed, rounds=rounds) if people and machines else (),
    )


def compared(
    items: Sequence[Item], people: Sequence[Rating], machines: Sequence[Rating], *, seed: int = 0, rounds: int = 400
) -> tuple[MachineSeen, ...]:
    """Each machine beside the mean of people's labels on the items that both rated, by name."""
    known = {item.id: item for item in items}
    said = defaultdict[str, list[float]](list)
    for r in latest(people):
        if r.value is not None:
            said[r.item].append(r.value)
    mean = {item: sum(values) / len(values) for item, values in said.items()}
    told = [r for r in latest(machines) if r.value is not None]
    return tuple(
        _one(name, [r for r in told if r.rater == name], mean, known, seed, rounds) for name in sorted({r.rater for r in machines})
    )


def _one(name: str, mine: Sequence[Rating], mean: dict[str, float], known: dict[str, Item], seed: int, rounds: int) -> MachineSeen:
    both = [(r.value or 0.0, mean[r.item], group_of(known[r.item])) for r in mine if r.item in mean]
    if any(known[r.item].b is None for r in mine):
        table = np.asarray([(a, b) for a, b, _ in both]).reshape(-1, 2)
        groups = [group for _, _, group in both]
        level = _none("alpha")
        if len(set(groups)) >= FEWEST:
            level = stats.cluster_bootstrap(
                lambda t: agreement.alpha(t, "interval"), [table], groups, seed=seed, name="alpha", rounds=rounds
            )
        return MachineSeen(rater=name, agrees=_none("agrees"), kappa=level, turned=_none("turned"))
    sided = [(a > 0.5, b > 0.5, group) for a, b, group in both if a != 0.5 and b != 0.5]
    groups = [group for _, _, group in sided]
    kappa = _none("kappa")
    if len(set(groups)) >= FEWEST:
        kappa = stats.kappa([a for a, _, _ in sided], [b for _, b, _ in sided], groups, seed=seed, rounds=rounds)
    sides = defaultdict[str, list[float]](list)
    for r in mine:
        sides[r.item].append(float(np.sign((r.value or 0.0) - 0.5)))
    twice = {item: said for item, said in sides.items() if len(said) > 1}
    return MachineSeen(
        rater=name,
        agrees=stats.rate([float(a == b) for a, b, _ in sided], groups, name="agrees"),
        kappa=kappa,
        turned=stats.rate([float(len(set(said)) > 1) for said in twice.values()], [group_of(known[i]) for i in twice], name="turned"),
    )


def _none(name: str) -> Estimate:
    return Estimate(name=name, value=float("nan"), low=-1, high=1, n=0, method="no item has labels of both")
