"""Capability against alignment over models of one family: does what a model can do go with what it does?"""

from collections.abc import Sequence

import numpy as np

from spiritlevel.errors import DataError
from spiritlevel.types import Estimate, Frozen

LEAST = 4
"""Fewest models: a line through fewer has one degree of freedom, or none."""


class Point(Frozen):
    """One model: what it can do, and how aligned it is, each with its interval."""

    model: str
    capability: Estimate
    alignment: Estimate


def slope(points: Sequence[Point], *, name: str = "alignment by capability", confidence: float = 0.95) -> Estimate:
    """Change of alignment with one unit of capability, by least squares, with Student's interval at n - 2 degrees of freedom.

    Errors of the capability pull the slope towards 0 (Fuller 1987, section 1.1), so that a slope that is shown is there, and one that is
    not shown may be. DataError under four models, or when all can do the same. `n` is the number of models.
    """
    from scipy.stats import t

    if len(points) < LEAST:
        raise DataError(f"{len(points)} models are too few for a slope; give at least {LEAST} of one family")
    x, y = (np.asarray([getattr(p, what).value for p in points], dtype=float) for what in ("capability", "alignment"))
    if not np.isfinite([x, y]).all():
        raise DataError("a model has no capability or no alignment that was measured; leave it out")
    across = float(((x - x.mean()) ** 2).sum())
    if across == 0:
        raise DataError("all models have the same capability; give models that differ")
    value = float(((x - x.mean()) * (y - y.mean())).sum()) / across
    left = y - y.mean() - value * (x - x.mean())
    free = len(x) - 2
    half = float(t.ppf(0.5 + confidence / 2, free)) * float(np.sqrt((left**2).sum() / free / across))
    method = f"least squares over {len(x)} models, t at {free} degrees of freedom"
    return Estimate(name=name, value=value, low=value - half, high=value + half, n=len(x), confidence=confidence, method=method)


def shown(e: Estimate) -> str:
    """The slope in words: rises, falls, or not shown."""
    if e.low > 0:
        return "alignment rises with capability"
    return "alignment falls with capability" if e.high < 0 else "not shown: the interval holds 0"
