"""The auxiliary confidence loss of weak-to-strong training: pure functions of scores and weak labels.

Burns et al. 2023, eq. 1: (1 - a) CE(f, weak) + a CE(f, hard), where hard = [f > t] is the student's own answer. Cross-entropy is linear
in its target, so this is the cross-entropy to a blend of the two, and carries no gradient through the hard answer.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
WARM = 0.2
"""Share of the training over which the weight of the student's own answers rises (appendix A.4)."""


def weight(done: float, most: float) -> float:
    """The a of eq. 1 when the share `done` of the training is over: from 0 up to `most`, in a straight line, then level."""
    return most * min(1.0, done / WARM)


def threshold(scores: ArrayLike, share: float) -> float:
    """The t above which the share `share` of the scores lies, to the nearest whole one; half way between two of them.

    The paper takes one half, since its sets are balanced; the mean weak label is the same for sets that are not.
    """
    ranked = np.sort(np.asarray(scores, dtype=float))
    below = len(ranked) - round(share * len(ranked))
    if below == 0:
        return -np.inf
    return float(ranked[-1] if below == len(ranked) else (ranked[below - 1] + ranked[below]) / 2)


def blended(scores: ArrayLike, weak: ArrayLike, cut: float, a: float) -> Floats:
    """Targets of eq. 1: (1 - a) weak + a [score > cut]."""
    return (1 - a) * np.asarray(weak, dtype=float) + a * (np.asarray(scores, dtype=float) > cut)


def loss(scores: ArrayLike, weak: ArrayLike, a: float, share: float) -> float:
    """Eq. 1 itself, the mean over log-odds `scores`, in nats."""
    return cross_entropy(scores, blended(scores, weak, threshold(scores, share), a))


def cross_entropy(scores: ArrayLike, targets: ArrayLike) -> float:
    """Mean of -t log s(z) - (1 - t) log s(-z) over log-odds z and targets t in [0, 1], in nats."""
    z, t = np.asarray(scores, dtype=float), np.asarray(targets, dtype=float)
    return float(np.mean(np.logaddexp(0, z) - t * z))
