"""A reading that is fitted many times, on one part of the cases after another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel.examine.readings import Cases, Floats
from spiritlevel.types import content_hash

Mask = NDArray[np.bool_]
WIDTH = 256
"""Principal directions kept."""
RIDGE = 30.0
"""Penalty in units of a standardised direction's variance a row."""
FOLDS = 5


def fold_of(group: str, folds: int) -> int:
    """Which fold a prompt group is in: the same on every machine and for every selection of groups."""
    return int(content_hash(group)[:8], 16) % folds


def narrow(features: Floats) -> Floats:
    """(n, at most WIDTH) principal directions of centred features, scaled to a spread of one over all."""
    centred = features - features.mean(axis=0)
    left, size, _ = np.linalg.svd(centred / max(float(centred.std()), 1e-9), full_matrices=False)
    kept = min(WIDTH, int((size > 1e-6).sum()))
    return np.asarray(left[:, :kept] * size[:kept])


def reads(x: Floats, cases: Cases, fitting: Mask) -> Mask:
    """(n,) whether a violation is read, by a ridge regression of the labels of the rows `fitting` on `x`; out of fold by group."""
    fold = np.asarray([fold_of(g, FOLDS) for g in cases.groups])
    made, found = np.hstack([x, np.ones((len(x), 1))]), np.zeros(len(x), dtype=bool)
    target = np.where(cases.violating, 1.0, -1.0)
    sums = [_sums(made[rows], target[rows]) for rows in (fitting & (fold == k) for k in range(FOLDS))]
    for k in range(FOLDS):
        gram, toward = (np.sum([s[i] for j, s in enumerate(sums) if j != k], axis=0) for i in range(2))
        if gram[-1, -1] > 0:  # the constant's: how many rows there are
            found[fold == k] = made[fold == k] @ np.linalg.solve(gram + RIDGE * np.eye(len(gram)), toward) > 0
    return found


def _sums(x: Floats, target: Floats) -> Sequence[Floats]:
    return x.T @ x, x.T @ target
