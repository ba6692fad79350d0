"""Shares and their paired changes, with intervals that allow for clusters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.stats.clusters import codes_of, icc, limits, wilson_limits, worth
from spiritlevel.types import Estimate


def wilson(k: int, n: int, *, name: str = "", confidence: float = 0.95) -> Estimate:
    """Wilson's score interval for k of n (Wilson 1927, eq. 5). n = 0: value NaN, interval [0, 1]."""
    if not 0 <= k <= n:
        raise ValueError(f"k = {k} is not between 0 and n = {n}")
    if n == 0:
        return Estimate(name=name, value=float("nan"), low=0.0, high=1.0, n=0, confidence=confidence, method="wilson")
    p = k / n
    low, high = wilson_limits(p, n, confidence)
    return Estimate(name=name, value=p, low=low, high=high, n=n, confidence=confidence, method="wilson")


def rate(values: ArrayLike, groups: Sequence[object] | NDArray[np.generic], *, name: str = "", confidence: float = 0.95) -> Estimate:
    """Mean of values in [0, 1] with Wilson's interval at the effective sample size, or by `clusters.limits` where one cluster is large.

    `n` is the number of clusters. Never degenerate: 0 of 256 has an upper bound of 1.5 %. For probabilities (not 0/1) it is conservative.
    """
    x = np.asarray(values, dtype=float)
    if len(x) == 0:
        return wilson(0, 0, name=name, confidence=confidence)
    codes = codes_of(groups)
    size = np.bincount(codes)
    low, high = limits(float(x.mean()), size, icc(x, codes), confidence)
    return Estimate(name=name, value=float(x.mean()), low=low, high=high, n=len(size), confidence=confidence, method="score at effective n")


def paired_change(
    before: ArrayLike,
    after: ArrayLike,
    groups: Sequence[object] | NDArray[np.generic],
    *,
    name: str = "",
    confidence: float = 0.95,
) -> Estimate:
    """Mean of after - before over the same samples, values in [0, 1] (Newcombe 1998, Stat. Med. 17:2635, method 10, at effective n).

    Square-and-add of the two Wilson intervals with the pairs' correlation, which is kept as far under 1 as half a changed pair would
    bring it (the method's continuity term): not degenerate when nothing changed.
    """
    b, a = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if len(a) == 0:
        return Estimate(name=name, value=float("nan"), low=-1.0, high=1.0, n=0, confidence=confidence, method="newcombe paired")
    codes = codes_of(groups)
    size, rho = np.bincount(codes), max(icc(x, codes) for x in (b, a, (a - b + 1) / 2))
    pa, pb = float(a.mean()), float(b.mean())
    la, ua = limits(pa, size, rho, confidence)
    lb, ub = limits(pb, size, rho, confidence)
    phi = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
    spread = (pa * (1 - pa) * pb * (1 - pb)) ** 0.5
    phi = min(phi, max(0.0, 1 - 0.5 / (worth(size, rho) * spread))) if spread > 0 else phi
    down = (pa - la) ** 2 - 2 * phi * (pa - la) * (ub - pb) + (ub - pb) ** 2
    up = (ua - pa) ** 2 - 2 * phi * (ua - pa) * (pb - lb) + (pb - lb) ** 2
    d = pa - pb
    low, high = max(-1.0, d - max(down, 0.0) ** 0.5), min(1.0, d + max(up, 0.0) ** 0.5)
    return Estimate(name=name, value=d, low=low, high=high, n=len(size), confidence=confidence, method="newcombe paired at effective n")


def mean_of(estimates: Sequence[Estimate], *, name: str = "") -> Estimate:
    """Plain mean of independent estimates, its variance recovered from their limits (MOVER; Zou & Donner 2008, Stat. Med. 27:1693).

    As little degenerate as the intervals that it is made of. `n` is their sum. NaN over [-1, 1] when there is none.
    """
    if not estimates:
        return Estimate(name=name, value=float("nan"), low=-1.0, high=1.0, n=0, method="mover")
    value, low, high = (np.asarray([getattr(e, side) for e in estimates], dtype=float) for side in ("value", "low", "high"))
    mean, m = float(value.mean()), len(estimates)
    return Estimate(
        name=name,
        value=mean,
        low=mean - float(np.sqrt(((value - low) ** 2).sum())) / m,
        high=mean + float(np.sqrt(((high - value) ** 2).sum())) / m,
        n=sum(e.n for e in estimates),
        confidence=estimates[0].confidence,
        method=f"mover over {estimates[0].method}",
    )


def mcnemar(before: ArrayLike, after: ArrayLike) -> float:
    """Exact two-sided p-value that as many pairs change one way as the other (McNemar 1947; binomial on the discordant pairs)."""
    from scipy.stats import binomtest

    b, a = np.asarray(before).astype(bool), np.asarray(after).astype(bool)
    up, down = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(up, up + down).pvalue) if up + down else 1.0
