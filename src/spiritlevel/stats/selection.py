"""Best-of-n from one pool of samples a prompt: what the sample that a selector likes best of n is worth, without drawing n again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.errors import DataError
from spiritlevel.stats.clusters import Floats, codes_of
from spiritlevel.stats.crossed import percentiles, resampled_means
from spiritlevel.types import Estimate


def best_of_n_kl(n: ArrayLike) -> Floats:
    """KL of best-of-n to its base in nats, log n - (n - 1) / n (Stiennon et al. 2020, app. G.3).

    Exact for a continuous selector over answers that never repeat, else an upper bound (Beirami et al. 2024, theorem 1).
    """
    size = np.asarray(n, dtype=float)
    return np.asarray(np.log(size) - (size - 1) / size, dtype=np.float64)


def sizes(most: int) -> list[int]:
    """1, 2, 4, ... and `most` itself."""
    return sorted({*(2**k for k in range(most.bit_length())), most})


def rank_weights(pool: int, ns: Sequence[int]) -> Floats:
    """(len(ns), pool) chance that the i-th lowest of the pool is the highest of n drawn without replacement: C(i-1, n-1) / C(pool, n)."""
    from scipy.special import gammaln

    rank, n = np.arange(1, pool + 1, dtype=float), np.asarray(ns, dtype=float)[:, None]
    with np.errstate(invalid="ignore"):
        log = gammaln(rank) - gammaln(n) - gammaln(rank - n + 1)
    log -= gammaln(pool + 1) - gammaln(n + 1) - gammaln(pool - n + 1)
    return np.where(rank < n, 0.0, np.exp(np.where(rank < n, 0.0, log)))


def best_of_n_curve(selector: ArrayLike, scores: ArrayLike, ns: Sequence[int]) -> Floats:
    """(prompts, len(ns)) expected score of the sample that `selector` ranks first of n, both (prompts, pool): unbiased.

    Mean over all subsets of n (Nakano et al. 2021, app. I; Gao et al. 2022, sec. 2); samples that the selector holds equal share their
    weight, as if one of them were drawn by lot. A sample with a NaN in either is left out of its pool. DataError: shapes differ, no
    sample, n under 1 or over the smallest pool.
    """
    choice, value = np.asarray(selector, dtype=float), np.asarray(scores, dtype=float)
    if choice.ndim != 2 or choice.shape != value.shape:
        raise DataError(f"scores of shape {value.shape} do not match a selector of shape {choice.shape}; give (prompts, samples) of both")
    known = ~(np.isnan(choice) | np.isnan(value))
    held = known.sum(axis=1)
    if not len(held) or held.min() == 0:
        raise DataError("a prompt has no sample with both scores, or there is no prompt; give every prompt a scored pool")
    if wrong := [n for n in ns if not 1 <= n <= held.min()]:
        raise DataError(f"best of {wrong[0]} cannot be had from a pool of {held.min()} scored samples; draw more, or ask for a smaller n")
    curve = np.empty((len(held), len(ns)))
    for size in np.unique(held):
        rows = held == size
        order = np.argsort(np.where(known[rows], choice[rows], np.inf), axis=1, kind="stable")[:, :size]
        ranked, worth = (np.take_along_axis(x[rows], order, axis=1) for x in (choice, value))
        curve[rows] = _tied_means(ranked, worth) @ rank_weights(int(size), ns).T
    return curve


def _tied_means(ranked: Floats, worth: Floats) -> Floats:
    """`worth` with each run of equal `ranked` values replaced by its mean."""
    starts = np.column_stack([np.ones(len(ranked), dtype=bool), ranked[:, 1:] != ranked[:, :-1]])
    run = np.cumsum(starts.ravel()) - 1
    mean = np.bincount(run, weights=worth.ravel()) / np.bincount(run)
    return np.asarray(mean[run].reshape(worth.shape), dtype=np.float64)


def curve_estimates(
    curves: ArrayLike,
    groups: Sequence[object] | NDArray[np.generic],
    names: Sequence[str],
    *,
    seed: int,
    rounds: int = 2000,
    confidence: float = 0.95,
) -> list[Estimate]:
    """Mean of each column of `curves`, (prompts, K) or (seeds, prompts, K), resampled by prompt group and by seed.

    The difference of two selectors on one pool is an estimate of the difference of their curves: pairs stay pairs. `n` counts groups.
    """
    table = np.asarray(curves, dtype=float)
    drawn = resampled_means(table, groups, seed=seed, rounds=rounds, confidence=confidence)
    value = table.reshape(-1, *table.shape[-2:]).mean(axis=(0, 1))
    n, by = int(codes_of(groups).max()) + 1, "" if table.ndim == 2 or len(table) == 1 else f" and {len(table)} seeds"
    return [
        percentiles(name, float(v), d, n, confidence, f"bootstrap over prompts{by}, {rounds} rounds")
        for name, v, d in zip(names, value, drawn.T, strict=True)
    ]
