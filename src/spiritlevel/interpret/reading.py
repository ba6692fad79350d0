"""One model read: states at every n-th layer and at a few positions, with a probe for each, and prompts token by token."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spiritlevel import activations
from spiritlevel.interpret import probes
from spiritlevel.interpret.config import InterpretConfig
from spiritlevel.interpret.probes import Contrast
from spiritlevel.judges.heads import Head
from spiritlevel.types import OpenWeights, Reading, user

MEAN = "mean of the request"
LAST = "last of the request"
ENDS = 3
"""Last tokens of the template, between the request and the answer, that are read."""
LONGEST = 80
"""Tokens of a prompt that are shown."""


@dataclass(frozen=True)
class Read:
    """States (n, layers, positions, width) of a contrast's texts, and a probe for each layer and position."""

    layers: tuple[int, ...]
    positions: tuple[str, ...]
    states: NDArray[np.float32]
    heads: dict[tuple[int, str], Head]

    def at(self, layer: int, position: str = "") -> NDArray[np.float32]:
        """(n, width) of one layer; by default where the answer would begin."""
        return np.asarray(self.states[:, self.layers.index(layer), self.positions.index(position or self.end)])

    def head(self, layer: int, position: str = "") -> Head:
        """The probe there."""
        return self.heads[layer, position or self.end]

    @property
    def end(self) -> str:
        """The last position, where the answer would begin."""
        return self.positions[-1]


def layers_of(depth: int, every: int) -> list[int]:
    """Every n-th layer, 1-based, and the last."""
    return sorted({*range(every, depth + 1, every), depth})


def read(weights: OpenWeights, contrast: Contrast, config: InterpretConfig, phase: str) -> Read:
    """Both models are read alike: the mean over the request's tokens, its last token, and the template's last ones."""
    layers = layers_of(weights.layers, config.every)
    names = activations.blocks(weights, layers)
    chats = [user(text) for text in contrast.texts]
    spans = activations.asked(weights, chats)
    ids: list[int] = weights.render(chats[0])  # type: ignore[attr-defined]
    tail = min(len(ids) - spans[0][1], ENDS)  # the same for all chats: the template's
    seen = activations.read(weights, chats, names, ("mean", "last", *range(-tail, 0)), spans=spans)
    positions = (MEAN, LAST, *(f"{n}: {_shown(weights, ids[n])}" for n in range(-tail, 0)))
    states = np.stack([seen[name].reshape(len(chats), len(positions), -1) for name in names], 1)
    heads = {
        (layer, position): probes.fit(
            states[:, i, j],
            contrast,
            kind=config.probe,
            c=config.c,
            seed=config.seed,
            name=f"readout_auroc, layer {layer}, {position}, {phase}",
        )
        for i, layer in enumerate(layers)
        for j, position in enumerate(positions)
    }
    return Read(tuple(layers), positions, states, heads)


def tokens(weights: OpenWeights, head: Head, layer: int, texts: Sequence[str], titles: Sequence[str]) -> list[Reading]:
    """Each request with the probe's word on each of its tokens (the probe of the mean, which was fitted to no single place)."""
    if not texts:
        return []
    chats = [user(text) for text in texts]
    spans = [(start, min(end, start + LONGEST)) for start, end in activations.asked(weights, chats)]
    (name,) = activations.blocks(weights, [layer])
    states = activations.read(weights, chats, [name], "all", first=True, spans=spans)[name]
    found, at = [], 0
    for title, chat, (start, end) in zip(titles, chats, spans, strict=True):
        ids: list[int] = weights.render(chat)[start:end]  # type: ignore[attr-defined]
        scores = head.probability(states[at : at + end - start])
        found.append(Reading(title=title, tokens=tuple(_shown(weights, i) for i in ids), scores=tuple(round(float(s), 3) for s in scores)))
        at += end - start
    return found


def _shown(weights: OpenWeights, token: int) -> str:
    return str(weights.tokenizer.decode([token], clean_up_tokenization_spaces=False))  # type: ignore[attr-defined]
