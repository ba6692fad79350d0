"""Where a detector's threshold lies: what a calibration set can promise of false alarms, and what is caught at a given rate of them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.stats.resampling import cluster_bootstrap
from spiritlevel.types import Estimate


def upper(k: int, n: int, confidence: float = 0.95) -> float:
    """One-sided upper bound of a rate after k of n (Clopper & Pearson 1934); 1 for n = 0."""
    if not 0 <= k <= n:
        raise ValueError(f"k = {k} is not between 0 and n = {n}")
    from scipy.stats import beta

    return 1.0 if k == n else float(beta.ppf(confidence, k + 1, n - k))


def needed(rate: float, confidence: float = 0.95) -> int:
    """Fewest independent calibration cases from which `rate` can be promised at all: none of n over the threshold."""
    if not 0 < rate < 1:
        raise ValueError(f"a rate of {rate} is not between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log1p(-rate))


def worst_of(scores: ArrayLike, groups: Sequence[str]) -> NDArray[np.float64]:
    """Highest score of each group: groups are independent cases, their members are not."""
    found: dict[str, float] = {}
    for score, group in zip(np.asarray(scores, dtype=float), groups, strict=True):
        found[group] = max(float(score), found.get(group, -np.inf))
    return np.asarray(list(found.values()))


def promised(benign: ArrayLike, rate: float, confidence: float = 0.95) -> tuple[float, int, float] | None:
    """(threshold, false alarms above it, their upper bound): the lowest threshold whose upper bound is at most `rate`.

    `benign`: one score an independent harmless case that nothing was fitted on. A score counts as an alarm when it is over the
    threshold, which is itself a score: exact for any distribution (order statistics; Wilks 1941). None when `needed` is not met.
    """
    scores = np.sort(np.asarray(benign, dtype=float))[::-1]
    n = len(scores)
    allowed = max((k for k in range(min(n, int(rate * n) + 1)) if upper(k, n, confidence) <= rate), default=None)
    if allowed is None:
        return None
    alarms = int((scores > scores[allowed]).sum())
    return float(scores[allowed]), alarms, upper(alarms, n, confidence)


def caught_at(
    rate: float, scores: ArrayLike, labels: ArrayLike, groups: Sequence[str], *, seed: int, name: str = "", rounds: int = 1000
) -> Estimate:
    """Share of positives over the threshold that lets at most `rate` of the negatives over it; both resampled by group, threshold anew."""

    def share(s: NDArray[np.float64], y: NDArray[np.bool_]) -> float:
        negative = np.sort(s[~y])[::-1]
        if not len(negative) or not y.any():
            return float("nan")
        return float((s[y] > negative[min(int(rate * len(negative) + 1e-9), len(negative) - 1)]).mean())

    return cluster_bootstrap(share, [np.asarray(scores, float), np.asarray(labels, bool)], groups, seed=seed, name=name, rounds=rounds)
