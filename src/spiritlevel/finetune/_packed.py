"""Attention for rows packed into one line: each row sees their common beginning and itself, nothing is computed for other pairs.

Masked attention over the whole line would grow with its square.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
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
    hidden: Tensor
    """(longest, shared + longest) bool: what lies ahead of a token in its row; the beginning never does."""


def line(lengths: list[int], shared: int, device: torch.device | str) -> Line:
    """The layout for rows with so many tokens beyond the shared ones."""
    longest, at = max(lengths), shared
    places: list[int] = []
    back: list[int] = []
    for row, length in enumerate(lengths):
        places += [*range(at, at + length), *[shared] * (longest - length)]
        back += range(row * longest, row * longest + length)
        at += length
    hidden = torch.ones((longest, shared + longest), dtype=torch.bool, device=device).triu(shared + 1)
    return Line(shared, len(lengths), longest, torch.tensor(places, device=device), torch.tensor(back, device=device), hidden)


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: None, *, scaling: float, packed: Line, **_: Any
) -> tuple[Tensor, None]:
    """Transformers' attention interface: query (1, heads, tokens, width), key and value (1, groups, ...); float32 inside."""
    shared, n, length = packed.shared, packed.rows, packed.longest
    (_, heads, _, width), groups, dtype = query.shape, key.shape[1], query.dtype
    q, k, v = (part[0].transpose(0, 1).float() for part in (query, key, value))  # (tokens, heads or groups, width)
    begin = [part[:shared].transpose(0, 1) for part in (q, k, v)]
    early = F.scaled_dot_product_attention(
        begin[0], begin[1], begin[2], is_causal=True, scale=scaling, enable_gqa=heads != groups
    ).transpose(0, 1)

    def own(part: Tensor) -> Tensor:
        """(rows, groups, longest, ...) tokens of each row."""
        return part.index_select(0, packed.places).view(n, length, groups, -1, width).transpose(1, 2)

    def seen(part: Tensor) -> Tensor:
        """(rows * groups, shared + longest, width) what a row may see: the beginning, then itself."""
        begun = part[:shared].transpose(0, 1).expand(n, groups, shared, width)
        return torch.cat((begun, own(part)[:, :, :, 0]), 2).flatten(0, 1)

    # the queries of one group share keys: they stand behind each other
    asked = own(q).transpose(2, 3).reshape(n * groups, -1, width)
    scores = torch.bmm(asked, seen(k).transpose(1, 2)) * scaling
    weights = scores.masked_fill(packed.hidden.repeat(heads // groups, 1), -torch.inf).softmax(-1)
    mixed = torch.bmm(weights, seen(v)).view(n, groups, -1, length, width).permute(0, 3, 1, 2, 4).reshape(n * length, heads, width)
    return torch.cat((early, mixed.index_select(0, packed.back))).to(dtype)[None], None


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
