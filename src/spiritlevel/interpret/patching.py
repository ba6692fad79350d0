"""Which heads and MLPs matter for a task: activation patching, and attribution patching beside it."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import backends, stats
from spiritlevel.errors import DataError
from spiritlevel.interpret.tasks import Counterfactual
from spiritlevel.types import Estimate, Frozen, Journal, ModelRef, NodeEffect, Patched, content_hash

Floats = NDArray[np.float64]


class PatchSettings(Frozen):
    """How nodes are patched."""

    exact: bool = True
    """Patch every node for its own sake, too: as many passes as there are heads and MLPs."""
    steps: int = Field(1, ge=1)
    """Gradients along the way from corrupt to clean; 1 is plain attribution patching."""
    chat: bool = False
    """Prompts are what a user says, and are dressed in the model's template."""
    seed: int = 0


class ToPatch(Frozen):
    """A unit: all pairs under one patched node."""

    node: str
    pairs: str
    chat: bool


class Gaps(Frozen):
    """Logit gap of each pair, in order."""

    values: tuple[float, ...]


def run(journal: Journal, model: ModelRef, task: str, pairs: tuple[Counterfactual, ...], settings: PatchSettings) -> Patched:
    """Patch every head and MLP from corrupt to clean prompts.

    NeedsWeights for a hosted model, ModelError for an architecture without the expected modules, DataError for pairs that cannot be
    patched or that the model does not tell apart.
    """
    backends.check_weights(model, "patching needs")
    weights = backends.open_weights(model, journal)
    from spiritlevel.interpret import _pairs, _patching

    nodes = _patching.Nodes(weights.module)  # type: ignore[attr-defined]
    pairs, notes = _pairs.usable(weights, pairs, chat=settings.chat)
    batches = _pairs.batches(weights, pairs, chat=settings.chat)
    order = np.argsort([place for batch in batches for place in batch.places])
    seen = [_patching.baseline(nodes, batch) for batch in batches]
    clean, corrupt = (np.concatenate([one[i] for one in seen])[order] for i in (1, 2))
    groups = groups_of(pairs)
    apart = told_apart(clean, corrupt)
    guesses = np.concatenate([_patching.attributed(nodes, batch, settings.steps) for batch in batches], 1)[:, order] / apart
    exact: Floats | None = None
    if settings.exact:

        def work(units: Sequence[ToPatch]) -> Iterable[tuple[int, Gaps]]:
            for place, unit in enumerate(units):
                node = nodes.names.index(unit.node)
                gaps = [_patching.patched(nodes, batch, one[0], node) for batch, one in zip(batches, seen, strict=True)]
                values = np.concatenate([g.cpu().numpy() for g in gaps])[order]
                yield place, Gaps(values=tuple(float(v) for v in values))

        units = [ToPatch(node=name, pairs=content_hash(*pairs), chat=settings.chat) for name in nodes.names]
        salt = weights.ref.key + weights.numerics
        rows = journal.rows(journal.map("patched", units, work, Gaps, batch=8, salt=salt, label="patching nodes"), Gaps)
        exact = (np.asarray([row.values for row in rows]) - clean) / apart
    means = None if exact is None else exact.mean(1)
    return Patched(
        model=model,
        task=task,
        pairs=len(pairs),
        accuracy=stats.rate((clean > 0).astype(float), groups, name="accuracy"),
        clean=_mean(clean, groups, settings.seed, "logit difference, clean"),
        corrupt=_mean(corrupt, groups, settings.seed, "logit difference, corrupt"),
        heads=nodes.heads,
        nodes=tuple(
            NodeEffect(node=name, exact=None if means is None else float(means[i]), guessed=float(guesses[i].mean()))
            for i, name in enumerate(nodes.names)
        ),
        agreement=None if exact is None else rank_agreement(exact, guesses, groups, settings.seed),
        passes=(len(nodes.names) if settings.exact else 0, 1 + 3 * settings.steps),
        notes=tuple(notes),
    )


def told_apart(clean: Floats, corrupt: Floats) -> float:
    """Mean clean gap less mean corrupt gap. DataError when the model does not tell clean from corrupt prompts."""
    apart = float(clean.mean() - corrupt.mean())
    if not apart > 1e-3 * float(np.abs(np.concatenate([clean, corrupt])).mean() + 1e-9):
        raise DataError("the model does not prefer the answer on clean prompts to that on corrupt ones; choose a task that it does well")
    return apart


def groups_of(pairs: Sequence[Counterfactual]) -> list[str]:
    """The unit of resampling of each pair."""
    return [p.group or content_hash(p) for p in pairs]


def rank_agreement(exact: Floats, guesses: Floats, groups: Sequence[str], seed: int) -> Estimate:
    """Spearman's rank correlation over nodes of the two mean effects (nodes, pairs), pairs resampled by group."""
    from scipy.stats import rankdata

    def correlation(a: Floats, b: Floats) -> float:
        one, two = rankdata(a.mean(0)), rankdata(b.mean(0))
        return float(np.corrcoef(one, two)[0, 1]) if one.std() > 0 and two.std() > 0 else float("nan")

    return stats.cluster_bootstrap(correlation, [exact.T, guesses.T], groups, seed=seed, name="rank correlation", rounds=400)


def _mean(values: Floats, groups: Sequence[str], seed: int, name: str) -> Estimate:
    return stats.cluster_bootstrap(lambda v: float(np.mean(v)), [values], groups, seed=seed, name=name)
