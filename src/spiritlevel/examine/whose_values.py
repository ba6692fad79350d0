"""Whose values: who a principle comes from and who approved it, and where groups of raters part on it."""

from collections.abc import Sequence

from spiritlevel.errors import DataError
from spiritlevel.raters.report import report
from spiritlevel.types import Item, Panel, Rating


def apart(items: Sequence[Item], ratings: Sequence[Rating], *, seed: int = 0, rounds: int = 400) -> dict[str, Panel]:
    """The raters' report on each principle's items, where at least two groups of raters rated some. DataError: no item names one."""
    if not any(item.principle for item in items):
        raise DataError("no item of the set names a principle, so that nothing can be said of principles; import items with one")
    found = {}
    for id in sorted({item.principle for item in items} - {""}):
        mine = [item for item in items if item.principle == id]
        known = {item.id for item in mine}
        said = [r for r in ratings if r.item in known]
        if len({r.panel for r in said if r.value is not None}) > 1:
            found[id] = report(mine, said, seed=seed, rounds=rounds)
    return found
