"""Logistic heads fitted to probabilities: what a student learns from a supervisor that is not sure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import DataError
from spiritlevel.finetune import confidence

Floats = NDArray[np.float64]
FOLDS = 5
ROUNDS = 25
"""Fits of a head under the confidence loss, each to the answers of the one before."""


def fit(x: Floats, targets: Floats, c: float, start: Floats | None = None) -> Floats:
    """(d + 1,) coefficients and intercept that minimise the summed cross-entropy to targets in [0, 1] plus |coef|^2 / 2c. Convex."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def objective(theta: Floats) -> tuple[float, Floats]:
        z = x @ theta[:-1] + theta[-1]
        apart = expit(z) - targets
        value = float((np.logaddexp(0, z) - targets * z).sum() + theta[:-1] @ theta[:-1] / (2 * c))
        return value, np.append(x.T @ apart + theta[:-1] / c, apart.sum())

    begun = np.zeros(x.shape[1] + 1) if start is None else start
    found: Any = minimize(objective, begun, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x, dtype=float)


def scores(x: Floats, theta: Floats) -> Floats:
    """Log-odds of (n, d) features."""
    return np.asarray(x @ theta[:-1] + theta[-1])


def strength(x: Floats, targets: Floats, groups: Sequence[str], cs: Sequence[float], seed: int) -> float:
    """The c of `cs` with the least cross-entropy on held-out folds of whole groups. DataError with fewer than two groups."""
    fold = folds(groups, seed)
    if len(set(fold)) < 2:
        raise DataError(f"{len(set(groups))} group cannot be split to choose how strongly a head is held; give texts of more groups")

    def held_out(c: float) -> float:
        parts = ((scores(x[fold == k], fit(x[fold != k], targets[fold != k], c)), targets[fold == k]) for k in sorted(set(fold)))
        return sum(confidence.cross_entropy(z, t) * len(t) for z, t in parts)

    return min(cs, key=lambda c: (round(held_out(c), 6), c))


def folds(groups: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Each row's fold: groups dealt out at random, so that none is split."""
    names = sorted(set(groups))
    dealt = dict(zip(np.random.default_rng([seed, 11]).permutation(names).tolist(), range(len(names)), strict=True))
    return np.asarray([dealt[g] % FOLDS for g in groups], dtype=np.int64)


def sure(x: Floats, weak: Floats, c: float, most: float) -> Floats:
    """As `fit`, under the confidence loss: its hard answers and the head are found by turns, while its weight rises to `most`."""
    share = float(weak.mean())
    theta = fit(x, weak, c)
    for turn in range(1, ROUNDS + 1):
        z = scores(x, theta)
        theta = fit(x, confidence.blended(z, weak, confidence.threshold(z, share), confidence.weight(turn / ROUNDS, most)), c, theta)
    return theta


def probabilities(x: Floats, theta: Floats) -> Floats:
    """Of (n, d) features."""
    from scipy.special import expit

    return np.asarray(expit(scores(x, theta)), dtype=float)
