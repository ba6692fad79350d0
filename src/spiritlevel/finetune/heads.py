"""Bradley-Terry heads on fixed features: convex, so the answer is the answer."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def bradley_terry_heads(
    difference: ArrayLike, sure: ArrayLike, weights: ArrayLike, margin: ArrayLike = 0.0, *, penalty: float = 1.0
) -> NDArray[np.float32]:
    """(heads, d) minimisers of the weighted Bradley-Terry loss of (n, d) feature differences plus penalty/2 of the squared norm.

    `weights` (n, heads). The norm is taken after each feature is scaled to unit root mean square, so that no unit rules.
    """
    x = np.asarray(difference, dtype=float)
    p, w = np.asarray(sure, dtype=float), np.asarray(weights, dtype=float)
    scale = np.sqrt((x**2).mean(axis=0))
    scale = np.where(scale > 1e-8, scale, 1.0) * np.sqrt(x.shape[1])
    z, m = x / scale, np.broadcast_to(np.asarray(margin, dtype=float), len(x))
    return np.stack([_one(z, p, column, m, penalty) / scale for column in w.T]).astype(np.float32)


def _one(z: Floats, p: Floats, weight: Floats, margin: Floats, penalty: float) -> Floats:
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(theta: Floats) -> tuple[float, Floats]:
        apart = z @ theta
        value = p * np.logaddexp(0, margin - apart) + (1 - p) * np.logaddexp(0, margin + apart)
        slope = -p * expit(margin - apart) + (1 - p) * expit(margin + apart)
        return float(weight @ value + penalty / 2 * theta @ theta), z.T @ (weight * slope) + penalty * theta

    found: Any = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return np.asarray(found.x, dtype=float)
