"""The few edges that a task needs: edge attribution patching, pruned, and held against random circuits of the same size."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import backends, stats
from spiritlevel.errors import DataError
from spiritlevel.interpret.patching import groups_of, told_apart
from spiritlevel.interpret.tasks import Counterfactual
from spiritlevel.types import Circuit, CircuitSize, Estimate, Frozen, Journal, ModelRef, content_hash

Floats = NDArray[np.float64]
Masks = list[NDArray[np.bool_]]
"""For each stage, which edges stay: (readers, writers before it)."""


class CircuitSettings(Frozen):
    """How a circuit is looked for."""

    sizes: tuple[float, ...] = (0.005, 0.01, 0.02, 0.05, 0.08)
    """Shares of all edges that are tried."""
    faithful: float = Field(0.9, gt=0, lt=1)
    """The smallest circuit at least so faithful on the development pairs is the one that is told of."""
    steps: int = Field(5, ge=1)
    """Gradients along the way from corrupt to clean; 1 is plain edge attribution patching."""
    random: int = Field(3, ge=1)
    """Random circuits of each size."""
    development: float = Field(0.5, gt=0, lt=1)
    """Share of the groups of pairs on which edges are scored and the size is chosen."""
    told: int = Field(60, ge=1)
    """Edges that are listed."""
    chat: bool = False
    """Prompts are what a user says."""
    seed: int = 0


class ToKeep(Frozen):
    """A unit: a circuit, by the hash of its edges, on some pairs."""

    edges: str
    pairs: str


class Gaps(Frozen):
    """Logit gap of each pair, in order."""

    values: tuple[float, ...]


def run(journal: Journal, model: ModelRef, task: str, pairs: tuple[Counterfactual, ...], settings: CircuitSettings) -> Circuit:
    """Score every edge on the development pairs, choose a size there, and measure faithfulness on the other pairs.

    NeedsWeights for a hosted model, ModelError for an architecture whose edges are not known, DataError for pairs that cannot be
    patched, are too few, or that the model does not tell apart.
    """
    backends.check_weights(model, "a circuit needs")
    weights = backends.open_weights(model, journal)
    from spiritlevel.interpret import _graph, _pairs

    graph = _graph.Graph(weights.module)  # type: ignore[attr-defined]
    pairs, notes = _pairs.usable(weights, pairs, chat=settings.chat)
    parts = tuple(Part(weights, some, settings.chat) for some in halves(pairs, settings))
    chosen_on, told_on = parts
    for part in parts:
        told_apart(part.clean, part.corrupt)
    found = chosen_on.scores(graph, settings.steps)
    total = sum(one.size for one in found)

    def measured(masks: Sequence[Masks], part: "Part", label: str) -> list[Floats]:
        def work(units: Sequence[ToKeep]) -> Iterable[tuple[int, Gaps]]:
            for place, unit in enumerate(units):
                yield place, Gaps(values=tuple(float(v) for v in part.kept(graph, by[unit.edges])))

        by = {named(mask): mask for mask in masks}
        units = [ToKeep(edges=named(mask), pairs=part.name) for mask in masks]
        rows = journal.map("kept-edges", units, work, Gaps, batch=1, salt=weights.ref.key + weights.numerics, label=label)
        return [np.asarray(row.values) for row in journal.rows(rows, Gaps)]

    circuits = [pruned(graph, strongest(found, max(1, round(share * total)))) for share in sorted(settings.sizes)]
    tried = measured(circuits, chosen_on, "choosing a circuit")
    good = [faithfulness(chosen_on, gaps) for gaps in tried]
    best = next((i for i, value in enumerate(good) if value >= settings.faithful), int(np.argmax(good)))
    if good[best] < settings.faithful:
        notes.append(f"no size reached {settings.faithful:.0%} on the development pairs ({good[best]:.0%} at best)")
    sizes = []
    for mask, gaps in zip(circuits, measured(circuits, told_on, "measuring circuits"), strict=True):
        edges = count(mask)
        drawn = [randomly(found, edges, np.random.default_rng([settings.seed, edges, i])) for i in range(settings.random)]
        by_luck = np.mean(measured(drawn, told_on, "random circuits"), axis=0)
        sizes.append(
            CircuitSize(
                edges=edges,
                share=edges / total,
                faithful=told_on.estimate(gaps, settings.seed, "faithfulness"),
                random=told_on.estimate(by_luck, settings.seed, "faithfulness, random"),
            )
        )
    one = told_on.pairs[0]
    apart = float((chosen_on.clean - chosen_on.corrupt).sum())
    return Circuit(
        model=model,
        task=task,
        example=(one.clean, one.corrupt, one.answer, one.foil),
        pairs=len(pairs),
        accuracy=stats.rate((told_on.clean > 0).astype(float), told_on.groups, name="accuracy"),
        shape=(graph.depth, graph.heads, graph.groups),
        all_edges=total,
        chosen=sizes[best],
        sizes=tuple(sizes),
        edges=listed(graph.writers, graph.readers_of, found, circuits[best], apart, settings.told),
        notes=(
            f"edges were scored and the size was chosen on {len(chosen_on.pairs)} pairs, faithfulness is of {len(told_on.pairs)} others",
            "every edge serves all tokens: a circuit that is cut by token as well would have fewer",
            *notes,
        ),
    )


def halves(pairs: Sequence[Counterfactual], settings: CircuitSettings) -> tuple[tuple[Counterfactual, ...], tuple[Counterfactual, ...]]:
    """Development pairs and the others, apart by group. DataError when there are fewer than two groups in either."""
    groups = sorted(set(groups_of(pairs)), key=lambda group: content_hash("half", settings.seed, group))
    cut = round(settings.development * len(groups))
    if min(cut, len(groups) - cut) < 2:
        raise DataError(f"{len(groups)} groups of pairs are too few to choose a circuit on some and measure it on others; give more")
    first = set(groups[:cut])
    named_ = list(zip(pairs, groups_of(pairs), strict=True))
    return tuple(p for p, g in named_ if g in first), tuple(p for p, g in named_ if g not in first)


class Part:
    """Some pairs with what the untouched model makes of them, in the order of their batches."""

    def __init__(self, weights: object, pairs: Sequence[Counterfactual], chat: bool) -> None:
        from spiritlevel.interpret import _pairs, _patching

        self.batches = _pairs.batches(weights, pairs, chat=chat)
        self.pairs = [pairs[i] for batch in self.batches for i in batch.places]
        self.groups = groups_of(self.pairs)
        self.name = content_hash(chat, *self.pairs)
        nodes = _patching.Nodes(weights.module)  # type: ignore[attr-defined]
        gaps = [_patching.baseline(nodes, batch)[1:] for batch in self.batches]
        self.clean, self.corrupt = (np.concatenate([g[i] for g in gaps]).astype(np.float64) for i in (0, 1))

    def scores(self, graph: object, steps: int) -> list[Floats]:
        """As _graph.scores, over all batches."""
        from spiritlevel.interpret import _graph

        found = [_graph.scores(graph, batch, steps) for batch in self.batches]  # type: ignore[arg-type]
        return [np.sum(stage, axis=0) for stage in zip(*found, strict=True)]

    def kept(self, graph: object, masks: Masks) -> Floats:
        """As _graph.kept, over all batches."""
        from spiritlevel.interpret import _graph

        return np.concatenate([_graph.kept(graph, batch, masks).cpu().numpy() for batch in self.batches])  # type: ignore[arg-type]

    def estimate(self, gaps: Floats, seed: int, name: str) -> Estimate:
        """Faithfulness with its interval, pairs resampled by group."""
        return stats.cluster_bootstrap(
            lambda g, one, two: float((g - two).sum() / (one - two).sum()),
            [gaps, self.clean, self.corrupt],
            self.groups,
            seed=seed,
            name=name,
        )


def faithfulness(part: Part, gaps: Floats) -> float:
    """(circuit - corrupt) / (clean - corrupt) of the mean logit gap."""
    return float((gaps - part.corrupt).sum() / (part.clean - part.corrupt).sum())


def strongest(scores: Sequence[Floats], n: int) -> Masks:
    """The n edges whose score is largest in size."""
    sizes = np.concatenate([np.abs(one).ravel() for one in scores])
    least = np.partition(sizes, len(sizes) - n)[len(sizes) - n]
    return [(np.abs(one) >= least) & (np.abs(one) > 0) for one in scores]


def pruned(graph: object, masks: Masks) -> Masks:
    """Without the edges that lie on no way from the embedding to the logits: they can change nothing."""
    kept = [mask.copy() for mask in masks]
    while True:
        before = count(kept)
        alive = _fed(graph, kept)
        kept = [mask & alive[: mask.shape[1]] for mask in kept]
        heard = _heard(graph, kept)
        kept = [mask & _reads(graph, stage, heard)[:, None] for stage, mask in enumerate(kept)]
        if count(kept) == before:
            return kept


def _fed(graph, masks: Masks) -> NDArray[np.bool_]:  # type: ignore[no-untyped-def]
    """Writers that anything of the embedding reaches."""
    alive = np.zeros(graph.before(graph.stages - 1), bool)
    alive[0] = True
    for stage, mask in enumerate(masks[:-1]):
        start = graph.before(stage)
        reached = np.asarray((mask & alive[: mask.shape[1]]).any(1))
        if stage % 2:
            alive[start] = reached[0]
        else:
            alive[start : start + graph.heads] = _by_head(graph, reached).any(0)
    return alive


def _heard(graph, masks: Masks) -> NDArray[np.bool_]:  # type: ignore[no-untyped-def]
    """Writers that reach the logits."""
    heard = np.zeros(graph.before(graph.stages - 1), bool)
    for stage in range(graph.stages - 1, -1, -1):
        mask = masks[stage] & _reads(graph, stage, heard)[:, None]
        heard[: mask.shape[1]] |= mask.any(0)
    return heard


def _reads(graph, stage: int, heard: NDArray[np.bool_]) -> NDArray[np.bool_]:  # type: ignore[no-untyped-def]
    """Which readers of a stage feed a writer that is heard."""
    if stage == graph.stages - 1:
        return np.ones(1, bool)
    start = graph.before(stage)
    if stage % 2:
        return heard[start : start + 1]
    heads = heard[start : start + graph.heads]
    shared = heads.reshape(graph.groups, -1).any(1)
    return np.concatenate([heads, shared, shared])


def _by_head(graph, reached: NDArray[np.bool_]) -> NDArray[np.bool_]:  # type: ignore[no-untyped-def]
    """(3, heads): whether a head's query, keys and values are reached."""
    q, k, v = np.split(reached, [graph.heads, graph.heads + graph.groups])
    each = graph.heads // graph.groups
    return np.stack([q, np.repeat(k, each), np.repeat(v, each)])


def randomly(scores: Sequence[Floats], n: int, rng: np.random.Generator) -> Masks:
    """N edges drawn from all, whatever their score."""
    flat = np.zeros(sum(one.size for one in scores), bool)
    flat[rng.choice(len(flat), n, replace=False)] = True
    cut = np.split(flat, np.cumsum([one.size for one in scores])[:-1])
    return [part.reshape(one.shape) for part, one in zip(cut, scores, strict=True)]


def count(masks: Masks) -> int:
    """Edges that stay."""
    return int(sum(mask.sum() for mask in masks))


def named(masks: Masks) -> str:
    """Hash of a circuit."""
    return content_hash(*(np.packbits(mask).tobytes().hex() for mask in masks))


def listed(
    writers: Sequence[str], readers: Callable[[int], list[str]], scores: Sequence[Floats], masks: Masks, apart: float, most: int
) -> tuple[tuple[str, str, float], ...]:
    """(writer, reader, what the edge is worth as a share of clean less corrupt), the strongest first."""
    found = [
        (writers[u], names[r], float(scores[stage][r, u]) / apart)
        for stage, mask in enumerate(masks)
        for names in [readers(stage)]
        for r, u in zip(*np.nonzero(mask), strict=True)
    ]
    return tuple(sorted(found, key=lambda edge: (-abs(edge[2]), edge[0], edge[1]))[:most])
