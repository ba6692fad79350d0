"""A known-answer world: an oracle is declared to be what is meant, raters err and lean, rewards learn from their few labels.

Then the best of n by each reward is held against the oracle (Gao 2022, section 2; Coste 2024, section 4). The oracle labels the
proxies' pairs too, as in those experiments: it proves the method and certifies no model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import backends, constitution
from spiritlevel.constitution import Constitution, Example, certify, contrasts
from spiritlevel.elicit.config import ElicitConfig
from spiritlevel.elicit.prompts import gather
from spiritlevel.errors import DataError
from spiritlevel.evidence import Evidence
from spiritlevel.finetune.heads import bradley_terry_heads
from spiritlevel.finetune.policy import PolicySettings, optimised
from spiritlevel.finetune.reward import RewardSettings, RewardTrained, bootstrap, train_reward
from spiritlevel.judges.reward import aggregate, features, open_reward
from spiritlevel.judges.scores import Answer, scored, table
from spiritlevel.measure import overoptimisation, pushing
from spiritlevel.measure.distance import draws
from spiritlevel.stats import stopping
from spiritlevel.stats.selection import best_of_n_curve, sizes
from spiritlevel.types import (
    Ask,
    Checkpoint,
    Frozen,
    GapPlot,
    IntentIs,
    Journal,
    ModelRef,
    Optimised,
    Preference,
    Prompt,
    Reply,
    RowSet,
    Side,
    StopRecord,
    StopRun,
    Turn,
    content_hash,
    user,
)

Floats = NDArray[np.float64]
DRAWS = 8
"""Answers to each prompt that raters are shown two of."""


class WorldConfig(Frozen):
    """How large the world is, and how its raters err."""

    model: str = "bundled"
    """Whose answers are chosen among, and whose untrained body the proxies read."""
    oracle: str = ""
    """A reward SPEC that is declared to be what is meant; empty = one trained on all of the constitution's own pairs."""
    prompts: int = Field(32, ge=2)
    n: int = Field(512, ge=8)
    """Answers a prompt in the pool."""
    tokens: int = Field(32, ge=1)
    pairs: int = Field(100, ge=4)
    """Labels that each proxy has."""
    noise: float = Field(0.25, ge=0, lt=0.5)
    """Chance that a label says the opposite of the oracle."""
    length: float = 0.0
    """How many oracle SDs the raters give to one SD of length, in characters: tokens hardly differ where answers are cut."""
    heads: int = Field(5, ge=2)
    seeds: int = Field(3, ge=1)


class Drawn(Frozen):
    """Answers of one model to prompts, prompt by prompt, with the oracle's word on each and what the proxies may read of them."""

    prompts: tuple[Prompt, ...]
    replies: RowSet
    scores: RowSet
    features: str
    """Blob of the untrained body's hidden states at the answers' ends."""
    samples: int


class Pursued(Frozen):
    """Policies that pursued a proxy, and how proxy and oracle went along their way."""

    policy: Optimised
    proxy: RewardTrained
    plot: GapPlot
    held: tuple[Optimised, ...] = ()
    """The policy under each mitigation, as the plot's further curves."""


class World(Frozen):
    """What selection by each proxy found, and what stop rules would have done."""

    plot: GapPlot
    stops: StopRecord | None
    accuracy: tuple[tuple[str, float], ...]
    """(proxy, share of fresh noiseless pairs that it orders as the oracle does), a mean over seeds."""


def run(config: WorldConfig, evidence: Evidence) -> World:
    """Oracle, answers, features, labels, proxies, curves."""
    model, oracle, every = begun(config, evidence)
    taught = evidence.step(draw, model, shown(every, config), DRAWS, config.tokens, oracle)
    pool = evidence.step(draw, model, chosen(every, Side.OPEN, config.prompts), config.n, config.tokens, oracle)
    return evidence.step(judged, taught, pool, config)


def pursue(
    config: WorldConfig, policy: PolicySettings, evidence: Evidence, *, samples: int = 4, budget: float | None = None, refresh: bool = False
) -> Pursued:
    """A policy optimised against one proxy from the same few labels, and both scores along its checkpoints on held-out prompts.

    Mitigations on the same plot: `budget`, the same policy with its KL steered to so many nats; `refresh`, one whose reward learns
    half of its labels on the policy's own answers midway.
    """
    model, oracle, every = begun(config, evidence)
    prompts = shown(every, config)
    taught = evidence.step(draw, model, prompts, DRAWS, config.tokens, oracle)
    proxy = evidence.step(mistaken, model, (taught,), config, policy.seed)

    def by(reward: RewardTrained, start: ModelRef, how: PolicySettings) -> Optimised:
        scoring = how.scoring.model_copy(update={"reward": placed(reward, evidence), "log": (oracle,)})
        pinned = (reward.identity.id, oracle)
        found: Optimised = evidence.step(optimised, start, prompts, how.model_copy(update={"scoring": scoring}), pinned)
        backends.release_memory()
        return found

    def along(name: str, reward: RewardTrained, *way: Optimised) -> pushing.Route:
        return pushing.Route(
            name=name,
            checkpoints=joined(way),
            proxy=placed(reward, evidence),
            how=policy.scoring.aggregate,
            judges=tuple(w.reward for w in way),
        )

    plain = by(proxy, model, policy)
    routes, held, pinned = [along("plain", proxy, plain)], list[Optimised](), [proxy.identity.id, oracle]
    if budget is not None:
        kl = policy.kl.model_copy(update={"budget": budget, "control": "adapt"})
        held.append(by(proxy, model, policy.model_copy(update={"kl": kl})))
        routes.append(along(f"KL budget of {budget:g} nats", proxy, held[-1]))
    if refresh:
        half = policy.steps // 2
        first = by(proxy, model, policy.model_copy(update={"steps": half}))
        again = evidence.step(draw, first.ref, prompts, DRAWS, config.tokens, oracle)
        fresh = evidence.step(mistaken, model, (taught, again), config, policy.seed)
        held.append(by(fresh, first.ref, policy.model_copy(update={"steps": policy.steps - half})))
        routes.append(along("refreshed reward", fresh, first, held[-1]))
        pinned.append(fresh.identity.id)
    plot = evidence.step(
        pushing.walk_by,
        tuple(routes),
        chosen(every, Side.OPEN, config.prompts),
        oracle,
        pushing.GapSettings(samples=samples, tokens=config.tokens, oracle=True),
        pinned=tuple(pinned),
    )
    return Pursued(policy=plain, proxy=proxy, plot=plot, held=tuple(held))


def placed(reward: RewardTrained, evidence: Evidence) -> str:
    """Its SPEC by path."""
    return f"path:{evidence.path(reward.spec.removeprefix('blob:'))}"


def joined(way: Sequence[Optimised]) -> tuple[Checkpoint, ...]:
    """The checkpoints of trainings of which each goes on where the last one ended, with their steps added up."""
    found: list[Checkpoint] = []
    for one in way:
        done = found[-1].step if found else 0
        found += [c.model_copy(update={"step": done + c.step}) for c in one.checkpoints[bool(found) :] if c.step or not found]
    return tuple(found)


def begun(config: WorldConfig, evidence: Evidence) -> tuple[ModelRef, str, list[Prompt]]:
    """The model, the oracle's spec (trained first where none is named), and all prompts that there are."""
    law, model = constitution.load(), backends.resolve(config.model)
    oracle = config.oracle
    if not oracle:
        settings = RewardSettings(epochs=2, lr=5e-5, batch_tokens=2048, held=0.1)
        made: RewardTrained = evidence.step(train_reward, model, prose(law, certify.load()), settings)
        oracle = f"path:{evidence.path(made.spec.removeprefix('blob:'))}"
        backends.release_memory()
    return model, oracle, gather(law, ElicitConfig())


def shown(prompts: Sequence[Prompt], config: WorldConfig) -> tuple[Prompt, ...]:
    """Prompts whose answers raters see."""
    return chosen(prompts, Side.TEACH, max(2 * config.pairs, config.prompts))


def prose(law: Constitution, held: Sequence[Example]) -> tuple[Preference, ...]:
    """The constitution's own pairs: the following over the violating reply to one prompt."""
    return tuple(
        Preference(
            chat=user(good.prompt),
            chosen=good.reply,
            rejected=bad.reply,
            by="constitution",
            principle=good.principle,
            cluster=good.group,
        )
        for good, bad in contrasts((*law.teach, *held))
    )


def chosen(prompts: Sequence[Prompt], side: Side, most: int) -> tuple[Prompt, ...]:
    """Plain requests of a side, one a cluster, in an order that only their ids decide."""
    one = {p.cluster: p for p in sorted(prompts, key=lambda p: p.id) if p.side is side and p.family == "direct"}
    found = sorted(one.values(), key=lambda p: content_hash("world", p.id))[:most]
    if len(found) < 2:
        raise DataError(f"the constitution's seeds have {len(found)} prompts on the {side.value} side; a world needs at least 2")
    return tuple(found)


def draw(journal: Journal, model: ModelRef, prompts: tuple[Prompt, ...], samples: int, tokens: int, oracle: str) -> Drawn:
    """`samples` answers a prompt, and the oracle's score of each."""
    asks = draws(prompts, samples, tokens)
    rows = backends.ask(journal, backends.open_model(model, journal), asks, label="drawing answers")
    backends.release_memory()
    replies = journal.rows(rows, Reply)
    scores = scored(journal, open_reward(oracle, journal), answers(asks, replies), label="the oracle reads")
    blank = [reply if reply.text else reply.model_copy(update={"text": " "}) for reply in replies]
    read = features(journal, model, answers(asks, blank))
    backends.release_memory()
    return Drawn(prompts=prompts, replies=rows, scores=scores, features=read, samples=samples)


def answers(asks: Sequence[Ask], replies: Sequence[Reply]) -> list[Answer]:
    """Chats that end with the reply."""
    return [
        Answer(chat=(*ask.chat, Turn(role="assistant", content=reply.text)), truncated=reply.truncated)
        for ask, reply in zip(asks, replies, strict=True)
    ]


class Read:
    """Answers with what oracle, body and ruler say of them; each (prompts, samples, ...)."""

    def __init__(self, journal: Journal, drawn: Drawn) -> None:
        replies = journal.rows(drawn.replies, Reply)
        shape = len(drawn.prompts), drawn.samples
        self.oracle: Floats = table(journal, drawn.scores).mean(axis=1).reshape(shape)
        self.length: Floats = np.asarray([len(r.text) for r in replies], dtype=float).reshape(shape)
        self.features: NDArray[np.float32] = np.load(journal.path(drawn.features) / "features.npy", allow_pickle=False).reshape(*shape, -1)
        self.groups = [p.cluster or p.id for p in drawn.prompts]


def judged(journal: Journal, taught: Drawn, pool: Drawn, config: WorldConfig) -> World:
    """Proxies by seed from noisy labels on `taught`, and the best of n by each on `pool`."""
    known, held = Read(journal, taught), Read(journal, pool)
    ns = sizes(pool.samples)
    by_name: dict[str, list[Floats]] = {}
    right: dict[str, list[float]] = {}
    runs: list[StopRun] = []
    spread = held.oracle.std()
    for seed in range(config.seeds):
        for name, scores in proxies(known, held, config, seed).items():
            heads = scores if name == "heads" else None
            if heads is not None:
                best = best_of_n_curve(heads.mean(axis=2), held.oracle, ns).mean(axis=0)
                gauges = overoptimisation.pool_gauges(heads, held.length, ns)
                runs.append(StopRun(name=f"seed {seed}", gauges=gauges, intent=tuple(float(v) / spread for v in best)))
                continue
            by_name.setdefault(name, []).append(scores)
            right.setdefault(name, []).append(ordered(scores, held.oracle, seed))
    plot = overoptimisation.best_of_n(
        {name: np.stack(each) for name, each in by_name.items()},
        held.oracle,
        held.groups,
        IntentIs(name=config.oracle or "a reward trained on the constitution's pairs", role="oracle"),
        title=f"Best-of-n on {config.model}, {config.pairs} labels, {config.noise:.0%} noise",
    )
    stops = stopping.record(runs) if len(runs) > 1 else None
    return World(plot=plot, stops=stops, accuracy=tuple((name, float(np.mean(each))) for name, each in right.items()))


def mistaken(journal: Journal, model: ModelRef, drawn: tuple[Drawn, ...], config: WorldConfig, seed: int) -> RewardTrained:
    """A reward model on the untrained body from a seed's noisy labels, as many of each of `drawn`: what a policy is optimised against."""
    pairs: list[Preference] = []
    for turn, one in enumerate(drawn):
        share = config.pairs * (turn + 1) // len(drawn) - config.pairs * turn // len(drawn)
        pairs += preferences(journal, one, config.model_copy(update={"pairs": share}), seed + 1_000 * turn)
    return train_reward(journal, model, tuple(pairs), RewardSettings(frozen=True, heads=config.heads, held=0.0, seed=seed))


def preferences(journal: Journal, drawn: Drawn, config: WorldConfig, seed: int) -> list[Preference]:
    """What the raters say of pairs of these answers."""
    known, replies = Read(journal, drawn), journal.rows(drawn.replies, Reply)
    a, b, prompt = labelled_pairs(known, config.pairs, seed)
    told = labels(known, a, b, prompt, config, seed)
    found = []
    for i, one, other, like in zip(prompt, a, b, told, strict=True):
        good, bad = (replies[int(i) * drawn.samples + int(k)] for k in ((one, other) if like else (other, one)))
        found.append(
            Preference(
                chat=user(drawn.prompts[int(i)].text),
                chosen=good.text,
                rejected=bad.text,
                by="simulated raters",
                cluster=known.groups[int(i)],
                chosen_truncated=good.truncated,
                rejected_truncated=bad.truncated,
            )
        )
    return found


def proxies(known: Read, held: Read, config: WorldConfig, seed: int) -> dict[str, Floats]:
    """Scores (prompts, n) on the pool of every proxy of one seed; `heads` (prompts, n, heads) are those of the ensemble."""
    a, b, prompt = labelled_pairs(known, config.pairs, seed)
    sure = labels(known, a, b, prompt, config, seed)
    apart = known.features[prompt, a] - known.features[prompt, b]
    groups = [known.groups[i] for i in prompt]
    one = bradley_terry_heads(apart, sure, np.ones((len(sure), 1)))
    many = bradley_terry_heads(apart, sure, bootstrap(groups, config.heads, seed))
    train = known.features.reshape(-1, known.features.shape[-1])

    def scores(heads: NDArray[np.float32]) -> Floats:
        """Centred, and in SDs of the answers that the raters' prompts got: what training can see."""
        seen = train @ heads.T
        return np.asarray((held.features @ heads.T - seen.mean(axis=0)) / seen.std(axis=0), dtype=float)

    single, ensemble = scores(one)[..., 0], scores(many)
    seen = train @ one[0]
    slope = np.polyfit(known.length.ravel(), (seen - seen.mean()) / seen.std(), 1)[0]
    more = relabelled(known, config, seed)
    return {
        "single": single,
        "mean of heads": aggregate(ensemble),
        "worst head": aggregate(ensemble, "worst"),
        "uncertainty-weighted": aggregate(ensemble, "uncertainty"),
        "one bootstrapped head": ensemble[..., 0],
        "length-controlled": single - slope * held.length,
        "iterated labels": scores(more)[..., 0],
        "heads": ensemble,
    }


def labelled_pairs(known: Read, pairs: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Two different answers and their prompt, for each label; prompts are used up before one is used again."""
    rng = np.random.default_rng([seed, 1])
    count, samples = known.oracle.shape
    prompt = np.concatenate([rng.permutation(count) for _ in range(-(-pairs // count))])[:pairs]
    a = rng.integers(samples, size=pairs)
    return a, (a + rng.integers(1, samples, size=pairs)) % samples, prompt


def labels(known: Read, a: NDArray[np.int64], b: NDArray[np.int64], prompt: NDArray[np.int64], config: WorldConfig, seed: int) -> Floats:
    """1 where the rater prefers the first: the oracle's order plus the lean to length, flipped at the rate of the noise."""
    meant = known.oracle / known.oracle.std() + config.length * known.length / max(known.length.std(), 1e-9)
    first = meant[prompt, a] > meant[prompt, b]
    wrong = np.random.default_rng([seed, 2]).random(len(a)) < config.noise
    return np.asarray(first ^ wrong, dtype=float)


def relabelled(known: Read, config: WorldConfig, seed: int) -> NDArray[np.float32]:
    """Half of the labels first; the other half on the best against a random answer by the proxy of the first: labels where it is pushed."""
    half = config.pairs // 2
    a, b, prompt = (x[:half] for x in labelled_pairs(known, config.pairs, seed))
    sure = labels(known, a, b, prompt, config, seed)
    first = bradley_terry_heads(known.features[prompt, a] - known.features[prompt, b], sure, np.ones((half, 1)))
    rng = np.random.default_rng([seed, 3])
    again = rng.permutation(len(known.oracle))[: config.pairs - half]
    best = (known.features[again] @ first[0]).argmax(axis=1)
    other = (best + rng.integers(1, known.oracle.shape[1], size=len(again))) % known.oracle.shape[1]
    c, d, where = np.concatenate([a, best]), np.concatenate([b, other]), np.concatenate([prompt, again])
    told = np.concatenate([sure, labels(known, best, other, again, config, seed + 1_000)])
    return bradley_terry_heads(known.features[where, c] - known.features[where, d], told, np.ones((len(told), 1)))


def ordered(proxy: Floats, oracle: Floats, seed: int) -> float:
    """Share of random pairs of one prompt's answers that the proxy orders as the oracle does."""
    rng = np.random.default_rng([seed, 4])
    a, b = rng.integers(proxy.shape[1], size=(2, 200))
    apart = (proxy[:, a] - proxy[:, b]) * (oracle[:, a] - oracle[:, b])
    return float((apart[apart != 0] > 0).mean())
