"""Logistic heads on fixed features: regularisation by grouped cross-validation, Platt's calibration on out-of-fold scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import DataError
from spiritlevel.stats import area, cluster_bootstrap
from spiritlevel.types import Estimate, content_hash

Floats = NDArray[np.float64]
Fitter = Callable[[Floats, NDArray[np.bool_], Floats, float], tuple[Floats, float]]
"""(standardised features, labels, weights, C) -> (coefficients, intercept)."""
CLIP = 5.0
"""Standard deviations beyond which a feature is clipped: a few dimensions of a residual stream reach 1e4."""
CS = (0.0001, 0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True)
class Head:
    """A fitted logistic head: P = sigmoid(slope * (coef . clip((x - mean) / scale) + bias) + offset)."""

    mean: Floats
    scale: Floats
    coef: Floats
    bias: float
    slope: float
    offset: float
    c: float
    auroc: Estimate
    """Of the out-of-fold scores; `c` was chosen on the same folds."""
    out_of_fold: Floats
    """Calibrated probability of each fitting row by the fold that had not seen it."""

    def probability(self, features: NDArray[np.generic]) -> Floats:
        """Calibrated probability of each row of (n, d) features, in [0.001, 0.999]."""
        x = standardised(np.asarray(features, dtype=float), self.mean, self.scale)
        return squash(self.slope * (x @ self.coef + self.bias) + self.offset)

    @property
    def digest(self) -> str:
        """Content hash of what decides a probability."""
        arrays = (self.mean, self.scale, self.coef, np.asarray([self.bias, self.slope, self.offset]))
        return content_hash(*(a.astype(np.float32).tobytes().hex() for a in arrays))

    def save(self, folder: Path) -> None:
        """Write `head.npz` into `folder`."""
        np.savez(
            folder / "head.npz",
            mean=self.mean,
            scale=self.scale,
            coef=self.coef,
            numbers=np.asarray([self.bias, self.slope, self.offset, self.c]),
            out_of_fold=self.out_of_fold,
            auroc=np.frombuffer(self.auroc.model_dump_json().encode(), dtype=np.uint8),
        )

    @staticmethod
    def load(folder: Path) -> "Head":
        """Read what `save` wrote."""
        with np.load(folder / "head.npz", allow_pickle=False) as kept:
            bias, slope, offset, c = (float(v) for v in kept["numbers"])
            estimate = Estimate.model_validate_json(kept["auroc"].tobytes())
            return Head(kept["mean"], kept["scale"], kept["coef"], bias, slope, offset, c, estimate, kept["out_of_fold"])


def squash(scores: Floats) -> Floats:
    """Logistic function, kept off 0 and 1: no judge here is that sure."""
    return np.clip(1 / (1 + np.exp(-np.clip(scores, -30, 30))), 0.001, 0.999)


def standardised(x: Floats, mean: Floats, scale: Floats) -> Floats:
    """(x - mean) / scale, clipped to CLIP standard deviations."""
    return np.clip((x - mean) / scale, -CLIP, CLIP)


def folds(labels: NDArray[np.bool_], groups: Sequence[str], seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Up to five (train, test) splits that keep groups whole; DataError when a class has fewer than two groups."""
    from sklearn.model_selection import StratifiedGroupKFold

    named = np.asarray(groups).astype(str)
    least = min(len(set(named[labels])), len(set(named[~labels])))
    if least < 2:
        raise DataError(f"a judge needs at least 2 prompt groups of each class to be fitted, got {least}; add examples to the constitution")
    split = StratifiedGroupKFold(n_splits=min(5, least), shuffle=True, random_state=seed)
    found = [(train, test) for train, test in split.split(np.zeros(len(named)), labels, named) if len(set(labels[train])) == 2]
    if len({int(i) for _, test in found for i in test}) != len(named):
        raise DataError("a judge's examples cannot be split into folds that hold both classes; add prompt groups to the constitution")
    return found


def fit_head(
    features: NDArray[np.generic],
    labels: Sequence[bool],
    groups: Sequence[str],
    *,
    seed: int = 0,
    cs: Sequence[float] = CS,
    name: str = "auroc",
    strata: Sequence[str] | None = None,
    how: Fitter | None = None,
    rounds: int = 400,
) -> Head:
    """Fit (n, d) features to labels: `cs` by out-of-fold AUROC over grouped folds, then Platt (1999) with his smoothed targets.

    `how` is `logistic` unless given.

    `strata` name a surface form (question, order) that must not stand in for the label: each class weighs the same in each
    stratum, and the AUROC is the mean within strata.
    """
    how = how or logistic
    x, y = np.asarray(features, dtype=float), np.asarray(labels, dtype=bool)
    forms = np.asarray(["" for _ in y] if strata is None else strata).astype(str)
    weight = cell_weights(y, forms)
    parts = folds(y, groups, seed)
    scored = {c: out_of_fold(x, y, weight, parts, c, how) for c in cs}
    c = max(cs, key=lambda value: (round(area_within(scored[value], y, forms), 4), -value))
    slope, offset = platt(scored[c], y, weight)
    mean, scale = moments(x)
    coef, bias = how(standardised(x, mean, scale), y, weight, c)
    estimate = cluster_bootstrap(area_within, [scored[c], y, forms], list(groups), seed=seed, name=name, rounds=rounds)
    within = "" if strata is None else "mean within form of request, "
    method = f"{within}grouped {len(parts)}-fold, C chosen on the same folds; {estimate.method}"
    calibrated = squash(slope * scored[c] + offset)
    return Head(mean, scale, coef, bias, slope, offset, c, estimate.model_copy(update={"method": method}), calibrated)


def cell_weights(labels: NDArray[np.bool_], strata: NDArray[np.str_]) -> Floats:
    """Weights under which class and stratum are independent and both balanced; at most 6, so that a rare cell does not rule."""
    weight = np.zeros(len(labels))
    cells = [(labels == value) & (strata == form) for value in (False, True) for form in np.unique(strata)]
    for cell in cells:
        weight[cell] = len(labels) / len(cells) / max(1, cell.sum())
    return np.minimum(weight, 6.0)


def area_within(scores: Floats, labels: NDArray[np.bool_], strata: NDArray[np.str_]) -> float:
    """Mean AUROC over the strata that hold at least five of each class; over all rows when none does."""
    found = []
    for form in np.unique(strata):
        here = strata == form
        if 5 <= labels[here].sum() <= here.sum() - 5:
            found.append(area(scores[here], labels[here]))
    return float(np.mean(found)) if found else area(scores, labels)


def moments(x: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each dimension; a constant one has scale 1."""
    scale = x.std(axis=0)
    return x.mean(axis=0), np.where(scale > 1e-8, scale, 1.0)


def logistic(x: Floats, y: NDArray[np.bool_], weight: Floats, c: float) -> tuple[Floats, float]:
    """Weighted L2 logistic regression: coefficients and intercept."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=2000).fit(x, y, sample_weight=weight)
    return np.asarray(model.coef_[0], dtype=float), float(model.intercept_[0])


def means(x: Floats, y: NDArray[np.bool_], weight: Floats, c: float) -> tuple[Floats, float]:
    """Difference of the classes' weighted means and the intercept half way between them; `c` is not used."""
    high, low = (np.average(x[y == side], axis=0, weights=weight[y == side]) for side in (True, False))
    return high - low, float(-(high - low) @ (high + low) / 2)


def out_of_fold(
    x: Floats,
    y: NDArray[np.bool_],
    weight: Floats,
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    c: float,
    how: Fitter = logistic,
    read: Floats | None = None,
) -> Floats:
    """Score of each row by the fold that had not seen it; of the same rows in `read` (n, d), where given: another model's."""
    scores, of = np.zeros(len(y)), x if read is None else read
    for train, test in parts:
        mean, scale = moments(x[train])
        coef, bias = how(standardised(x[train], mean, scale), y[train], weight[train], c)
        scores[test] = standardised(of[test], mean, scale) @ coef + bias
    return scores


def platt(scores: Floats, labels: NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """Slope and offset of P = sigmoid(slope * score + offset) under `weight`; a slope below 0 says nothing and becomes 0."""
    from sklearn.linear_model import LogisticRegression

    positive, negative = int(labels.sum()), int((~labels).sum())
    target = np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))
    twice = np.concatenate([scores, scores])[:, None]
    sure = np.concatenate([target * weight, (1 - target) * weight])
    model = LogisticRegression(C=1e4, max_iter=2000).fit(twice, np.repeat([True, False], len(scores)), sample_weight=sure)
    slope = float(model.coef_[0][0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (0.0, 0.0)
