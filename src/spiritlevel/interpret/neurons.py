"""Which MLP neurons carry a read-out, and whether holding them still moves behaviour.

The residual stream after a block is the sum of what embedding, heads and neurons wrote, so a linear read-out of it splits exactly
into their direct parts (Elhage et al. 2021). Direct: what a neuron does through later layers below the read-out is theirs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import activations, backends, judges, stats
from spiritlevel.constitution import Constitution
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.interpret.directions import DirectionSettings, parted
from spiritlevel.interpret.effects import unseen
from spiritlevel.judges.text import TextJudge
from spiritlevel.types import (
    Ask,
    Estimate,
    Frozen,
    Journal,
    ModelRef,
    Neuron,
    Neurons,
    Outcome,
    Prompt,
    Reply,
    Sampling,
    Transcript,
    content_hash,
    user,
)

Floats = NDArray[np.float64]


class NeuronSettings(Frozen):
    """Which read-out, how many neurons."""

    layer: int | None = Field(None, ge=1)
    """Block after which the read-out is taken; default: half of the depth."""
    top: int = Field(32, ge=1)
    """Neurons that are chosen and clamped."""
    fit: int = Field(128, ge=4)
    """Prompts of each set that choose them, at most."""
    validation: int = Field(48, ge=4)
    """Other prompts of each set, on which their share is measured, at most."""
    random: int = Field(2, ge=1)
    """Draws of as many neurons of the same blocks, pooled, as the control."""
    max_tokens: int = Field(40, ge=1)
    seed: int = 0


def run(
    journal: Journal,
    model: ModelRef,
    law: Constitution,
    first: tuple[Prompt, ...],
    second: tuple[Prompt, ...],
    test: tuple[Prompt, ...],
    settings: NeuronSettings,
) -> Neurons:
    """The neurons that tell `first` from `second`, and refusal of `test` prompts when they stand at the second set's mean.

    NeedsWeights, ConfigError for a layer out of range, DataError for sets that are empty or equal, ModelError for an unknown MLP.
    """
    backends.check_weights(model, "neurons need")
    one, two = parted(first, second, DirectionSettings(fit=settings.fit, validation=settings.validation, seed=settings.seed))
    weights: Any = backends.open_weights(model, journal)
    layer = settings.layer or max(1, weights.layers // 2)
    if layer > weights.layers:
        raise ConfigError(f"layer {layer} is out of range: the model has blocks 1 to {weights.layers}; choose among those")
    reader = Reader(weights, layer)
    fit = reader.parts(one.fit), reader.parts(two.fit)
    readout = fit[0].stream.mean(0) - fit[1].stream.mean(0)
    if not np.linalg.norm(readout) > 0:
        raise DataError(f"the two sets of prompts leave the same mean activations after block {layer}; give sets that differ")
    shares, rest = reader.shares(*fit, readout)
    order = np.argsort(-np.abs(shares), axis=None, kind="stable")[: settings.top]
    chosen = [(int(i // shares.shape[1]), int(i % shares.shape[1])) for i in order]
    held = reader.parts(one.validation), reader.parts(two.validation)
    asked, _, near = unseen((*first, *second), test, ())
    if len(asked) < 4:
        raise DataError(f"{len(asked)} test prompts are left that the read-out never saw; give at least 4")
    centre = fit[1].neurons.mean(0)
    counts = Counter(b for b, _ in chosen)
    pools = {b: [j for j in range(shares.shape[1]) if (b, j) not in chosen] for b in counts}
    if short := [b + 1 for b, count in counts.items() if len(pools[b]) < count]:
        raise ConfigError(
            f"top = {settings.top} takes more than half of the neurons of block {short[0]}, so none are left as a control; give less"
        )
    ways: list[tuple[str, list[Mapping[int, tuple[list[int], list[float]]]]]] = [("clamped", [held_at(chosen, centre)])]
    drawn: list[Mapping[int, tuple[list[int], list[float]]]] = []
    for i in range(settings.random):
        rng = np.random.default_rng([settings.seed, i])
        others = [(b, int(j)) for b, count in sorted(counts.items()) for j in rng.choice(pools[b], count, replace=False)]
        drawn.append(held_at(others, centre))
    ways.append(("random", drawn))
    text = TextJudge(law.openings)

    def refused(player: Any) -> Floats:
        asks = [Ask(chat=user(p.text), sampling=Sampling(max_tokens=settings.max_tokens, temperature=0.0)) for p in asked]
        replies = journal.rows(backends.ask(journal, player, asks, label="asking"), Reply)
        key = player.ref.key + player.numerics
        told = judges.judged(
            text, [Transcript(prompt=p, chat=a.chat, reply=r, model=key) for p, a, r in zip(asked, asks, replies, strict=True)]
        )
        return np.asarray([float(j.outcome is Outcome.REFUSAL) for j in told])

    from spiritlevel.interpret import _directions

    groups = [p.cluster for p in asked]
    plain = refused(weights)
    effects = [("nothing", stats.rate(plain, groups, name="refusal"), stats.paired_change(plain, plain, groups, name="refusal"))]
    for name, each in ways:
        values = np.concatenate([refused(_directions.Clamped(weights, at, content_hash(sorted(at.items())))) for at in each])
        more = groups * len(each)
        change = stats.paired_change(np.tile(plain, len(each)), values, more, name="refusal")
        effects.append((name, stats.rate(values, more, name="refusal"), change))
    return Neurons(
        model=model,
        layer=layer,
        neurons=tuple(
            Neuron(
                layer=b + 1,
                index=j,
                share=float(shares[b, j]),
                active=(float(fit[0].neurons[:, b, j].mean()), float(fit[1].neurons[:, b, j].mean())),
            )
            for b, j in chosen
        ),
        parts=(("MLPs", float(shares.sum())), ("heads", rest[0]), ("embedding", rest[1])),
        carried=reader.carried(*held, readout, chosen, settings.seed),
        effects=tuple(effects),
        notes=(
            "parts are direct ones: what a neuron does by way of later layers is counted with these",
            "clamped neurons stand at the second set's mean at every token, so all that they do elsewhere is lost, too",
            *([f"{near} test prompts were left out: the read-out was made of near-duplicates"] if near else []),
        ),
    )


def held_at(chosen: Sequence[tuple[int, int]], centre: Floats) -> dict[int, tuple[list[int], list[float]]]:
    """Block (from 1) -> its chosen neurons, each once, and their values in `centre` (blocks, neurons)."""
    found: dict[int, tuple[list[int], list[float]]] = {}
    for b, j in sorted(set(chosen)):
        neurons, values = found.setdefault(b + 1, ([], []))
        neurons.append(j)
        values.append(float(centre[b, j]))
    return found


class Parts:
    """What stands at the last token of each prompt: the stream (n, d), neurons (n, blocks, m), heads' inputs (n, blocks, w)."""

    def __init__(self, stream: Floats, neurons: Floats, heads: Floats) -> None:
        self.stream, self.neurons, self.heads = stream, neurons, heads


class Reader:
    """Reads the parts of the residual stream after a block."""

    def __init__(self, weights: Any, layer: int) -> None:
        from spiritlevel.interpret import _directions

        names = activations.blocks(weights, range(1, layer + 1))
        blocks = weights.blocks()[:layer]
        self.weights, self.layer = weights, layer
        self.down = [_directions.down(block).weight.detach().float().cpu().numpy().astype(np.float64) for block in blocks]
        both = [list(_directions.writing(block)) for block in blocks]
        self.out = [pair[0][1].weight.detach().float().cpu().numpy().astype(np.float64) for pair in both]
        self.mlp_names = [f"{name}.{pair[1][0]}:in" for name, pair in zip(names, both, strict=True)]
        self.head_names = [f"{name}.{pair[0][0]}:in" for name, pair in zip(names, both, strict=True)]
        self.last = names[-1]

    def parts(self, texts: Sequence[str]) -> Parts:
        """Of each text as a user's turn."""
        chats = [user(text) for text in texts]
        found = activations.read(self.weights, chats, [self.last, *self.mlp_names, *self.head_names], "last")
        neurons, heads = (np.stack([found[n].astype(np.float64) for n in names], 1) for names in (self.mlp_names, self.head_names))
        return Parts(found[self.last].astype(np.float64), neurons, heads)

    def shares(self, one: Parts, two: Parts, readout: Floats) -> tuple[Floats, tuple[float, float]]:
        """((blocks, neurons) shares of the difference of the read-out, (heads', embedding's and biases' shares))."""
        total = float((one.stream.mean(0) - two.stream.mean(0)) @ readout)
        apart = one.neurons.mean(0) - two.neurons.mean(0)
        neurons = np.stack([apart[b] * (readout @ self.down[b]) for b in range(self.layer)]) / total
        heads = one.heads.mean(0) - two.heads.mean(0)
        by_heads = sum(float(heads[b] @ (readout @ self.out[b])) for b in range(self.layer)) / total
        return neurons, (by_heads, 1 - by_heads - float(neurons.sum()))

    def carried(self, one: Parts, two: Parts, readout: Floats, chosen: Sequence[tuple[int, int]], seed: int) -> Estimate:
        """Share of the difference of the read-out that the chosen neurons write, prompts resampled."""
        columns = np.stack([readout @ self.down[b][:, j] for b, j in chosen])
        parts = [np.stack([p.neurons[:, b, j] for b, j in chosen], 1) @ columns for p in (one, two)]
        wholes = [p.stream @ readout for p in (one, two)]
        label = np.concatenate([np.ones(len(parts[0]), bool), np.zeros(len(parts[1]), bool)])

        def share(part: Floats, whole: Floats, first: NDArray[np.bool_]) -> float:
            if first.all() or not first.any():
                return float("nan")
            return float((part[first].mean() - part[~first].mean()) / (whole[first].mean() - whole[~first].mean()))

        return stats.cluster_bootstrap(
            share, [np.concatenate(parts), np.concatenate(wholes), label], range(len(label)), seed=seed, name="carried"
        )
