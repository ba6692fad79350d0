"""What several raters agree on: alpha, and who is right how often when nobody knows the truth."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def alpha(table: ArrayLike, level: Literal["nominal", "interval"] = "nominal") -> float:
    """Krippendorff's alpha of (units, raters) values, NaN where none was given (Krippendorff 2011, section C). NaN: no two labels differ.

    1 = all agree, 0 = no more than chance. Units with one label say nothing of agreement and are left out.
    """
    values = np.asarray(table, dtype=float)
    values = values[(~np.isnan(values)).sum(axis=1) >= 2]
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    labels, codes = np.unique(values[known], return_inverse=True)
    counts = np.zeros((len(values), len(labels)))
    np.add.at(counts, (np.nonzero(known)[0], codes), 1)
    apart = (labels[:, None] != labels).astype(float) if level == "nominal" else (labels[:, None] - labels) ** 2
    each, total = counts.sum(axis=1), counts.sum(axis=0)
    seen = float(((counts @ apart) * counts).sum(axis=1) @ (1 / (each - 1)))
    chance = float(total @ apart @ total) / (total.sum() - 1)
    return 1 - seen / chance if chance > 0 else float("nan")


class Consensus(NamedTuple):
    """What Dawid and Skene's model makes of labels."""

    chance: Floats
    """(units,) probability that the true class is 1."""
    confusion: Floats
    """(raters, 2, 2) chance of a label (last axis) given the true class."""
    share: float
    """Units whose true class is 1."""


def dawid_skene(table: ArrayLike, rounds: int = 200, smooth: float = 1.0) -> Consensus:
    """EM for true classes and each rater's confusion (Dawid & Skene 1979, section 3) from (units, raters) labels 0 or 1, NaN = none.

    Starts at the majority. `smooth` labels of each kind are added to each rater, so that one with few labels stays near no opinion.
    """
    values = np.asarray(table, dtype=float)
    known = ~np.isnan(values)
    one = np.where(known, values, 0.0)
    zero = np.where(known, 1 - one, 0.0)
    chance = (one.sum(axis=1) + 0.5) / (known.sum(axis=1) + 1)
    for _ in range(rounds):
        share = float(np.clip(chance.mean(), 1e-6, 1 - 1e-6))
        counts = np.stack([np.stack([(w @ zero), (w @ one)], axis=-1) for w in (1 - chance, chance)], axis=1)
        # prior weight on the diagonal: without it the mirror image of the classes is as likely
        confusion = counts + smooth * np.asarray([[1.5, 0.5], [0.5, 1.5]])
        confusion = confusion / confusion.sum(axis=2, keepdims=True)
        log = np.log(confusion)
        odds = np.log(share / (1 - share)) + zero @ (log[:, 1, 0] - log[:, 0, 0]) + one @ (log[:, 1, 1] - log[:, 0, 1])
        now = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        if np.abs(now - chance).max() < 1e-9:
            break
        chance = now
    return Consensus(now, confusion, share)


def severities(table: ArrayLike, ridge: float = 1e-3) -> tuple[Floats, Floats]:
    """(units,) worth and (raters,) severity of scale values = worth - severity, least squares; severities add up to 0."""
    values = np.asarray(table, dtype=float)
    units, raters = values.shape
    rows, columns = np.nonzero(~np.isnan(values))
    design = np.zeros((len(rows), units + raters))
    design[np.arange(len(rows)), rows] = 1
    design[np.arange(len(rows)), units + columns] = -1
    gram = design.T @ design + ridge * np.eye(units + raters)
    found = np.linalg.solve(gram, design.T @ values[rows, columns])
    shift = found[units:].mean()
    return found[:units] - shift, found[units:] - shift


def cycles(beats: ArrayLike) -> int:
    """Triads in which each is beaten by one of the others, from (k, k) shares of wins of row over column; NaN = never compared."""
    share = np.asarray(beats, dtype=float)
    won = np.nan_to_num(share, nan=0.5) > 0.5
    return int(np.trace(won.astype(int) @ won.astype(int) @ won.astype(int)) // 3)
