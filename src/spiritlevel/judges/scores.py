"""Rewards as durable units: what was scored once is never scored again in a run."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel.types import Chat, Frozen, Journal, RewardModel, RowSet

BATCH = 512
"""Answers scored as one batch and committed together."""


class Answer(Frozen):
    """A unit of scoring: a chat that ends with the answer."""

    chat: Chat
    truncated: bool = False
    """Cut at its length limit: it has no end to be scored."""


class Score(Frozen):
    """A reward model's word on one answer, a value a head; NaN = could not score."""

    values: tuple[float, ...]


def scored(journal: Journal, reward: RewardModel, answers: Sequence[Answer], label: str = "") -> RowSet:
    """Score rows aligned with `answers`."""

    def work(units: Sequence[Answer]) -> Iterable[tuple[int, Score]]:
        found = reward.score([u.chat for u in units], [u.truncated for u in units])
        return ((i, Score(values=tuple(float(v) for v in row))) for i, row in enumerate(found))

    salt = reward.identity.id
    return journal.map("score", answers, work, Score, batch=BATCH, salt=salt, label=label or f"scoring: {reward.identity.name}")


def table(journal: Journal, rows: RowSet) -> NDArray[np.float64]:
    """(n, heads) of what `scored` made."""
    return np.asarray([row.values for row in journal.rows(rows, Score)], dtype=float)
