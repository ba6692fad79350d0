"""How sure a reward model may be: sigmoid(margin) held against the labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel import stats
from spiritlevel.types import Estimate, Reliabilities, Reliability

Floats = NDArray[np.float64]

BINS = 10
LEAST = 15
"""Pairs that a bin should hold: with fewer pairs in all there are fewer bins."""
STEEPEST = 50.0
"""Greatest log-odds that a median margin is stretched to when the margins separate the labels."""


def reliabilities(
    margins: ArrayLike, sure: ArrayLike, groups: Sequence[str], *, seed: int, rounds: int = 1000, bins: int = BINS
) -> Reliabilities:
    """Calibration of margins (n,), chosen less rejected, where each label is right with chance `sure` (n,)."""
    m, s = np.asarray(margins, dtype=float), np.asarray(sure, dtype=float)
    count = int(np.clip(len(m) // LEAST, 1, bins))
    confident, right = sigmoid(np.abs(m)), agreed(m, s)
    rows = []
    for at in np.array_split(np.argsort(confident, kind="stable"), count):
        found = stats.rate(right[at], [groups[i] for i in at], name="right")
        rows.append(Reliability(predicted=float(confident[at].mean()), right=found, pairs=len(at)))
    flat = stats.cluster_bootstrap(slope, [m, s], groups, seed=seed, rounds=rounds, name="temperature")
    heat = flat.model_copy(update={"value": _inverse(flat.value), "low": _inverse(flat.high), "high": _inverse(flat.low)})
    error = ece_estimate(m, s, groups, count, seed=seed, rounds=rounds)
    return Reliabilities(ece=error, temperature=heat, bins=tuple(rows))


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), safe at both ends."""
    from scipy.special import expit

    return np.asarray(expit(x), dtype=float)


def agreed(margins: Floats, sure: Floats) -> Floats:
    """Chance that the order of the rewards is the true one; an equal reward is right half of the time."""
    return np.where(margins == 0, 0.5, np.where(margins > 0, sure, 1 - sure))


def ece(margins: Floats, sure: Floats, bins: int) -> float:
    """Expected calibration error over `bins` bins of equal size (Naeini et al. 2015, eq. 3; equal size as in Nguyen & O'Connor 2015)."""
    confident, right = sigmoid(np.abs(margins)), agreed(margins, sure)
    order = np.argsort(confident, kind="stable")
    gaps = [abs(float(np.sum(confident[at] - right[at]))) for at in np.array_split(order, bins)]
    return sum(gaps) / len(order)


def ece_estimate(margins: Floats, sure: Floats, groups: Sequence[str], bins: int, *, seed: int, rounds: int) -> Estimate:
    """The error less its bootstrap bias. Its interval reaches 0 unless a calibrated model would show so much in fewer than 2.5 %.

    The test is consistency resampling (Broecker & Smith 2007): labels drawn as the confidences say, one draw to a group, which is
    careful where groups are large. A bootstrap alone would hardly ever reach 0, and takes off only about half of what noise adds there.
    """
    found = stats.debiased_bootstrap(
        lambda a, b: ece(a, b, bins), [margins, sure], groups, seed=seed, rounds=rounds, name="expected calibration error", least=0.0
    )
    rng = np.random.default_rng(seed)
    code = np.unique(np.asarray(groups), return_inverse=True)[1]
    size = np.abs(margins)
    drawn = []
    for _ in range(rounds):
        true = rng.random(code.max() + 1)[code] < sigmoid(size)
        drawn.append(ece(np.where(true, size, -size), np.ones(len(size)), bins))
    by_chance = float(np.mean(np.asarray(drawn) >= ece(margins, sure, bins)))
    return found if by_chance < 0.025 else found.model_copy(update={"low": 0.0})


def slope(margins: Floats, sure: Floats) -> float:
    """B that fits P(label) = sigmoid(b margin) best (Platt scaling without an intercept; 1 / b is Guo et al.'s 2017 temperature).

    By bisection of the score function, which falls in b. Zero margins everywhere: NaN.
    """
    size = float(np.median(np.abs(margins))) or float(np.abs(margins).max(initial=0.0))
    if not size > 0:
        return float("nan")
    low, high = -STEEPEST / size, STEEPEST / size
    for _ in range(45):
        middle = (low + high) / 2
        rising = float(np.sum((sure - sigmoid(middle * margins)) * margins)) > 0
        low, high = (middle, high) if rising else (low, middle)
    return (low + high) / 2


def _inverse(b: float) -> float:
    """Temperature of a slope; infinite when more sure margins are no more often right."""
    return b if np.isnan(b) else 1 / b if b > 0 else float("inf")
