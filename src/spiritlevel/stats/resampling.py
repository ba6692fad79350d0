"""Statistics resampled by cluster, agreement and ranking. Samples that share a prompt are not independent."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.types import Estimate


def cluster_bootstrap(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    groups: Sequence[object] | NDArray[np.generic],
    *,
    seed: int,
    name: str = "",
    rounds: int = 1000,
    confidence: float = 0.95,
) -> Estimate:
    """Percentile interval of `statistic(*arrays)` with whole groups resampled (Efron & Tibshirani 1993, ch. 13).

    All arrays have one entry a sample, aligned with `groups`; `n` is the number of groups. Rounds in which the statistic is
    not defined (NaN) are left out; if it is defined in fewer than half, the interval is NaN. Under about 20 groups the
    interval is too narrow: pool first.
    """
    value, kept, n = _resampled(statistic, arrays, groups, seed, rounds)
    tail = (1 - confidence) / 2
    low, high = (float(q) for q in np.quantile(kept, [tail, 1 - tail])) if len(kept) else (float("nan"), float("nan"))
    return Estimate(name=name, value=value, low=low, high=high, n=n, confidence=confidence, method=f"cluster bootstrap, {rounds} rounds")


def debiased_bootstrap(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    groups: Sequence[object] | NDArray[np.generic],
    *,
    seed: int,
    name: str = "",
    rounds: int = 1000,
    confidence: float = 0.95,
    least: float = -np.inf,
) -> Estimate:
    """The statistic less its bootstrap bias (Efron & Tibshirani 1993, ch. 10), with the basic interval (Davison & Hinkley 1997, ch. 5).

    For a statistic that noise alone pushes one way, such as a distance that cannot fall under `least`: a percentile interval would
    never reach it. What falls under `least` is put on it.
    """
    value, kept, n = _resampled(statistic, arrays, groups, seed, rounds)
    tail = (1 - confidence) / 2
    high, low = (2 * value - float(q) for q in np.quantile(kept, [tail, 1 - tail])) if len(kept) else (float("nan"), float("nan"))
    centre = float(np.clip(2 * value - kept.mean(), low, high)) if len(kept) else float("nan")
    low, centre, high = (float(np.maximum(v, least)) for v in (low, centre, high))
    return Estimate(name=name, value=centre, low=low, high=high, n=n, confidence=confidence, method=f"basic bootstrap, {rounds} rounds")


def _resampled(
    statistic: Callable[..., float], arrays: Sequence[ArrayLike], groups: Sequence[object] | NDArray[np.generic], seed: int, rounds: int
) -> tuple[float, NDArray[np.float64], int]:
    """(value, values over resampled groups, groups); no values when the statistic is undefined in half of the rounds or more."""
    columns = [np.asarray(a) for a in arrays]
    codes = np.unique(np.asarray([str(g) for g in groups], dtype=object).astype(str), return_inverse=True)[1]
    if any(len(c) != len(codes) for c in columns):
        raise ValueError(f"arrays of {[len(c) for c in columns]} rows do not match {len(codes)} groups")
    if len(codes) == 0:
        return float("nan"), np.empty(0), 0
    n = int(codes.max()) + 1
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes, minlength=n))[:-1])
    rng = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(rounds):
        rows = np.concatenate([members[i] for i in rng.integers(0, n, n)])
        drawn.append(float(statistic(*(c[rows] for c in columns))))
    kept = np.asarray([d for d in drawn if not np.isnan(d)])
    return float(statistic(*columns)), kept if len(kept) * 2 >= rounds else np.empty(0), n


def area(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve: chance that a positive outscores a negative, ties half. NaN when a class is missing."""
    score, positive = np.asarray(scores, dtype=float), np.asarray(labels).astype(bool)
    up, down = score[positive], np.sort(score[~positive])
    if not len(up) or not len(down) or np.isnan(score).any():
        return float("nan")
    below = np.searchsorted(down, up, "left").sum() + np.searchsorted(down, up, "right").sum()
    return float(below / (2 * len(up) * len(down)))


def cohen(a: ArrayLike, b: ArrayLike) -> float:
    """Cohen's kappa of two raters over any labels (Cohen 1960). NaN when both used one and the same label throughout."""
    left, right = np.asarray(a).astype(str), np.asarray(b).astype(str)
    seen = np.mean(left == right)
    names = np.unique(np.concatenate([left, right]))
    chance = sum(float(np.mean(left == x)) * float(np.mean(right == x)) for x in names)
    return float("nan") if chance >= 1 else float((seen - chance) / (1 - chance))


def auroc(
    scores: ArrayLike,
    labels: ArrayLike,
    groups: Sequence[object] | NDArray[np.generic],
    *,
    seed: int,
    name: str = "auroc",
    rounds: int = 1000,
) -> Estimate:
    """AUROC with a cluster-bootstrap interval."""
    return cluster_bootstrap(area, [np.asarray(scores, dtype=float), np.asarray(labels)], groups, seed=seed, name=name, rounds=rounds)


def kappa(
    a: ArrayLike,
    b: ArrayLike,
    groups: Sequence[object] | NDArray[np.generic],
    *,
    seed: int,
    name: str = "kappa",
    rounds: int = 1000,
    confidence: float = 0.95,
) -> Estimate:
    """Cohen's kappa with a cluster-bootstrap interval."""
    names, codes = np.unique(np.concatenate([np.asarray(a).astype(str), np.asarray(b).astype(str)]), return_inverse=True)
    n = len(np.asarray(a))

    def fast(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
        share = np.bincount(left, minlength=len(names)) / len(left), np.bincount(right, minlength=len(names)) / len(right)
        chance = float(share[0] @ share[1])
        return float("nan") if chance >= 1 else (float(np.mean(left == right)) - chance) / (1 - chance)

    return cluster_bootstrap(fast, [codes[:n], codes[n:]], groups, seed=seed, name=name, rounds=rounds, confidence=confidence)
