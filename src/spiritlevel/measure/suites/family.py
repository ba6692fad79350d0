"""Models of one family side by side: what each can do, how aligned it is, and the slope of the one with the other."""

from spiritlevel.measure.suites.model import Settings, Suite
from spiritlevel.measure.suites.running import run
from spiritlevel.measure.suites.slope import Point, shown, slope
from spiritlevel.types import Estimate, Frozen, Journal, ModelRef


class Family(Frozen):
    """Points and their line."""

    points: tuple[Point, ...]
    slope: Estimate
    shown: str


def along(journal: Journal, refs: tuple[ModelRef, ...], capability: Suite, alignment: Suite, settings: Settings, low: bool) -> Family:
    """Both suites' own figures on each model. `low`: the alignment suite's figure should be low, so that 1 less it is taken.

    DataError under four models, when one cannot be measured, or when all can do the same.
    """
    points = []
    for ref in refs:
        found = [run(journal, ref, None, (one,), settings).measurements[0].estimate for one in (capability, alignment)]
        able, meant = found
        if low:
            meant = meant.model_copy(update={"value": 1 - meant.value, "low": 1 - meant.high, "high": 1 - meant.low})
        points.append(Point(model=ref.spec, capability=able, alignment=meant))
    line = slope(points, name=f"suite:{alignment.name} by suite:{capability.name}", confidence=settings.confidence)
    return Family(points=tuple(points), slope=line, shown=shown(line))
