"""Choices between two: logistic regression without intercept, robust to clusters, and strengths from comparisons."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.stats.clusters import codes_of

Floats = NDArray[np.float64]


class Leaning(NamedTuple):
    """Coefficients in log-odds."""

    value: Floats
    error: Floats
    """Standard errors, robust to clusters (Liang & Zeger 1986) with the small-sample factor of the jackknife (Bell & McCaffrey 2002)."""
    p: Floats
    """Two-sided, by Student's t on the number of clusters less one."""
    clusters: int


def conditional_logit(chosen: ArrayLike, apart: ArrayLike, groups: Sequence[object], ridge: float = 1e-3) -> Leaning:
    """P(first) = s(apart . beta): `chosen` (n,) in [0, 1], `apart` (n, d) differences of features, first less second.

    A small `ridge` keeps a perfect separation finite. A column that never differs has value 0, an infinite error and p 1.
    """
    y, x = np.asarray(chosen, dtype=float), np.asarray(apart, dtype=float)
    varies = np.abs(x).max(axis=0) > 0 if len(x) else np.zeros(x.shape[1], dtype=bool)
    codes = codes_of(groups)
    clusters = int(codes.max()) + 1 if len(codes) else 0
    value, error = np.zeros(x.shape[1]), np.full(x.shape[1], np.inf)
    if varies.any() and clusters > 1:
        z = x[:, varies]
        beta = _maximum(y, z, ridge)
        value[varies] = beta
        error[varies] = _robust(y, z, beta, codes, clusters, ridge)
    with np.errstate(invalid="ignore"):
        t = np.where(np.isfinite(error) & (error > 0), value / error, 0.0)
    from scipy.stats import t as student

    return Leaning(value, error, np.asarray(2 * student.sf(np.abs(t), max(clusters - 1, 1))), clusters)


def _maximum(y: Floats, x: Floats, ridge: float) -> Floats:
    beta = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (y - p) - ridge * beta
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(beta)), slope)
        beta = beta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return beta


def _robust(y: Floats, x: Floats, beta: Floats, codes: NDArray[np.int64], clusters: int, ridge: float) -> Floats:
    """Each cluster's leave-one-out step (CR3): a large or telling cluster is not taken at its own word."""
    p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
    w = p * (1 - p)
    bread = (x * w[:, None]).T @ x + ridge * np.eye(x.shape[1])
    steps = np.zeros((clusters, x.shape[1]))
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(codes))[:-1]):
        part = x[rows]
        without = bread - (part * w[rows, None]).T @ part
        steps[codes[rows[0]]] = np.linalg.lstsq(without, part.T @ (y - p)[rows], rcond=None)[0]
    return np.asarray(np.sqrt((clusters - 1) / clusters * (steps**2).sum(axis=0)), dtype=float)


def strengths(
    first: Sequence[int], second: Sequence[int], won: ArrayLike, rater: Sequence[int], *, prior: float = 0.1
) -> tuple[Floats, Floats]:
    """(options,) strengths and (raters,) pull towards the first shown: P(first) = s(strength_i - strength_j + pull_r).

    Bradley & Terry 1952 with an order term (Davidson & Beaver 1977), on `won` in [0, 1]. `prior`: precision of a normal prior, which
    keeps strengths finite where one option always wins or labels run in a cycle. Strengths add up to 0.
    """
    options, raters = max(*first, *second) + 1, max(rater) + 1
    x = np.zeros((len(first), options + raters))
    at = np.arange(len(first))
    x[at, list(first)] += 1
    x[at, list(second)] -= 1
    x[at, [options + r for r in rater]] = 1
    beta = _maximum(np.asarray(won, dtype=float), x, prior)
    return beta[:options] - beta[:options].mean(), beta[options:]


def holm(p: ArrayLike, error: float) -> NDArray[np.bool_]:
    """Which of several tests are named at a family-wise `error` (Holm 1979)."""
    return np.asarray(adjusted(p) <= error)


def adjusted(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p-values, in order: the least family-wise error at which each test is named. NaN stays, and counts as no test."""
    values = np.asarray(p, dtype=float)
    found = np.full(len(values), np.nan)
    order = [i for i in np.argsort(values, kind="stable") if not np.isnan(values[i])]
    most = 0.0
    for rank, i in enumerate(order):
        most = found[i] = max(most, min(1.0, (len(order) - rank) * float(values[i])))
    return found
