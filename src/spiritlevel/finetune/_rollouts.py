"""Answers drawn from the policy as it is, and their log-probabilities: by token ids, never by text that is tokenised again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spiritlevel.backends._render import NEXT_TURN
from spiritlevel.backends._rows import MOST_PACKED, Batch, Row, beginning, can_pack, collate, packed_size
from spiritlevel.finetune._logps import logps
from spiritlevel.types import content_hash

PADDED_TOKENS = 1024
"""Most padded tokens that are scored at once where rows cannot be packed."""


@dataclass(frozen=True)
class Rollout:
    """One answer as it was drawn."""

    row: Row
    """Prompt and answer; the labels are the answer, the token that ended it included."""
    text: str
    cut: bool
    """It reached the length limit without an end."""

    @property
    def answer(self) -> tuple[int, ...]:
        """Its token ids."""
        return self.row.ids[self.row.start :]


def draw(model: Any, prompts: Sequence[list[int]], samples: int, limit: int, seed: object) -> list[Rollout]:
    """`samples` answers a prompt at temperature 1 and without top-p or top-k, group by group. Each has its own seed."""
    asked = [ids for ids in prompts for _ in range(samples)]
    seeds = [int(content_hash("rollout", seed, place)[:16], 16) >> 1 for place in range(len(asked))]
    return [_rollout(model, ids, *one) for ids, one in zip(asked, model.sample(asked, limit, seeds), strict=True)]


def _rollout(model: Any, prompt: list[int], new: list[int], cut: bool) -> Rollout:
    text = model.renderer.text(new)
    if not model.renderer.templated:
        text = text.partition(NEXT_TURN)[0]
    return Rollout(Row((*prompt, *new), len(prompt)), text, cut)


def batched(module: Any, rollouts: Sequence[Rollout], samples: int) -> list[tuple[int, ...]]:
    """Places that are scored together: a group of `samples` shares its prompt, so it is a line of its own or, too long for one, in pieces.

    A group that fits is never divided, so its baseline is known as soon as its batch has run.
    """
    pack, out = can_pack(module), list[tuple[int, ...]]()
    for first in range(0, len(rollouts), samples):
        open_: list[int] = []
        for place in range(first, first + samples):
            if open_ and not _fits([rollouts[i].row for i in (*open_, place)], pack):
                out.append(tuple(open_))
                open_ = []
            open_.append(place)
        out.append(tuple(open_))
    return out


def _fits(rows: Sequence[Row], pack: bool) -> bool:
    shared = beginning(rows) if pack else 0
    if shared:
        return packed_size([len(row.ids) - shared for row in rows], shared) <= MOST_PACKED
    return len(rows) * max(len(row.ids) for row in rows) <= PADDED_TOKENS


def scored(module: Any, batches: Sequence[Batch]) -> list[Tensor]:
    """Label log-probabilities of each batch without gradient."""
    with torch.no_grad():
        return [logps(module, batch) for batch in batches]


def collated(module: Any, rollouts: Sequence[Rollout], batches: Sequence[tuple[int, ...]]) -> list[Batch]:
    """The batches as tensors; policy and reference are scored on the same ones, so the noise of their shapes cancels."""
    device = next(module.parameters()).device
    return [collate([rollouts[i].row for i in places], device=device, pack=can_pack(module)) for places in batches]


def floor(module: Any, rollouts: Sequence[Rollout], known: Sequence[float]) -> float:
    """KL in nats that the number format alone can show: the same weights scored in other shapes (row by row, padded).

    |mean| + 1.96 standard errors of the difference of answers' log-probabilities from `known` (those in training's shapes).
    """
    with torch.no_grad():
        alone = [float(logps(module, collate([one.row], device=next(module.parameters()).device)).sum()) for one in rollouts]
    gaps = np.asarray(known) - np.asarray(alone)
    spread = gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
    return float(abs(gaps.mean()) + 1.96 * spread)
