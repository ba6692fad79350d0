"""What would settle an unproven figure: a power calculation from the estimate and its design effect."""

import math
from collections.abc import Callable
from statistics import NormalDist

from spiritlevel.stats.clusters import wilson_limits
from spiritlevel.types import Estimate

POWER = 0.8
"""Chance with which the planned sample shows the limit, if the truth is the present estimate."""
MOST = 10_000_000


def clusters(e: Estimate, *, at_most: float | None, at_least: float | None = None, power: float = POWER) -> int | None:
    """Clusters in all that would bring the pessimistic bound to the limit, with chance `power` if the truth is the estimate.

    None when the estimate is itself on the wrong side, or nothing was measured. Shares: the exact binomial chance that Wilson's bound
    keeps the limit, each cluster worth as many independent samples as now (its design effect, from the interval's own width). Anything
    else: a normal estimate whose bound shrinks with the root of the clusters.
    """
    if at_most is None and at_least is not None:
        mirrored = e.model_copy(update={"value": -e.value, "low": -e.high, "high": -e.low})
        if is_share(e):
            mirrored = e.model_copy(update={"value": 1 - e.value, "low": 1 - e.high, "high": 1 - e.low})
            return clusters(mirrored, at_most=1 - at_least, power=power)
        return clusters(mirrored, at_most=-at_least, power=power)
    if at_most is None or e.n < 1 or not all(map(math.isfinite, (e.value, e.low, e.high))) or e.value >= at_most:
        return None
    if e.high <= at_most:
        return e.n
    if not is_share(e):
        z, more = NormalDist().inv_cdf(0.5 + e.confidence / 2), NormalDist().inv_cdf(power)
        return math.ceil(e.n * ((e.high - e.value) * (1 + more / z) / (at_most - e.value)) ** 2)
    worth = effective(e)
    needed = _first(lambda n: chance(e.value, n, at_most, e.confidence) >= power, math.ceil(worth))
    return None if needed is None else math.ceil(needed * e.n / worth - 1e-6)  # bisection ends a hair short


def effective(e: Estimate) -> float:
    """Independent samples whose Wilson interval has this upper bound: clusters times their worth. At least 1."""
    low, high = 1.0, float(MOST)
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if wilson_limits(e.value, middle, e.confidence)[1] > e.high else (low, middle)
    return low


def chance(rate: float, n: int, limit: float, confidence: float) -> float:
    """Chance that Wilson's upper bound of `n` samples keeps `limit` when the true rate is `rate`."""
    from scipy.stats import binom

    few, many = -1, n  # the largest count whose bound keeps the limit, by bisection
    while few < many:
        k = (few + many + 1) // 2
        few, many = (k, many) if wilson_limits(k / n, n, confidence)[1] <= limit else (few, k - 1)
    return float(binom.cdf(few, n, rate)) if few >= 0 else 0.0


def _first(enough: Callable[[int], bool], start: int) -> int | None:
    """The least n, up to the teeth of a binomial's saw, that is enough; None past MOST."""
    high = max(start, 1)
    while not enough(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def is_share(e: Estimate) -> bool:
    """A share with a score interval, whose design effect its width tells."""
    return e.method in ("wilson", "score at effective n")
