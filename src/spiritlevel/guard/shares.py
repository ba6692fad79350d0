"""Which principle a harmful request is about: shares that sum to one, a multinomial logistic read-out of the same features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spiritlevel.judges.heads import Floats, moments, standardised
from spiritlevel.types import content_hash

C = 0.01


@dataclass(frozen=True)
class Shares:
    """P(principle | harmful): softmax of (coef @ clip((x - mean) / scale) + bias)."""

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    coef: Floats
    bias: Floats

    def of(self, features: NDArray[np.generic]) -> Floats:
        """(n, principles), rows sum to 1."""
        if len(self.names) == 1:
            return np.ones((len(features), 1))
        z = standardised(np.asarray(features, float), self.mean, self.scale) @ self.coef.T + self.bias
        raised = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    @property
    def digest(self) -> str:
        """Content hash of what decides a share."""
        arrays = (self.mean, self.scale, self.coef, self.bias)
        return content_hash(*self.names, *(a.astype(np.float32).tobytes().hex() for a in arrays))

    def save(self, folder: Path) -> None:
        """Write `shares.npz` into `folder`."""
        np.savez(
            folder / "shares.npz", mean=self.mean, scale=self.scale, coef=self.coef, bias=self.bias, names=np.asarray(self.names, dtype=str)
        )

    @staticmethod
    def load(folder: Path) -> "Shares":
        """Read what `save` wrote."""
        with np.load(folder / "shares.npz", allow_pickle=False) as kept:
            return Shares(tuple(str(n) for n in kept["names"]), kept["mean"], kept["scale"], kept["coef"], kept["bias"])


def fit_shares(features: NDArray[np.generic], principles: Sequence[str]) -> Shares:
    """Fit to harmful requests and their principles, each principle weighing the same."""
    from sklearn.linear_model import LogisticRegression

    x, names = np.asarray(features, float), sorted(set(principles))
    mean, scale = moments(x)
    if len(names) == 1:
        return Shares((names[0],), mean, scale, np.zeros((1, x.shape[1])), np.zeros(1))
    model = LogisticRegression(C=C, max_iter=2000, class_weight="balanced").fit(standardised(x, mean, scale), list(principles))
    coef, bias = np.asarray(model.coef_, float), np.asarray(model.intercept_, float)
    if len(names) == 2:  # scikit-learn keeps one row for two classes
        coef, bias = np.concatenate([-coef / 2, coef / 2]), np.concatenate([-bias / 2, bias / 2])
    return Shares(tuple(str(n) for n in model.classes_), mean, scale, coef, bias)
