"""Before and after: did training change what the model represents, or only what it says?

States of the same prompts in both models, layer by layer. A probe fitted before that still reads the model after, along a direction that
has not turned, says that the representation stayed and the behaviour alone moved.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.interpret.probes import Contrast
from spiritlevel.judges.heads import Floats, area_within, cell_weights, folds, moments, standardised
from spiritlevel.judges.heads import out_of_fold as held_out
from spiritlevel.types import Drift, Estimate

ROUNDS = 200


def drift(before: NDArray[np.generic], after: NDArray[np.generic], contrast: Contrast, *, layer: int, c: float, seed: int = 0) -> Drift:
    """What training did to one layer, from the states (n, d) of the same texts in both models."""
    x, z = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    y, forms, groups = contrast.labels, contrast.forms, list(contrast.groups)
    weight, parts = cell_weights(y, forms), folds(y, groups, seed)
    mean, scale = moments(x)
    one, two = standardised(x, mean, scale), standardised(z, mean, scale)  # on one scale: that of before

    def turned(rows: NDArray[np.int64]) -> float:
        return cosine(direction(one[rows], y[rows]), direction(two[rows], y[rows]))

    def read(states: Floats | None, fitted: Floats, name: str) -> Estimate:
        scores = held_out(fitted, y, weight, parts, c, read=states)
        return stats.cluster_bootstrap(area_within, [scores, y, forms], groups, seed=seed, name=name, rounds=ROUNDS)

    near, far = one @ one.T, two @ two.T
    every = np.arange(len(y))
    return Drift(
        layer=layer,
        cka=_clipped(stats.cluster_bootstrap(lambda rows: cka(near, far, rows), [every], groups, seed=seed, name="cka", rounds=ROUNDS)),
        cosine=_clipped(stats.cluster_bootstrap(turned, [every], groups, seed=seed, name="cosine", rounds=ROUNDS), -1.0),
        halves=_halves(one, y, groups, seed),
        transfer=read(z, x, "readout_transfer"),
        refitted=read(None, z, "readout_refitted"),
    )


def direction(x: Floats, y: NDArray[np.bool_]) -> Floats:
    """From the mean of one side to that of the other."""
    return np.asarray(x[y].mean(axis=0) - x[~y].mean(axis=0)) if y.any() and not y.all() else np.full(x.shape[1], np.nan)


def cosine(a: Floats, b: Floats) -> float:
    """Of the angle between two directions; NaN when one has no length."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else float("nan")


def cka(near: Floats, far: Floats, rows: NDArray[np.int64] | None = None) -> float:
    """Linear CKA of two Gram matrices (n, n), by the unbiased HSIC (Song 2012, eq. 5; Nguyen 2021, eq. 3).

    The plain estimate nears 1 for unrelated states wider than n. Repeated rows of a bootstrap draw are left out once: a pair of a row
    with itself would count as agreement.
    """
    kept = np.arange(len(near)) if rows is None else np.unique(rows)
    if len(kept) < 4:
        return float("nan")
    k, m = near[np.ix_(kept, kept)], far[np.ix_(kept, kept)]
    both, left, right = _hsic(k, m), _hsic(k, k), _hsic(m, m)
    return float(both / np.sqrt(left * right)) if left > 0 and right > 0 else float("nan")


def _hsic(k: Floats, m: Floats) -> float:
    n = len(k)
    a, b = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    trace = float((a * b).sum())
    return (trace + float(a.sum() * b.sum()) / ((n - 1) * (n - 2)) - 2 / (n - 2) * float(a.sum(0) @ b.sum(0))) / (n * (n - 3))


def _halves(x: Floats, y: NDArray[np.bool_], groups: Sequence[str], seed: int, turns: int = 20) -> float:
    """Mean cosine of the directions of two random halves of the groups, in one model: what few prompts leave of a direction."""
    names, place = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    rng, found = np.random.default_rng(seed), []
    for _ in range(turns):
        half = (rng.permutation(len(names)) < len(names) // 2)[place]
        found.append(cosine(direction(x[half], y[half]), direction(x[~half], y[~half])))
    return float(np.nanmean(found))


def _clipped(e: Estimate, least: float = 0.0) -> Estimate:
    value, low, high = (float(np.clip(v, least, 1.0)) for v in (e.value, e.low, e.high))
    return e.model_copy(update={"value": value, "low": min(low, value), "high": max(high, value)})
