"""A direction that tells two sets of prompts apart: difference in means, chosen on validation prompts (Arditi 2024, sections 2.3, C)."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import activations, backends, firewall, stats
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.types import Chat, Direction, Estimate, Frozen, Journal, ModelRef, OpenWeights, Prompt, content_hash, user

Floats = NDArray[np.float64]
Form = Literal["plain", "standardised"]
"""How ablation measures what lies along the direction. plain: as it is, and nothing is left (Arditi 2024, eq. 4). standardised: in units
of each dimension's spread, and the second set's mean is left (Marshall et al. 2024): a few dimensions are a thousand times as large as the
others, and say nothing.
"""


class DirectionSettings(Frozen):
    """How a direction is looked for."""

    fit: int = Field(128, ge=4)
    """Prompts of each set whose activations are averaged, at most."""
    validation: int = Field(32, ge=4)
    """Other prompts of each set, on which layer, token and coefficient are chosen, at most."""
    positions: int = Field(2, ge=1)
    """Last tokens of the prompt that are tried; never more than the template has after the user's text."""
    layers: tuple[int, ...] = ()
    """Blocks that are tried, from 1; default: all but the last fifth, where a direction is too near to the words themselves."""
    kl: float = Field(0.5, gt=0)
    """Most that ablation may change the next token on the second set, in nats (Arditi et al.: 0.1; small models are moved more easily)."""
    forms: tuple[Form, ...] = ("plain", "standardised")
    """Forms of ablation that are tried."""
    coefficients: tuple[float, ...] = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
    """Tried for addition, in units of the difference of means; the smallest that reaches `target` is taken."""
    target: float = Field(0.95, gt=0)
    """How often addition shall make answers to the second set begin like those to the first: in units of how often those do themselves."""
    least: float = Field(0.01, gt=0)
    """By how much more of its probability the first set begins with a token for it to count as a way to begin."""
    seed: int = 0


class Split(Frozen):
    """Prompts of one set, apart by cluster."""

    fit: tuple[str, ...]
    validation: tuple[str, ...]


class Candidate(Frozen):
    """One (layer, position, form) on the validation prompts: values a prompt, for intervals."""

    layer: int
    position: int
    form: Form
    induced: tuple[float, ...]
    bypassed: tuple[float, ...]
    kl: tuple[float, ...]


class Tried(Frozen):
    """A unit of selection: which candidate of which fit."""

    layer: int
    position: int
    form: Form
    fitted: str


def find(
    journal: Journal, model: ModelRef, first: tuple[Prompt, ...], second: tuple[Prompt, ...], settings: DirectionSettings
) -> Direction:
    """The direction from the second set to the first.

    NeedsWeights for a hosted model, ConfigError for a layer out of range, DataError for sets that are empty or equal and for
    activations that are not finite.
    """
    backends.check_weights(model, "a direction needs")
    one, two = parted(first, second, settings)
    weights = backends.open_weights(model, journal)
    layers = layers_of(weights.layers, settings)
    found = means(weights, one.fit, two.fit, settings.positions)
    places = list(range(-found.shape[1], 0))
    if not np.abs(found[:, :, 0]).max() > 0:
        raise DataError("the two sets of prompts leave the same mean activations at every layer; give sets that differ")
    return _chosen(journal, weights, found, layers, places, one, two, settings)


def parted(first: Sequence[Prompt], second: Sequence[Prompt], settings: DirectionSettings) -> tuple[Split, Split]:
    """Both sets cut into fit and validation by cluster, in an order that the seed decides. DataError when they are empty or equal."""
    for name, rows in (("first", first), ("second", second)):
        if not rows:
            raise DataError(f"the {name} set of prompts is empty; a direction needs prompts on both sides")
    shared = {p.text for p in first} & {p.text for p in second}
    if shared:
        which = (
            "the two sets are equal" if {p.text for p in first} == {p.text for p in second} else f"{len(shared)} prompts are in both sets"
        )
        raise DataError(f"{which}, such as {min(shared)!r:.60}; a direction needs prompts that differ")
    clusters = firewall.clusters([p.goal or p.text for p in (*first, *second)])
    return (
        _split(first, clusters[: len(first)], settings),
        _split(second, clusters[len(first) :], settings),
    )


def _split(rows: Sequence[Prompt], clusters: Sequence[str], settings: DirectionSettings) -> Split:
    by: dict[str, list[str]] = {}
    for p, cluster in zip(rows, clusters, strict=True):
        by.setdefault(cluster, []).append(p.text)
    if len(by) < 4:
        raise DataError(f"a set of {len(rows)} prompts has {len(by)} that differ; a direction needs at least 4 on both sides")
    order = sorted(by, key=lambda cluster: content_hash(settings.seed, cluster))
    held = order[: min(settings.validation, len(order) // 2)]
    return Split(
        fit=tuple(text for cluster in order[len(held) :] for text in sorted(by[cluster]))[: settings.fit],
        validation=tuple(min(by[cluster]) for cluster in held),
    )


def layers_of(depth: int, settings: DirectionSettings) -> list[int]:
    """The blocks that are tried. ConfigError for one out of range."""
    if wrong := [n for n in settings.layers if not 1 <= n <= depth]:
        raise ConfigError(f"layer {wrong[0]} is out of range: the model has blocks 1 to {depth}; choose among those")
    return sorted(set(settings.layers)) or list(range(1, max(1, math.floor(0.8 * depth)) + 1))


def means(weights: OpenWeights, first: Sequence[str], second: Sequence[str], positions: int) -> Floats:
    """(blocks, positions, 3, width) after each block at the last tokens of the prompt: mean over the first set less that over the second,
    mean over the second, and spread within the sets.
    """
    from spiritlevel.interpret import _directions

    count = min(positions, _directions.tail(weights))
    names = activations.blocks(weights)

    def read(texts: Sequence[str]) -> Floats:
        found = activations.read(weights, [user(text) for text in texts], names, tuple(range(-count, 0)))
        return np.stack([found[name].astype(np.float64).reshape(len(texts), count, -1) for name in names], 1)

    one, two = read(first), read(second)
    spread = np.sqrt((len(one) * one.var(0) + len(two) * two.var(0)) / (len(one) + len(two)))
    return np.stack([one.mean(0) - two.mean(0), two.mean(0), np.maximum(spread, 1e-6)], 2)


def rows_of(found: Floats, layer: int, position: int, form: Form) -> Floats:
    """(blocks, 3, width) as Steer.blob: one direction at every block; `plain`: about 0 in raw units; `standardised`: about the second
    set's mean and in units of the spread, both of each block's own.
    """
    here = found[:, position]
    direction = np.broadcast_to(here[layer - 1, :1], here[:, :1].shape)
    if form == "standardised":
        return np.concatenate([direction, here[:, 1:]], 1)
    return np.concatenate([direction, np.zeros_like(direction), np.ones_like(direction)], 1)


def _chosen(
    journal: Journal,
    weights: OpenWeights,
    found: Floats,
    layers: Sequence[int],
    places: Sequence[int],
    one: Split,
    two: Split,
    settings: DirectionSettings,
) -> Direction:
    from spiritlevel.interpret import _directions as inner

    chats: tuple[list[Chat], list[Chat]] = ([user(t) for t in one.validation], [user(t) for t in two.validation])
    before = tuple(inner.next_tokens(weights, asked, {}) for asked in chats)
    tokens = inner.beginnings(before[0], before[1], settings.least)
    if not len(tokens):
        raise DataError(
            f"answers to the two sets begin alike to within {settings.least:.0%} of probability, so nothing shows what a direction does; "
            "give sets that the model answers differently, or a smaller least"
        )
    plain = tuple(inner.log_odds(scores, tokens) for scores in before)

    def work(units: Sequence[Tried]) -> Iterable[tuple[int, Candidate]]:
        for place, unit in enumerate(units):
            at = {"layer": unit.layer, "position": unit.position, "form": unit.form}
            rows = rows_of(found, unit.layer, unit.position, unit.form)
            vector = rows[0, 0]
            if not np.linalg.norm(vector) > 0:
                nothing = (float("nan"),)
                yield place, Candidate(**at, induced=nothing, bypassed=nothing, kl=nothing)
                continue
            ablating = inner.ablating(weights, rows)
            on_first, on_second = (inner.next_tokens(weights, asked, ablating) for asked in chats)
            added = inner.next_tokens(weights, chats[1], inner.adding(weights, vector, unit.layer, 1.0))
            yield (
                place,
                Candidate(
                    **at,
                    induced=tuple(inner.log_odds(added, tokens).tolist()),
                    bypassed=tuple(inner.log_odds(on_first, tokens).tolist()),
                    kl=tuple(inner.divergence(before[1], on_second).tolist()),
                ),
            )

    fitted = content_hash(one, two, settings, found.astype(np.float32).tobytes().hex())
    units = [Tried(layer=n, position=at, form=form, fitted=fitted) for n in layers for at in places for form in settings.forms]
    salt = weights.ref.key + weights.numerics
    rows = journal.map("direction-candidate", units, work, Candidate, batch=1, salt=salt, label="choosing a direction")
    tried = [row for row in journal.rows(rows, Candidate) if np.isfinite(row.induced).all() and np.isfinite(row.bypassed).all()]
    if not tried:
        raise DataError("no candidate direction gave finite scores; the weights or the number format are broken")
    best, notes = _best(tried, float(np.mean(plain[1])), settings)
    rows_best = rows_of(found, best.layer, best.position, best.form)
    vector = rows_best[0, 0]
    coefficient, more = _strength(weights, vector, best.layer, chats[1], tokens, _often(before[0], tokens), settings)
    blob = journal.blob(partial(save, rows_best))

    def estimate(values: Sequence[float], name: str) -> Estimate:
        return stats.cluster_bootstrap(lambda v: float(np.mean(v)), [values], range(len(values)), seed=settings.seed, name=name)

    return Direction(
        blob=blob,
        layer=best.layer,
        position=best.position,
        form=best.form,
        coefficient=coefficient,
        induced=estimate(best.induced, "log-odds, added"),
        bypassed=estimate(best.bypassed, "log-odds, ablated"),
        kl=estimate(best.kl, "next-token KL, ablated"),
        plain=(estimate(plain[0].tolist(), "log-odds"), estimate(plain[1].tolist(), "log-odds")),
        candidates=len(tried),
        notes=(*notes, *more),
    )


def _best(tried: Sequence[Candidate], plain: float, settings: DirectionSettings) -> tuple[Candidate, list[str]]:
    """The candidate whose ablation bypasses most, among those that induce by addition and leave the second set be."""
    fit = [c for c in tried if np.mean(c.induced) > plain and np.mean(c.kl) <= settings.kl]
    notes = []
    if not fit:
        fit = list(tried)
        notes.append(
            f"no candidate both moves the second set's answers when it is added and keeps ablation's KL under {settings.kl} nats: "
            "the best by ablation alone was taken"
        )
    return min(fit, key=lambda c: (float(np.mean(c.bypassed)), c.layer, -c.position, c.form)), notes


def _strength(
    weights: Any, vector: Floats, layer: int, chats: Sequence[Chat], tokens: Any, own: float, settings: DirectionSettings
) -> tuple[float, list[str]]:
    """The smallest coefficient that reaches the target, else the one that comes nearest to it; `own`: how often the first set does."""
    from spiritlevel.interpret import _directions as inner

    reached: dict[float, float] = {}
    for coefficient in sorted(settings.coefficients):
        reached[coefficient] = _often(inner.next_tokens(weights, chats, inner.adding(weights, vector, layer, coefficient)), tokens) / own
        if reached[coefficient] >= settings.target:
            return coefficient, []
    best = max(reached, key=lambda c: (reached[c], -c))
    return best, [
        f"added, it makes validation prompts be answered like the first set {reached[best]:.0%} as often as that set at best, "
        f"not {settings.target:.0%}"
    ]


def _often(scores: Any, tokens: Any) -> float:
    """Mean probability of beginning with one of the tokens."""
    from spiritlevel.interpret import _directions as inner

    return float(np.mean(1 / (1 + np.exp(-inner.log_odds(scores, tokens)))))


def save(rows: NDArray[np.floating[Any]], folder: Path) -> None:
    """As Steer.blob: (blocks, 3, width)."""
    np.save(folder / "direction.npy", rows.astype(np.float32))


def alone(vector: Floats, blocks: int) -> Floats:
    """As `rows_of`, of a vector in plain form."""
    return np.broadcast_to(np.stack([vector, np.zeros_like(vector), np.ones_like(vector)]), (blocks, 3, len(vector)))


def loaded(journal: Journal, direction: Direction) -> NDArray[np.float32]:
    """(blocks, 3, width) of a direction that was found."""
    found: NDArray[np.float32] = np.load(journal.path(direction.blob) / "direction.npy", allow_pickle=False)
    return found


def vector(journal: Journal, direction: Direction) -> NDArray[np.float32]:
    """(width,) of a direction that was found."""
    found: NDArray[np.float32] = loaded(journal, direction)[0, 0]
    return found


def scrambled(journal: Journal, direction: Direction, seed: int) -> str:
    """Blob of a random direction of the same length and form, uniform over the sphere in the units of that form: the control."""
    rows = loaded(journal, direction).copy()
    drawn = np.random.default_rng([seed, 7]).standard_normal(rows.shape[2]) * rows[direction.layer - 1, 2]
    rows[:, 0] = drawn * (np.linalg.norm(rows[0, 0]) / np.linalg.norm(drawn))
    return journal.blob(partial(save, rows))
