"""Residual streams over a span of tokens: the mean of the span and its end, read in one pass that stops at the last layer wanted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from spiritlevel import _activations
from spiritlevel.backends._local import LocalModel
from spiritlevel.types import Chat, user

Span = tuple[list[int], int, int]
"""Token ids of a chat up to where it is read, and the span (start, stop) that its mean is taken over."""


def request(model: LocalModel, text: str) -> Span:
    """The chat that asks `text`, read where the answer would begin; the span is the text's own tokens, without the template's."""
    ids, empty = model.render(user(text)), model.render(user(""))
    most = min(len(ids), len(empty))
    before = next((i for i in range(most) if ids[i] != empty[i]), most)
    after = next((i for i in range(most) if ids[-1 - i] != empty[-1 - i]), most)
    stop = max(len(ids) - after, 1)
    return ids, min(before, stop - 1), stop


def reply(model: LocalModel, chat: Chat) -> Span:
    """A chat that ends with an assistant turn; the span is that turn's tokens."""
    ids, start = model.render_labelled(chat, True)
    return ids, start, len(ids)


def read(model: LocalModel, spans: Sequence[Span], layers: Sequence[int]) -> np.ndarray:
    """(n, len(layers), 2 * width) float32 after blocks `layers` (1-based, ascending): the span's mean, then the last token of all."""
    found = np.zeros((len(spans), len(layers), 2 * model.width), np.float32)
    for places in _activations.passes([len(ids) for ids, _, _ in spans]):
        with torch.inference_mode():
            batch, mask = _activations.padded([spans[place][0] for place in places], model.device)
            seen = _streams(model, batch, mask if len(places) > 1 else None, layers)
            for column, stream in enumerate(seen):
                for row, place in enumerate(places):
                    ids, start, stop = spans[place]
                    found[place, column] = summary(stream[row, start:stop], stream[row, len(ids) - 1])
    return found


def summary(span: Any, last: Any) -> np.ndarray:
    """(2 * width,): mean of a span's states (tokens, width) and the state that is read last."""
    found: np.ndarray = torch.cat([span.float().mean(0), last.float()]).cpu().numpy()
    return found


def joined(seen: Sequence[Any]) -> Any:
    """Passes that followed each other, as one stream (tokens, width)."""
    return torch.cat(list(seen))


def _streams(model: LocalModel, batch: Any, mask: Any, layers: Sequence[int]) -> list[Any]:
    seen: list[Any] = []
    with _activations.hooked(model.module, dict.fromkeys(_names(model, layers), seen.append), stop=True):
        model.module.base_model(input_ids=batch, attention_mask=mask, use_cache=False)
    return seen


@contextmanager
def watching(model: LocalModel, layer: int) -> Iterator[list[Any]]:
    """The stream after block `layer` of every pass that `model.module` makes meanwhile, (tokens, width) each, of the first row."""
    seen: list[Any] = []

    def keep(x: Any) -> None:
        seen.append(x[0].detach())

    with _activations.hooked(model.module, dict.fromkeys(_names(model, [layer]), keep)):
        yield seen


def _names(model: LocalModel, layers: Sequence[int]) -> list[str]:
    path, _ = _activations.blocks(model.module)
    return [f"{path}.{layer - 1}" for layer in layers]
