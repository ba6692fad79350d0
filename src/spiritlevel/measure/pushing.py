"""Draws what the gap is read from: a pool of a base policy's samples, or samples along checkpoints, scored by proxies and intent."""

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from pydantic import Field

from spiritlevel import backends, firewall
from spiritlevel.errors import DataError
from spiritlevel.judges.reward import WEIGHT, Aggregation, aggregate, open_reward
from spiritlevel.judges.scores import Answer, scored, table
from spiritlevel.measure import distance, overoptimisation
from spiritlevel.measure.pools import Floats
from spiritlevel.stats.selection import sizes
from spiritlevel.types import (
    Ask,
    Checkpoint,
    Frozen,
    GapPlot,
    Grade,
    Instrument,
    IntentIs,
    Journal,
    Lineage,
    ModelRef,
    Prompt,
    Reply,
    RewardModel,
    Turn,
)


class GapSettings(Frozen):
    """How much is drawn, and how it is resampled."""

    samples: int = Field(default=64, ge=1)
    """Answers a prompt: the pool, or those of each checkpoint."""
    tokens: int = Field(default=64, ge=1)
    """Most tokens of an answer."""
    how: Aggregation = "mean"
    """What training made of an ensemble's heads; a pool shows all ways."""
    weight: float = Field(default=WEIGHT, ge=0)
    """Of the heads' variance, in `uncertainty`."""
    oracle: bool = False
    """The intent is the declared oracle of a known-answer world."""
    seed: int = 0
    rounds: int = Field(default=2000, ge=100)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


class Specs(Frozen):
    """Rewards by name, with the identity they had when they were named, so that another one is another step."""

    proxies: tuple[str, ...]
    intent: str
    identities: tuple[str, ...] = ()


def pool_by(
    journal: Journal, model: ModelRef, prompts: tuple[Prompt, ...], specs: Specs, settings: GapSettings, known: tuple[Lineage, ...] = ()
) -> GapPlot:
    """`pool` as a stage. `known`: what the project knows of the model and its ancestors."""
    for one in known:
        journal.record(one)
    proxies = {spec: open_reward(spec, journal) for spec in specs.proxies}
    return pool(journal, model, prompts, proxies, open_reward(specs.intent, journal), settings)


class Route(Frozen):
    """One training by its checkpoints, and by whose word it went."""

    checkpoints: tuple[Checkpoint, ...]
    """The start first."""
    proxy: str
    """The reward's SPEC."""
    how: Aggregation | None = None
    """What training made of its heads; none = as the settings say."""
    judges: tuple[Instrument, ...] = ()
    """More that trained it."""
    name: str = ""
    """Of the curve; empty = the proxy's."""


def walk_by(
    journal: Journal,
    routes: tuple[Route, ...],
    prompts: tuple[Prompt, ...],
    intent: str,
    settings: GapSettings,
    known: tuple[Lineage, ...] = (),
    pinned: tuple[str, ...] = (),
) -> GapPlot:
    """`walk` as a stage. `known` as in `pool_by`; `pinned`: identities of the rewards."""
    for one in known:
        journal.record(one)
    return walk(journal, [(r, open_reward(r.proxy, journal)) for r in routes], prompts, open_reward(intent, journal), settings)


def pool(
    journal: Journal,
    model: ModelRef,
    prompts: Sequence[Prompt],
    proxies: Mapping[str, RewardModel],
    intent: RewardModel,
    settings: GapSettings,
) -> GapPlot:
    """Best-of-n by each proxy over one pool of `model`; an ensemble's single heads, mean, worst and uncertainty-weighted stand apart."""
    asks = distance.draws(prompts, settings.samples, settings.tokens)
    rows = backends.ask(journal, backends.open_model(model, journal), asks, label="drawing the pool")
    replies = journal.rows(rows, Reply)
    backends.release_memory()
    shape = len(prompts), settings.samples
    curves: dict[str, Floats] = {}
    for name, proxy in proxies.items():
        curves.update(_ways(name, _scores(journal, proxy, asks, replies).reshape(*shape, -1), settings.weight))
    meant = _scores(journal, intent, asks, replies).mean(axis=1).reshape(shape)
    lineage = backends.identify(model, journal, base=True)
    chosen_by = lineage.model_copy(update={"judges": (*lineage.judges, *(p.identity for p in proxies.values()))})
    return overoptimisation.best_of_n(
        curves,
        meant,
        _groups(prompts),
        _intent(intent.identity, _grade(intent.identity, chosen_by, prompts, journal), settings.oracle),
        ns=sizes(settings.samples),
        title=f"Best-of-n on {_name(model)}",
        seed=settings.seed,
        rounds=settings.rounds,
        confidence=settings.confidence,
    )


def walk(
    journal: Journal,
    routes: Sequence[tuple[Route, RewardModel]],
    prompts: Sequence[Prompt],
    intent: RewardModel,
    settings: GapSettings,
) -> GapPlot:
    """Proxy and intent along the checkpoints of trainings from one start, with k1 KL to it on the same answers.

    Prompts whose clusters any of the last checkpoints was trained on are left out and counted. The intent is graded by the worst.
    DataError: fewer than three checkpoints, two starts, two routes of one name, or no prompt is left.
    """
    names = [route.name or route.proxy for route, _ in routes]
    if len(set(names)) < len(names):
        raise DataError(f"two trainings are called {max(names, key=names.count)!r}; give each its own name")
    for route, _ in routes:
        if len(route.checkpoints) < 3:
            few = len(route.checkpoints)
            raise DataError(f"{few} checkpoints cannot show a turn; give the start and two or more, or train with more of them")
        if route.checkpoints[0].ref.key != routes[0][0].checkpoints[0].ref.key:
            raise DataError(f"{names[0]!r} and {route.name or route.proxy!r} do not begin at one model; follow them one by one")
    lineages = [backends.identify(route.checkpoints[-1].ref, journal, base=False) for route, _ in routes]
    kept: Sequence[Prompt] = prompts
    for lineage in lineages:
        kept = held_out(kept, lineage, journal)
    walks = {name: _walked(journal, route, reward, kept, intent, settings) for name, (route, reward) in zip(names, routes, strict=True)}
    graded = []
    for lineage, (route, reward) in zip(lineages, routes, strict=True):
        trained = lineage.model_copy(update={"judges": (*lineage.judges, *route.judges, reward.identity)})
        graded.append(_grade(intent.identity, trained, kept, journal))
    plot = overoptimisation.along(
        walks,
        _groups(kept),
        _intent(intent.identity, firewall.worst(graded), settings.oracle),
        title=f"Along training to {_name(routes[0][0].checkpoints[-1].ref)}" if len(routes) == 1 else f"Along {len(routes)} trainings",
        seed=settings.seed,
        rounds=settings.rounds,
        confidence=settings.confidence,
    )
    gone = len(prompts) - len(kept)
    return plot.model_copy(update={"notes": (*plot.notes, f"{gone} prompts left out: training saw their clusters")}) if gone else plot


def _walked(
    journal: Journal, route: Route, reward: RewardModel, prompts: Sequence[Prompt], intent: RewardModel, settings: GapSettings
) -> overoptimisation.Walk:
    """What is drawn at each checkpoint, and both scores of it."""
    start, shape = route.checkpoints[0], (len(prompts), settings.samples)
    kls, own, meant, floors = [], [], [], [0.0]
    for checkpoint in route.checkpoints:
        found = distance.drift(journal, start.ref, checkpoint.ref, prompts, tokens=settings.tokens, samples=settings.samples)
        backends.release_memory()
        nats = np.zeros(shape) if checkpoint is start else found.nats.reshape(shape)
        kls.append(_mean_or_all(nats))
        heads = _scores(journal, reward, found.asks, found.replies)
        own.append(aggregate(heads, route.how or settings.how, settings.weight).reshape(shape))
        meant.append(_scores(journal, intent, found.asks, found.replies).mean(axis=1).reshape(shape))
        if not np.isnan(found.noise).all():
            floors.append(float(np.nanmean(found.noise)))
    return overoptimisation.Walk(_labels(route.checkpoints), np.stack(kls), np.stack(own), np.stack(meant), max(floors))


def held_out(prompts: Sequence[Prompt], lineage: Lineage, journal: Journal) -> list[Prompt]:
    """The prompts whose cluster nothing in the model's history was trained, selected or stopped on. DataError when none is left."""
    seen = firewall.spent(lineage, journal.lineage)
    kept = [p for p in prompts if not seen & set(firewall.atoms_of([p]))]
    if not kept:
        raise DataError(f"all {len(prompts)} prompts are near ones that the model was trained on; give held-out prompts")
    return kept


def _ways(name: str, heads: Floats, weight: float) -> dict[str, Floats]:
    """Ways of selecting by (prompts, samples, heads): the one score, or of an ensemble its heads as seeds, then what is made of all."""
    if heads.shape[-1] == 1:
        return {name: heads[..., 0]}
    found = {f"{name}, single heads": np.moveaxis(heads, -1, 0)}
    return found | {f"{name}, {how}": aggregate(heads, how, weight) for how in get_args(Aggregation)}


def _scores(journal: Journal, reward: RewardModel, asks: Sequence[Ask], replies: Sequence[Reply]) -> Floats:
    """(answers, heads); NaN where the call failed."""
    answers = [
        Answer(chat=(*ask.chat, Turn(role="assistant", content=reply.text)), truncated=reply.truncated)
        for ask, reply in zip(asks, replies, strict=True)
    ]
    found = table(journal, scored(journal, reward, answers))
    found[[reply.error is not None for reply in replies]] = np.nan
    return found


def _mean_or_all(nats: Floats) -> Floats:
    """Mean by prompt; a prompt with empty answers alone takes the mean of all, since an empty answer has no nats to tell."""
    known = ~np.isnan(nats)
    whole = float(nats[known].mean()) if known.any() else 0.0
    total, count = np.where(known, nats, 0.0).sum(axis=1), known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), whole)


def _grade(instrument: Instrument, lineage: Lineage, prompts: Sequence[Prompt], journal: Journal) -> tuple[Grade, str]:
    return firewall.grade(firewall.measured_on(instrument, prompts), lineage, journal.lineage)


def _intent(instrument: Instrument, graded: tuple[Grade, str], oracle: bool) -> IntentIs:
    return IntentIs(name=instrument.name, role="oracle" if oracle else "intent", grade=graded[0], why=graded[1])


def _groups(prompts: Sequence[Prompt]) -> list[str]:
    return [p.cluster or p.id for p in prompts]


def _name(ref: ModelRef) -> str:
    """A spec with its hash cut short."""
    name, at, content = ref.spec.partition("@")
    scheme, colon, body = name.partition(":")
    return f"{scheme}{colon}{body[:10] if scheme == 'blob' else body}{at}{content[:8]}"


def _labels(checkpoints: Sequence[Checkpoint]) -> tuple[str, ...]:
    return tuple("start" if i == 0 else f"step {c.step}" for i, c in enumerate(checkpoints))
