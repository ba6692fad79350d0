"""A read-out of harm in requests from several layers and positions together, fitted to a constitution's prompts and its seeds.

Each layer and position has its own logistic head; their scores are averaged, so that no single one is chosen by looking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spiritlevel import activations, stats
from spiritlevel.constitution import Example
from spiritlevel.errors import DataError
from spiritlevel.interpret.probes import Contrast, words_of
from spiritlevel.judges.heads import Floats, cell_weights, folds, logistic, moments, standardised
from spiritlevel.judges.heads import out_of_fold as held_out
from spiritlevel.judges.probe import form_of, request_rows
from spiritlevel.judges.rows import groups_of
from spiritlevel.types import Estimate, Kind, OpenWeights, Prompt, user

DEPTHS = (0.5, 0.6, 0.7, 0.8)
"""Layers that are read, as shares of the depth."""
AT: tuple[activations.Place, ...] = ("mean", "last", -1)
"""The mean over the request's own tokens, its last token, and where the answer would begin."""
C = 0.002
"""Layers and positions were chosen on 800 of our own prompts by grouped cross-validation, harmful against look-alike: the average did
better there than its best single member, and as well as all members in one regression."""


@dataclass(frozen=True)
class Requests:
    """Requests of known kind, with the groups that folds keep whole."""

    texts: tuple[str, ...]
    kinds: tuple[Kind, ...]
    groups: tuple[str, ...]

    @property
    def harmful(self) -> NDArray[np.bool_]:
        """Which ask for harm."""
        return np.asarray([kind is Kind.HARMFUL for kind in self.kinds], dtype=bool)

    @property
    def weights(self) -> Floats:
        """Weights under which neither the class nor question or order rules."""
        return cell_weights(self.harmful, np.asarray([form_of(text) for text in self.texts]))

    def words(self, texts: Sequence[str]) -> Floats:
        """Scores of other texts by a bag of words fitted to the same requests."""
        return words_of(Contrast(self.texts, self.harmful, self.groups), self.weights, texts)


def requests(examples: Sequence[Example], prompts: Sequence[Prompt]) -> Requests:
    """Each prompt of declared kind once; prompts of the elicit stage join the constitution's examples."""
    asked = [
        Example(
            principle=p.principle, group=p.group or p.id, kind=p.kind, prompt=p.goal or p.text, reply="", violating=False, cluster=p.cluster
        )
        for p in prompts
    ]
    rows = [e for e, _ in request_rows([*examples, *asked])]
    return Requests(tuple(e.prompt for e in rows), tuple(e.kind for e in rows), tuple(groups_of(rows)))


@dataclass(frozen=True)
class Harm:
    """One head for each layer and position, (layers * positions, width)."""

    layers: tuple[int, ...]
    mean: Floats
    scale: Floats
    coef: Floats
    bias: Floats
    auroc: Estimate
    """Out of fold, harmful against look-alike requests."""

    def scores(self, weights: OpenWeights, texts: Sequence[str]) -> Floats:
        """(n,) mean log odds that a text asks for harm."""
        return self.of(states(weights, texts, self.layers))

    def of(self, found: NDArray[np.generic]) -> Floats:
        """The same from states (n, layers * positions, width)."""
        heads = range(len(self.coef))
        return np.asarray(
            np.mean(
                [standardised(np.asarray(found[:, i], float), self.mean[i], self.scale[i]) @ self.coef[i] + self.bias[i] for i in heads], 0
            )
        )


def states(weights: OpenWeights, texts: Sequence[str], layers: Sequence[int]) -> NDArray[np.float32]:
    """(n, layers * positions, width), positions within layers; one pass, stopped at the last layer."""
    names = activations.blocks(weights, layers)
    chats = [user(text) for text in texts]
    seen = activations.read(weights, chats, names, AT, spans=activations.asked(weights, chats))
    return np.concatenate([seen[name].reshape(len(chats), len(AT), -1) for name in names], 1)


def fit(weights: OpenWeights, known: Requests, seed: int = 0) -> Harm:
    """Fit to requests of both sides. DataError when a side is empty."""
    Contrast(known.texts, known.harmful, known.groups)
    layers = tuple(sorted({max(1, round(share * weights.layers)) for share in DEPTHS}))
    return fitted(states(weights, known.texts, layers), layers, known, seed)


def fitted(found: NDArray[np.generic], layers: Sequence[int], known: Requests, seed: int = 0) -> Harm:
    """The same from states (n, layers * positions, width)."""
    y, weight = known.harmful, known.weights
    parts = folds(y, known.groups, seed)
    heads, held = [], []
    for i in range(found.shape[1]):
        x = np.asarray(found[:, i], dtype=float)
        if not np.isfinite(x).all():
            raise DataError("The requests' activations are NaN or infinite; the weights or the number format are broken.")
        mean, scale = moments(x)
        heads.append((mean, scale, *logistic(standardised(x, mean, scale), y, weight, C)))
        held.append(held_out(x, y, weight, parts, C))
    hard = np.asarray([kind is not Kind.PLAIN for kind in known.kinds])
    groups = [g for g, h in zip(known.groups, hard, strict=True) if h]
    auroc = stats.auroc(np.mean(held, 0)[hard], y[hard], groups, seed=seed, name="harm_auroc", rounds=400)
    mean, scale, coef, bias = (np.asarray(column) for column in zip(*heads, strict=True))
    return Harm(tuple(layers), mean, scale, coef, bias, auroc)
