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


def walk_by(
    journal: Journal,
    checkpoints: tuple[Checkpoint, ...],
    prompts: tuple[Prompt, ...],
    specs: Specs,
    settings: GapSettings,
    known: tuple[Lineage, ...] = (),
    judges: tuple[Instrument, ...] = (),
) -> GapPlot:
    """`walk` as a stage, by the one proxy of `specs`."""
    for one in known:
        journal.record(one)
    (name,) = specs.proxies
    return walk(journal, checkpoints, prompts, (name, open_reward(name, journal)), open_reward(specs.intent, journal), settings, judges)


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
        _intent(intent.identity, chosen_by, prompts, journal, settings.oracle),
        ns=sizes(settings.samples),
        title=f"Best-of-n on {_name(model)}",
        seed=settings.seed,
        rounds=settings.rounds,
        confidence=settings.confidence,
    )


def walk(
    journal: Journal,
    checkpoints: Sequence[Checkpoint],
    prompts: Sequence[Prompt],
    proxy: tuple[str, RewardModel],
    intent: RewardModel,
    settings: GapSettings,
    judges: Sequence[Instrument] = (),
) -> GapPlot:
    """Proxy and intent along checkpoints, the start first, with k1 KL to it on the same answers; `judges`: more that trained them.

    Prompts whose clusters the last checkpoint was trained on are left out and counted. DataError: fewer than three checkpoints, or
    no prompt is left.
    """
    if len(checkpoints) < 3:
        raise DataError(f"{len(checkpoints)} checkpoints cannot show a turn; give the start and two or more, or train with more of them")
    start, last = checkpoints[0].ref, checkpoints[-1].ref
    lineage = backends.identify(last, journal, base=False)
    kept = held_out(prompts, lineage, journal)
    names, reward = proxy
    kls, own, meant, floors = [], [], [], [0.0]
    for checkpoint in checkpoints:
        found = distance.drift(journal, start, checkpoint.ref, kept, tokens=settings.tokens, samples=settings.samples)
        backends.release_memory()
        shape = len(kept), settings.samples
        nats = np.zeros(shape) if checkpoint is checkpoints[0] else found.nats.reshape(shape)
        kls.append(_mean_or_all(nats))
        heads = _scores(journal, reward, found.asks, found.replies)
        own.append(aggregate(heads, settings.how, settings.weight).reshape(shape))
        meant.append(_scores(journal, intent, found.asks, found.replies).mean(axis=1).reshape(shape))
        if not np.isnan(found.noise).all():
            floors.append(float(np.nanmean(found.noise)))
    trained = lineage.model_copy(update={"judges": (*lineage.judges, *judges, reward.identity)})
    plot = overoptimisation.along(
        {names: overoptimisation.Walk(_labels(checkpoints), np.stack(kls), np.stack(own), np.stack(meant), max(floors))},
        _groups(kept),
        _intent(intent.identity, trained, kept, journal, settings.oracle),
        title=f"Along training to {_name(last)}",
        seed=settings.seed,
        rounds=settings.rounds,
        confidence=settings.confidence,
    )
    gone = len(prompts) - len(kept)
    return plot.model_copy(update={"notes": (*plot.notes, f"{gone} prompts left out: training saw their clusters")}) if gone else plot


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


def _intent(instrument: Instrument, lineage: Lineage, prompts: Sequence[Prompt], journal: Journal, oracle: bool) -> IntentIs:
    grade, why = firewall.grade(firewall.measured_on(instrument, prompts), lineage, journal.lineage)
    return IntentIs(name=instrument.name, role="oracle" if oracle else "intent", grade=Grade(grade), why=why)


def _groups(prompts: Sequence[Prompt]) -> list[str]:
    return [p.cluster or p.id for p in prompts]


def _name(ref: ModelRef) -> str:
    """A spec with its hash cut short."""
    name, at, content = ref.spec.partition("@")
    scheme, colon, body = name.partition(":")
    return f"{scheme}{colon}{body[:10] if scheme == 'blob' else body}{at}{content[:8]}"


def _labels(checkpoints: Sequence[Checkpoint]) -> tuple[str, ...]:
    return tuple("start" if i == 0 else f"step {c.step}" for i, c in enumerate(checkpoints))
