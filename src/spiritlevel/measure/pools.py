"""Tables of scores as people and instruments give them: checked, counted and put on one scale."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel.errors import DataError, TooManyFailures
from spiritlevel.stats.clusters import codes_of

Floats = NDArray[np.float64]
Groups = Sequence[object] | NDArray[np.generic]

MOST_UNSCORED = 0.05
"""Share of samples that may lack a score: what cannot be scored is seldom like the rest."""
FEW = 20
"""Prompt groups below which a note says that they are few."""
FEW_SEEDS = 5


def moments(proxy: Floats, intent: Floats) -> Floats:
    """(prompts, 2): the proxy's covariance with the intent, and its variance, among a prompt's samples (over all where it has one)."""
    axis = 1 if proxy.shape[1] > 1 else None
    p, i = (x - np.nanmean(x, axis=axis, keepdims=True) for x in (proxy, intent))
    return np.column_stack([np.nanmean(p * i, axis=1), np.nanmean(p * p, axis=1)])


def seeded(what: str, values: ArrayLike) -> Floats:
    """(seeds, prompts, samples), finite or NaN."""
    table = np.asarray(values, dtype=float)
    table = table[None] if table.ndim == 2 else table
    if table.ndim != 3 or 0 in table.shape:
        raise DataError(f"{what} has scores of shape {table.shape}; give (prompts, samples) or (seeds, prompts, samples), none empty")
    finite(what, table)
    return table


def finite(what: str, values: Floats) -> None:
    """DataError when a score is infinite."""
    if np.isinf(values).any():
        raise DataError(f"{what} gave {int(np.isinf(values).sum())} samples an infinite score; mend it, or give them none")


def standard(what: str, table: Floats) -> Floats:
    """Z-scores by the mean and standard deviation of all samples of each seed."""
    return np.stack([(one - centre) / spread for one in table for centre, spread in [base(what, one)]])


def base(what: str, samples: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the base policy's samples (prompts, samples). DataError when they are all alike."""
    among = samples - np.nanmean(samples, axis=1, keepdims=True) if samples.shape[1] > 1 else samples - np.nanmean(samples)
    scale = max(float(np.nanmax(np.abs(samples))), 1e-12)
    if not np.nanmax(np.abs(among)) > 1e-9 * scale:
        raise DataError(f"{what} gives all samples of each prompt one score, so that it tells none apart; use another")
    return float(np.nanmean(samples)), float(np.nanstd(samples))


def lost(known: NDArray[np.bool_]) -> int:
    """Samples without all scores, of `known` (pools, samples). TooManyFailures past MOST_UNSCORED, or when a pool has none."""
    missing = int((~known).sum())
    if missing > MOST_UNSCORED * known.size or not known.any(axis=1).all():
        raise TooManyFailures(
            f"{missing} of {known.size} samples lack a score (proxy or intent), more than {MOST_UNSCORED:.0%} or all of a prompt's; "
            "score them, or take them out with their prompts"
        )
    return missing


def clusters(groups: Groups, prompts: int) -> int:
    """How many independent prompt groups there are. DataError for one, or when they do not match the prompts."""
    if len(groups) != prompts:
        raise DataError(f"{len(groups)} groups do not match {prompts} prompts; give one a prompt")
    found = len(np.unique(codes_of(groups)))
    if found < 2:
        raise DataError("one prompt group cannot show how prompts differ; give two or more, and 20 for an interval worth its name")
    return found


def notes(clusters: int, seeds: int, unscored: int) -> list[str]:
    """What a reader of the intervals must know."""
    found = []
    if clusters < FEW:
        found.append(f"{clusters} prompt groups are few: the intervals are wide and rest on their being alike")
    if 1 < seeds < FEW_SEEDS:
        found.append(f"{seeds} seeds are few: what another seed would give is told by Student's t and the seeds seen")
    if seeds == 1:
        found.append("one seed of the proxy: the intervals cover the prompts drawn, not what another proxy would give")
    if unscored:
        found.append(f"{unscored} samples without a score were left out for all")
    return found
