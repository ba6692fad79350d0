"""How often the 95 % intervals of suites hold the truth: synthetic readings with groups that correlate, through the suites' own estimators.

4,000 simulations each: with 1,000 the Monte-Carlo error is as large as what lies between the goal and the exact coverage of Wilson's
interval where rows are alone, which swings from one rate to the next.

A group's own rate is Beta(4 p, 4 (1 - p)), so that rows of a group correlate by 1/5. Designs: 100 groups of one row, 40 of four.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.measure.suites import Item, Reading, Settings
from spiritlevel.measure.suites.estimates import change, single
from spiritlevel.measure.suites.scores import SCORES
from spiritlevel.measure.suites.slope import Point, slope
from spiritlevel.types import Estimate

SEED, GOAL = 20261, 0.93
DESIGNS = {"100 groups of one": (100, 1), "40 groups of four": (40, 4)}
HOW = Settings(rounds=300)
Readings = dict[tuple[str, str], Reading]


def shares(rng: np.random.Generator, groups: int, size: int, rate: float) -> NDArray[np.bool_]:
    """(groups * size,) outcomes of one arm."""
    own = rng.beta(4 * rate, 4 * (1 - rate), groups)
    return rng.random(groups * size) < np.repeat(own, size)


def row(i: int, size: int, **tags: str) -> Item:
    """A row with a right choice, a wrong one and an unknown one."""
    return Item(id=f"{i}{''.join(tags.values())}", group=str(i // size), question="q", choices=("a", "b", "?"), answer=0, tags=tags)


def reading(item: Item, place: int, frame: str = "plain") -> Reading:
    """The choice at a place."""
    return Reading(item=item.id, frame=frame, picked=tuple(float(j == place) for j in range(3)))


def share(rng: np.random.Generator, groups: int, size: int) -> tuple[float, Estimate]:
    """Accuracy, and every other plain share."""
    items = [row(i, size) for i in range(groups * size)]
    found = {(o.id, "plain"): reading(o, int(not y)) for o, y in zip(items, shares(rng, groups, size, 0.3), strict=True)}
    return 0.3, single(SCORES["accuracy"], "s", items, found, HOW).estimate


def twins(rng: np.random.Generator, groups: int, size: int) -> tuple[float, Estimate]:
    """The gap between twins: genders, names, frames."""
    items: list[Item] = []
    found: Readings = {}
    for gender, rate in (("male", 0.55), ("female", 0.45)):
        for i, y in enumerate(shares(rng, groups, size, rate)):
            items.append(row(i, size, gender=gender, twin=str(i)))
            found[items[-1].id, "plain"] = reading(items[-1], int(not y))
    return -0.1, single(SCORES["gender-gap"], "s", items, found, HOW).estimate


def moved(rng: np.random.Generator, groups: int, size: int) -> tuple[float, Estimate]:
    """A change between two models."""
    items = [row(i, size) for i in range(groups * size)]
    sides = [
        {(o.id, "plain"): reading(o, int(not y)) for o, y in zip(items, shares(rng, groups, size, rate), strict=True)}
        for rate in (0.3, 0.45)
    ]
    return 0.15, change(SCORES["accuracy"], "s", items, *sides, HOW).estimate


def _bbq(rng: np.random.Generator, groups: int, size: int, condition: str, right: int) -> tuple[list[Item], Readings]:
    tags = {"context_condition": condition, "unknown_idx": "2", "stereotyped_idx": "0"}
    items = [row(i, size, **tags).model_copy(update={"answer": right}) for i in range(groups * size)]
    named, biased = (shares(rng, groups, size, rate) for rate in (0.7, 0.6))
    return items, {(o.id, "plain"): reading(o, 2 if not k else int(not b)) for o, k, b in zip(items, named, biased, strict=True)}


def disambiguated(rng: np.random.Generator, groups: int, size: int) -> tuple[float, Estimate]:
    """BBQ's s_DIS: 2 * 0.6 - 1."""
    return 0.2, single(SCORES["bias-disambiguated"], "s", *_bbq(rng, groups, size, "disambig", 0), HOW).estimate


def ambiguous(rng: np.random.Generator, groups: int, size: int) -> tuple[float, Estimate]:
    """BBQ's s_AMB: 0.7 of it."""
    return 0.14, single(SCORES["bias-ambiguous"], "s", *_bbq(rng, groups, size, "ambig", 2), HOW).estimate


def line(rng: np.random.Generator, groups: int, size: int) -> tuple[float, Estimate]:
    """Capability against alignment over five models: the slope is -0.5."""
    points = []
    for x in (0.25, 0.3, 0.36, 0.43, 0.5):
        able, meant = (stats.rate(shares(rng, groups, size, rate), np.repeat(np.arange(groups), size)) for rate in (x, 0.8 - 0.5 * x))
        points.append(Point(model="m", capability=able.model_copy(update={"value": x}), alignment=meant))
    return -0.5, slope(points)


KINDS: dict[str, Callable[[np.random.Generator, int, int], tuple[float, Estimate]]] = {
    "a share": share,
    "a gap between twins": twins,
    "a change": moved,
    "bias where the context tells": disambiguated,
    "bias where it does not": ambiguous,
    "the slope": line,
}


def coverage(kind: str, design: str, count: int, seed: int = SEED) -> tuple[int, float]:
    """Simulations of `count` whose interval holds the truth, and the median width."""
    rng = np.random.default_rng(seed)
    drawn = [KINDS[kind](rng, *DESIGNS[design]) for _ in range(count)]
    return sum(e.low <= truth <= e.high for truth, e in drawn), float(np.median([e.high - e.low for _, e in drawn]))


def measure(count: int = 4000) -> list[dict[str, Any]]:
    """Coverage of each kind in both designs, with the Monte-Carlo interval."""
    rows = []
    for kind in KINDS:
        for design in DESIGNS:
            inside, width = coverage(kind, design, count)
            e = stats.wilson(inside, count)
            value = f"{e.value:.1%} ({100 * e.low:.1f} to {100 * e.high:.1f}); median width {width:.3f}"
            met = "yes" if e.value >= GOAL else "no"
            rows.append({"what": f"{kind}, {design}", "value": value, "n": count, "goal": f"at least {GOAL:.0%}", "met": met})
            print(rows[-1]["what"], value, flush=True)
    return rows


if __name__ == "__main__":
    import sys

    measure(*map(int, sys.argv[1:]))
