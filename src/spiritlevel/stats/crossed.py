"""Resampling of a mean over two crossed causes of luck: which prompts were drawn, and which seeds the proxies were trained from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.stats.clusters import Floats, codes_of
from spiritlevel.types import Estimate


def resampled_means(
    values: ArrayLike, groups: Sequence[object] | NDArray[np.generic], *, seed: int, rounds: int = 2000, confidence: float = 0.95
) -> Floats:
    """(rounds, K) resampled means of `values` (prompts, K) or (seeds, prompts, K); `groups` names each prompt's group.

    Groups and seeds are drawn with replacement, independently, and their main effects are added: what belongs to a pair of seed and
    prompt counts twice, so the spread is a little too wide (Owen 2007, Ann. Appl. Stat. 1:386, where it counts three times). Each
    deviation is stretched by sqrt(m / (m - 1)) and by Student's quantile over the normal one, m the number of groups or seeds, since a
    percentile interval of few is too narrow. One group: NaN, since nothing tells how groups differ.
    """
    table = np.asarray(values, dtype=float)
    table = table[None] if table.ndim == 2 else table
    codes = codes_of(groups)
    if table.ndim != 3 or table.shape[1] != len(codes):
        raise ValueError(f"values of shape {table.shape} do not match {len(codes)} groups")
    rng = np.random.default_rng(seed)
    mean = table.mean(axis=(0, 1))
    of_prompts, of_seeds = table.mean(axis=0) - mean, table.mean(axis=1) - mean
    clusters = int(codes.max()) + 1
    if clusters < 2:
        return np.full((rounds, table.shape[2]), np.nan)
    totals = np.zeros((clusters, table.shape[2]))
    np.add.at(totals, codes, of_prompts)
    drawn: Floats = mean + _luck(rng, clusters, rounds, confidence) @ totals / len(codes)
    if len(table) > 1:
        drawn += _luck(rng, len(table), rounds, confidence) @ of_seeds / len(table)
    return drawn


def _luck(rng: np.random.Generator, m: int, rounds: int, confidence: float) -> Floats:
    """(rounds, m) stretched deviations of how often each of `m` was drawn."""
    from scipy.stats import norm, t

    tail = 0.5 + confidence / 2
    stretch = np.sqrt(m / (m - 1)) * float(t.ppf(tail, m - 1) / norm.ppf(tail))
    times = rng.multinomial(m, np.full(m, 1 / m), size=rounds)
    return np.asarray(stretch * (times - 1.0), dtype=np.float64)


def percentiles(name: str, value: float, drawn: ArrayLike, n: int, confidence: float = 0.95, method: str = "") -> Estimate:
    """An estimate from resampled values; the interval is NaN when fewer than half of them are numbers. Infinite ones count as such."""
    known = np.asarray(drawn, dtype=float)
    rounds = len(known)
    known = known[~np.isnan(known)]
    low = high = float("nan")
    if rounds and len(known) * 2 >= rounds:
        tail = (1 - confidence) / 2
        low, high = (float(q) for q in np.quantile(known, [tail, 1 - tail], method="closest_observation"))
    return Estimate(
        name=name, value=value, low=low, high=high, n=n, confidence=confidence, method=method or f"cluster bootstrap, {rounds} rounds"
    )
