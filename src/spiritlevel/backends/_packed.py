"""Attention for rows packed into one line: each row sees their common beginning and itself, nothing is computed for other pairs.

Masked attention over the whole line would grow with its square.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

NAME = "spiritlevel_packed"


@dataclass(frozen=True)
class Line:
    """Where the tokens of each row are in the line: `shared` first ones, then the rest of row after row."""

    shared: int
    rows: int
    longest: int
    """Tokens of the longest row beyond the shared ones."""
    places: Tensor
    """(rows * longest,) place in the line of each token of each row, right-padded with any place."""
    back: Tensor
    """(tokens - shared,) where each token of the line is in rows * longest."""
    real: Tensor
    """(rows, longest) float32: 1 where a place holds a token of its own, 0 for padding."""
    hidden: Tensor
    """(longest, shared + longest) bool: what lies ahead of a token in its row; the beginning never does."""
    hidden_early: Tensor
    """(shared, shared) bool: the same within the beginning."""


def line(lengths: list[int], shared: int, device: torch.device | str) -> Line:
    """The layout for rows with so many tokens beyond the shared ones."""
    longest, at = max(lengths), shared
    places: list[int] = []
    back: list[int] = []
    for row, length in enumerate(lengths):
        places += [*range(at, at + length), *[shared] * (longest - length)]
        back += range(row * longest, row * longest + length)
        at += length
    ahead = torch.ones((max(longest, shared), shared + longest), dtype=torch.bool, device=device)
    real = (torch.arange(longest)[None] < torch.tensor(lengths)[:, None]).float().to(device)
    return Line(
        shared,
        len(lengths),
        longest,
        torch.tensor(places, device=device),
        torch.tensor(back, device=device),
        real,
        ahead[:longest].triu(shared + 1),
        ahead[:shared, :shared].triu(1),
    )


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: None, *, scaling: float, packed: Line, **_: Any
) -> tuple[Tensor, None]:
    """Transformers' attention interface: query (1, heads, tokens, width), key and value (1, groups, ...); float32 inside."""
    return _Attend.apply(query, key, value, packed, scaling), None


class _Attend(torch.autograd.Function):  # type: ignore[misc,unused-ignore]
    """Softmax attention with its gradient by hand: every token has one place in the padded rows, so nothing is scattered or zeroed."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, packed: Line, scaling: float) -> Tensor:
        q, (k, v) = _split(query, key.shape[1], packed), (_seen(_split(part, key.shape[1], packed), packed) for part in (key, value))
        repeats = query.shape[1] // key.shape[1]
        weights = [
            torch.bmm(asked, known.transpose(1, 2)).mul_(scaling).masked_fill_(hidden.repeat(repeats, 1), -torch.inf).softmax(-1)
            for asked, known, hidden in zip(q, k, (packed.hidden_early, packed.hidden), strict=True)
        ]
        ctx.save_for_backward(query, key, value, *weights)
        ctx.packed, ctx.scaling = packed, scaling
        return _joined([torch.bmm(w, known) for w, known in zip(weights, v, strict=True)], query.shape[1], packed).to(query.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, *weights = ctx.saved_tensors
        packed, groups, heads = ctx.packed, key.shape[1], query.shape[1]
        q, (k, v) = _split(query, groups, packed), (_seen(_split(part, groups, packed), packed) for part in (key, value))
        out = _split(grads[0].transpose(1, 2), groups, packed)
        # places that hold no token hold a copy of one: no gradient comes from there
        out[1].view(packed.rows, groups, -1, packed.longest, out[1].shape[-1]).mul_(packed.real[:, None, None, :, None])
        found: tuple[list[Tensor], ...] = ([], [], [])
        for asked, known, held, w, g in zip(q, k, v, weights, out, strict=True):
            slope = torch.bmm(g, held.transpose(1, 2))
            slope.sub_((slope * w).sum(-1, keepdim=True)).mul_(w).mul_(ctx.scaling)
            found[0].append(torch.bmm(slope, known))
            found[1].append(torch.bmm(slope.transpose(1, 2), asked))
            found[2].append(torch.bmm(w.transpose(1, 2), g))
        for part in found[1:]:
            begun, own = part[1].split([packed.shared, packed.longest], 1)
            part[:] = [part[0] + begun.reshape(packed.rows, groups, packed.shared, -1).sum(0), own]
        joined = (_joined(part, n, packed).to(query.dtype).transpose(1, 2) for part, n in zip(found, (heads, groups, groups), strict=True))
        return (*joined, None, None)


def _split(part: Tensor, groups: int, packed: Line) -> list[Tensor]:
    """Float32 of the beginning (groups, n * shared, width) and of the padded rows (rows * groups, n * longest, width).

    The n heads of one group stand behind each other, as they share keys.
    """
    each, width = part[0].transpose(0, 1).float(), part.shape[-1]
    begun = each[: packed.shared].reshape(packed.shared, groups, -1, width).permute(1, 2, 0, 3)
    own = each.index_select(0, packed.places).view(packed.rows, packed.longest, groups, -1, width).permute(0, 2, 3, 1, 4)
    return [begun.reshape(groups, -1, width), own.reshape(packed.rows * groups, -1, width)]


def _seen(parts: list[Tensor], packed: Line) -> list[Tensor]:
    """What each part may see: the beginning itself alone, a row the beginning and then itself."""
    begun, own = parts
    return [begun, torch.cat((begun.repeat(packed.rows, 1, 1), own), 1)]


def _joined(parts: list[Tensor], heads: int, packed: Line) -> Tensor:
    """The inverse of `_split`: (1, tokens, heads, width)."""
    begun, own = parts
    groups, width = len(begun), begun.shape[-1]
    first = begun.view(groups, -1, packed.shared, width).permute(2, 0, 1, 3).reshape(packed.shared, heads, width)
    rest = own.reshape(packed.rows, groups, -1, packed.longest, width).permute(0, 3, 1, 2, 4).reshape(-1, heads, width)
    return torch.cat((first, rest.index_select(0, packed.back)))[None]


@contextmanager
def packing(config: Any) -> Iterator[None]:
    """Let the model of this configuration attend as `attend` does."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
