"""Sentences about figures: direction, and what a figure does not show. The figures themselves are put in by the template."""

from collections.abc import Iterator

from spiritlevel.report import words
from spiritlevel.report.choose import Line
from spiritlevel.types import Estimate, Grade, Measurement

FEW = 30
"""Independent clusters under which it is said that they are few."""


def direction(e: Estimate) -> str:
    """`fell`, `rose`, or what its interval leaves open. Of a change, after minus before."""
    if not (e.low <= e.value <= e.high):
        return "has no defined change"
    return "fell" if e.high < 0 else "rose" if e.low > 0 else "is not shown to have moved"


def moved(name: str, before: Estimate, after: Estimate, change: Estimate | None) -> str:
    """Direction, size and interval in one plain sentence, for those who hear a plot."""
    where = f"from {words.told(before)} to {words.told(after)}"
    if change is None:
        return f"{name}: {where}; the change was not measured in pairs"
    return f"{name} {direction(change)}: {words.told(change, 'change')}, {where}"


def caveats(line: Line, struck: str = "") -> str:
    """What the figures of a line do not show, in clauses; empty when nothing beyond the chapter's own limits."""
    return "; ".join(_caveats(line, struck))


def _caveats(line: Line, struck: str) -> Iterator[str]:
    told = [*line.phases.values()]
    if struck:
        yield f"struck out, {struck}"
    elif line.grade is Grade.KIN:
        yield f"kin evidence{f' ({line.why})' if line.why else ''}, which can hold and approves nothing"
    if line.role == "proxy":
        yield "a proxy, which meets no threshold"
    elif line.role == "oracle":
        yield "a declared oracle, which proves a method and certifies no model"
    if any(0 < m.estimate.n < FEW for m in told):
        yield "few independent clusters, so a small change could not be seen"
    if line.change is not None and direction(line.change.estimate).startswith("is not"):
        yield "that nothing changed is not shown either"
    if any(_lost(m) for m in told):
        yield "what could not be scored, or failed, is in no rate"


def _lost(m: Measurement) -> int:
    return m.unscored + m.errored
