"""What a guard sees, one vector a window of text: hidden states of the deployed model, or MiniLM's embeddings where none are in hand."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spiritlevel.types import OpenWeights, user

WINDOW = 256
"""Tokens that are read at once: a request that is hidden in a long text fills its window, and is not averaged away."""
Floats = NDArray[np.float32]


class Reader(Protocol):
    """Texts to features."""

    @property
    def body(self) -> str:
        """Fingerprint of the weights that read."""
        ...

    @property
    def family(self) -> str:
        """Their family, for kinship."""
        ...

    @property
    def layers(self) -> tuple[int, ...]:
        """Blocks that are read, from 1: as many columns as `requests` and `replies` give; (0,) where there is no choice."""
        ...

    def windows(self, text: str) -> list[str]:
        """The text, or pieces of it of at most WINDOW tokens that overlap by half."""
        ...

    def requests(self, texts: Sequence[str]) -> Floats:
        """(n, layers, d) of texts that each fit a window."""
        ...

    def replies(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """(n, layers, d') of (request, reply) that each fit a window."""
        ...


def pieces(text: str, ends: Sequence[tuple[int, int]], size: int) -> list[str]:
    """A text cut by its tokens' (start, end) in characters: windows of `size` tokens, each overlapping the one before by half."""
    if len(ends) <= size:
        return [text]
    starts = [*range(0, len(ends) - size, max(1, size // 2)), len(ends) - size]
    return [text[ends[first][0] : ends[first + size - 1][1]] for first in starts]


class BodyReader:
    """Mean over the text's own tokens and the last token, after a middle block of the model that is guarded."""

    def __init__(self, weights: OpenWeights, layers: Sequence[int]) -> None:
        self.weights, self.layers = weights, tuple(layers)
        self.body, self.family = weights.ref.weights, weights.ref.family

    @cached_property
    def size(self) -> int:
        """Tokens of a window: a quarter of a short context, so that request, reply and template fit together."""
        return max(8, min(WINDOW, int(self.weights.context) // 4))  # type: ignore[attr-defined]

    def windows(self, text: str) -> list[str]:
        """As Reader.windows."""
        return pieces(text, _offsets(self.weights.tokenizer, text), self.size)  # type: ignore[attr-defined]

    def requests(self, texts: Sequence[str]) -> Floats:
        """As Reader.requests: d = 2 * width."""
        from spiritlevel.backends import _spans

        model = self.weights
        return np.asarray(_spans.read(model, [_spans.request(model, t) for t in texts], self.layers), np.float32)  # type: ignore[arg-type]

    def replies(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """As Reader.replies: the mean over the reply's tokens and its last one, with the request before it."""
        from spiritlevel.backends import _spans

        model = self.weights
        spans = [_spans.reply(model, user(asked, prefill=said)) for asked, said in pairs]  # type: ignore[arg-type]
        return np.asarray(_spans.read(model, spans, self.layers), np.float32)  # type: ignore[arg-type]


class TextReader:
    """MiniLM's embeddings: for models behind an endpoint, whose states nobody sees."""

    family: str = "minilm"
    layers: tuple[int, ...] = (0,)

    @cached_property
    def body(self) -> str:
        """As Reader.body."""
        from spiritlevel.judges._minilm import sha256

        return sha256()

    def windows(self, text: str) -> list[str]:
        """As Reader.windows: two tokens are MiniLM's own marks."""
        from spiritlevel.judges._minilm import MAX_TOKENS, tokenizer

        return pieces(text, _offsets(tokenizer(), text), MAX_TOKENS - 2)

    def requests(self, texts: Sequence[str]) -> Floats:
        """As Reader.requests: d = 384."""
        from spiritlevel.judges._minilm import embed

        return embed(texts)[:, None]

    def replies(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """As Reader.replies: the embedding judge's request, reply, and reply without its first sentence."""
        from spiritlevel.judges.embedding import features

        return features(pairs)[:, None]


def _offsets(tokenizer: Callable[..., dict[str, list[tuple[int, int]]]], text: str) -> list[tuple[int, int]]:
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
