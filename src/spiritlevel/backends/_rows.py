"""Token rows in batches: padded to one length, or packed into one line. What training, scoring and rewards run on.

Sequences are right-padded and masked by length, never by token id: under causal attention padding cannot reach a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spiritlevel.backends._packed import Line, line, packing

PADDED = 4
"""Packed rows are padded for attention alone, where this many padded tokens cost about as much as one anywhere else."""


def packed_size(own: Sequence[int], shared: int) -> int:
    """What a packed line costs, in tokens: `shared` ones and each row's own, or the padding of its attention where that weighs more."""
    return max(shared + sum(own), max(own) * len(own) // PADDED)


@dataclass(frozen=True)
class Row:
    """Token ids of one sequence and where its labels start; labels run to the end. 0 < start < len(ids)."""

    ids: tuple[int, ...]
    start: int

    @property
    def labels(self) -> int:
        """How many tokens are scored."""
        return len(self.ids) - self.start


@dataclass(frozen=True)
class Batch:
    """Rows padded to one length, or packed into one line. `where`, `labels` and `counts` are flat over label tokens, row by row."""

    ids: Tensor
    """(rows, longest) int64, or packed (1, tokens): the rows' common beginning once, then the rest of each row."""
    attention: Tensor | None
    """(rows, longest) int64: 1 within a row's length; none when packed."""
    where: Tensor
    """(labels,) flat position in `ids` whose hidden state predicts each label."""
    labels: Tensor
    """(labels,) token ids."""
    counts: tuple[int, ...]
    """Labels of each row."""
    positions: Tensor | None = None
    """(1, tokens) place of each token in its own row, when packed."""
    line: Line | None = None
    """Which token is whose, when packed."""


def collate(rows: Sequence[Row], pad: int = 0, device: torch.device | str = "cpu", *, pack: bool = False) -> Batch:
    """Right-pad rows, or `pack` them when they begin alike. `pad` may be any id, even one that is also a label: nothing reads it back."""
    shared = beginning(rows) if pack else 0
    longest = max(len(row.ids) for row in rows)
    labels = torch.tensor([label for row in rows for label in row.ids[row.start :]], device=device)
    counts = tuple(row.labels for row in rows)
    if shared and packed_size([len(row.ids) - shared for row in rows], shared) <= MOST_PACKED:
        return _packed(rows, shared, labels, counts, device)
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    attention = torch.zeros_like(ids)
    where: list[int] = []
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        attention[i, : len(row.ids)] = 1
        where.extend(range(i * longest + row.start - 1, i * longest + len(row.ids) - 1))
    return Batch(ids.to(device), attention.to(device), torch.tensor(where, device=device), labels, counts)


def _packed(rows: Sequence[Row], shared: int, labels: Tensor, counts: tuple[int, ...], device: torch.device | str) -> Batch:
    """The same mathematics with less work: no padding, and the common beginning (system prompt, template) runs once."""
    ids, positions, where = list(rows[0].ids[:shared]), list(range(shared)), list[int]()
    for row in rows:
        where.extend(range(len(ids) + row.start - 1 - shared, len(ids) + len(row.ids) - 1 - shared))
        ids.extend(row.ids[shared:])
        positions.extend(range(shared, len(row.ids)))
    tokens = torch.tensor([ids, positions], device=device)
    layout = line([len(row.ids) - shared for row in rows], shared, device)
    return Batch(tokens[:1], None, torch.tensor(where, device=device), labels, counts, tokens[1:], layout)


def beginning(rows: Sequence[Row]) -> int:
    """Tokens that all rows begin with, short of the first position that predicts a label; 0 for a single row."""
    if len(rows) < 2:
        return 0
    most = min(row.start for row in rows) - 1
    first = rows[0].ids
    return next((i for i in range(most) if any(row.ids[i] != first[i] for row in rows[1:])), most)


MOST_PACKED = 512
"""Tokens in a packed line. Bounds memory; more is hardly faster."""
PACKS = ("llama", "qwen2", "qwen3")
"""Model types whose every layer goes through transformers' attention interface and takes a token's place from `position_ids`."""


def can_pack(model: Any) -> bool:
    """Whether rows may be packed into one line."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = base.config.get_text_config()
    sliding = getattr(config, "use_sliding_window", False)
    return config.model_type in PACKS and not sliding


def hidden(body: Any, config: Any, batch: Batch) -> Tensor:
    """The body's last hidden state at every place of the batch: (places, width)."""
    if batch.line is None:
        found = body(input_ids=batch.ids, attention_mask=batch.attention, **_uncached(config)).last_hidden_state
    else:
        with packing(config):
            found = body(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, packed=batch.line).last_hidden_state
    return found.flatten(0, 1)


def _uncached(config: Any) -> dict[str, bool]:
    """Encoders keep no cache and take no word about one."""
    return {"use_cache": False} if hasattr(config, "use_cache") else {}
