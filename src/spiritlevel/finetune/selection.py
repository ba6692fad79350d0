"""Selection by a reward: pools of answers, the best of n, pairs of best and worst, lessons that are good enough to learn from."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator

from spiritlevel import backends, firewall, stats
from spiritlevel.errors import DataError, TooManyFailures
from spiritlevel.finetune import mitigations
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.judges.reward import Aggregation, Ruled, aggregate, open_reward
from spiritlevel.judges.scores import Answer, scored, table
from spiritlevel.stats.selection import best_of_n_kl
from spiritlevel.types import (
    Ask,
    Chat,
    Estimate,
    Frozen,
    Instrument,
    Journal,
    Lesson,
    ModelRef,
    Preference,
    Prompt,
    Reply,
    RewardModel,
    RowSet,
    Sampling,
    Turn,
    user,
)

Floats = NDArray[np.float64]
MOST_UNSCORED = 0.2
"""Share of answers that may have failed, or that the reward may fail to score."""


class SelectSettings(Frozen):
    """How answers are drawn, selected by a reward, and learnt from."""

    reward: str = Field(min_length=1)
    """The reward that selects: `path:DIR`, `blob:HASH`, `rule:NAME=ARGUMENT`; several with commas between are one ensemble."""
    n: int = Field(8, ge=2)
    """Answers a prompt."""
    sampling: Sampling = Sampling()
    """How they are drawn; temperature above 0."""
    aggregate: Aggregation = "mean"
    """How the heads of an ensemble become one score."""
    length_control: bool = False
    """Take what length explains out of the score, by a slope fitted to this pool."""
    least: float | None = None
    """Least score of an answer that is learnt; none = any that is above the mean of its prompt's answers."""
    cut: bool = False
    """Learn from answers that were cut at their length limit, too: they teach no end."""
    rounds: int = Field(1, ge=1)
    """Draw, select and train so often, each time from the policy that the last round made."""
    how: Literal["sft", "dpo"] = "sft"
    """Learn the best answer (rejection sampling, RAFT), or to prefer it to the worst (iterated DPO)."""
    train: TrainSettings = TrainSettings(epochs=1, lr=1e-5)
    """Training of each round."""

    @field_validator("sampling")
    @classmethod
    def _drawn(cls, sampling: Sampling) -> Sampling:
        if not sampling.temperature > 0:
            raise ValueError("temperature 0 draws one answer over and over; select at a temperature above 0")
        return sampling


def pool(journal: Journal, model: ModelRef, prompts: Sequence[Prompt | Chat], n: int, sampling: Sampling) -> RowSet:
    """`n` Reply rows a prompt, a prompt's together: durable batch by batch, and drawn once for all steps of the run that ask so.

    DataError without prompts, for n under 1, or where every draw would be the same.
    """
    if not prompts or n < 1:
        raise DataError(f"a pool of {n} answers to {len(prompts)} prompts holds nothing; give prompts, and draw at least one answer each")
    if n > 1 and not sampling.temperature > 0:
        raise DataError(f"at temperature {sampling.temperature:g} the {n} answers to a prompt are all the same; draw above 0")
    rows = backends.ask(journal, backends.open_model(model, journal), asks(prompts, n, sampling), label="drawing the pool")
    backends.release_memory()
    return rows


def asks(prompts: Sequence[Prompt | Chat], n: int, sampling: Sampling) -> list[Ask]:
    """What a pool asks: equal but for `repeat`."""
    return [Ask(chat=chat, sampling=sampling, repeat=i) for chat in map(_chat, prompts) for i in range(n)]


def _chat(prompt: Prompt | Chat) -> Chat:
    return user(prompt.text) if isinstance(prompt, Prompt) else prompt


class Ranked(NamedTuple):
    """A pool, and the selector's word on each answer."""

    prompts: tuple[Prompt, ...]
    replies: tuple[tuple[Reply, ...], ...]
    heads: Floats
    """(prompts, n, heads) as the reward gave them, length taken out where that was asked for; NaN = not scored."""
    scores: Floats
    """(prompts, n): what selects."""

    @property
    def unscored(self) -> int:
        """Answers that no selection can choose: the call failed, or the reward gave no number."""
        return int(np.isnan(self.scores).sum())


class Choice(Frozen):
    """The answer to a prompt that the reward likes best."""

    prompt: Prompt
    reply: Reply
    score: float
    mean: float
    """Of all scored answers to the prompt."""
    place: int
    """Which draw it was, from 0."""


class Selection(Frozen):
    """What the best of n is, by the reward that chose it."""

    model: ModelRef
    reward: Instrument
    n: int
    choices: RowSet
    """Choice rows, one a prompt that has a scored answer."""
    gain: Estimate
    """Score of the best less the mean of its prompt, in the reward's unit: of the proxy, and no word on what was meant."""
    kl: float
    """Nats from the model, log n - (n-1)/n: an upper bound where answers repeat or scores tie."""
    unscored: int
    left_out: int
    """Prompts without any scored answer."""
    tied: int
    """Prompts whose scored answers all have one score: the first was taken."""


def ranked(journal: Journal, model: ModelRef, prompts: Sequence[Prompt], reward: RewardModel, settings: SelectSettings) -> Ranked:
    """A pool of each prompt (asked twice, it counts once), drawn and scored. Prompts without a cluster get one.

    DataError when every prompt got one answer over and over, or one score for all; TooManyFailures past MOST_UNSCORED.
    """
    asked = _asked(prompts)
    drawn = journal.rows(pool(journal, model, asked, settings.n, settings.sampling), Reply)
    answers = [
        Answer(chat=(*ask.chat, Turn(role="assistant", content=reply.text)), truncated=reply.truncated)
        for ask, reply in zip(asks(asked, settings.n, settings.sampling), drawn, strict=True)
    ]
    heads = table(journal, scored(journal, reward, answers)).reshape(len(answers), -1)
    heads[~np.isfinite(heads).all(axis=1) | np.asarray([r.error is not None for r in drawn])] = np.nan
    lost = int(np.isnan(heads[:, 0]).sum())
    if lost > MOST_UNSCORED * len(heads):
        raise TooManyFailures(
            f"the reward {reward.identity.name!r} gave no number for {lost} of {len(heads)} answers (or their calls failed); "
            "mend it, or leave such prompts out"
        )
    if settings.length_control:
        owners = np.repeat([p.id for p in asked], settings.n)
        characters = [len(reply.text) for reply in drawn]
        heads = mitigations.length_controlled(heads, characters, mitigations.length_fit(heads, characters, list(owners)))
    shape = len(asked), settings.n
    replies = tuple(tuple(drawn[i : i + settings.n]) for i in range(0, len(drawn), settings.n))
    found = Ranked(tuple(asked), replies, heads.reshape(*shape, -1), aggregate(heads, settings.aggregate).reshape(shape))
    if all(len({reply.text for reply in each}) == 1 for each in replies):
        raise DataError(
            f"{model.spec!r} gave one answer to each prompt {settings.n} times over, so nothing can be chosen; raise temperature"
        )
    if flat(found.scores).all():
        raise DataError(
            f"the reward {reward.identity.name!r} gives all answers to each prompt one score, so nothing can be chosen; "
            "draw more answers, or use a reward that tells them apart"
        )
    return found


def flat(scores: Floats) -> NDArray[np.bool_]:
    """(prompts,) whether all scored answers of a prompt have one score, up to rounding."""
    high, low = np.nanmax(scores, axis=1, initial=-np.inf), np.nanmin(scores, axis=1, initial=np.inf)
    return np.asarray(high - low <= 1e-6 * np.maximum(1.0, np.abs(np.where(np.isfinite(high), high, 0.0))))


def best_of_n(
    journal: Journal, model: ModelRef, prompts: tuple[Prompt, ...], settings: SelectSettings, pinned: str = "", seed: int = 0
) -> Selection:
    """The best of `settings.n` answers to each prompt, as a step. `pinned`: the reward's identity; a changed one is another step."""
    reward = open_reward(settings.reward, journal)
    return chosen(journal, model, ranked(journal, model, prompts, reward, settings), reward, seed=seed)


class Preferred(Frozen):
    """Pairs of best and worst, by the reward that chose them."""

    model: ModelRef
    reward: Instrument
    pairs: RowSet
    """Preference rows, the greatest gain first."""
    prompts: int
    left_out: tuple[tuple[str, int], ...]
    """(why, how many) prompts that gave none."""


def preferred(journal: Journal, model: ModelRef, prompts: tuple[Prompt, ...], settings: SelectSettings, pinned: str = "") -> Preferred:
    """`pairs` as a step. DataError when no prompt gave one."""
    reward = open_reward(settings.reward, journal)
    among = ranked(journal, model, prompts, reward, settings)
    found, left = pairs(among, reward, settings)
    why = tuple(sorted(left.items()))
    if not found:
        raise DataError(
            f"none of {len(among.prompts)} prompts gave a pair ({', '.join(f'{name}: {k}' for name, k in why)}); "
            "draw more or longer answers, or take cut ones, too"
        )
    return Preferred(model=model, reward=reward.identity, pairs=journal.put("preference", found), prompts=len(among.prompts), left_out=why)


def chosen(journal: Journal, model: ModelRef, among: Ranked, reward: RewardModel, *, seed: int = 0) -> Selection:
    """The highest score of each prompt; of equal ones the first drawn, which is as good as by lot."""
    known = np.asarray(~np.isnan(among.scores).all(axis=1), dtype=bool)
    rows = [
        Choice(prompt=prompt, reply=replies[best], score=float(score[best]), mean=float(np.nanmean(score)), place=best)
        for prompt, replies, score, some in zip(among.prompts, among.replies, among.scores, known, strict=True)
        if some
        for best in [int(np.nanargmax(score))]
    ]
    gain = stats.cluster_bootstrap(
        lambda x: float(x.mean()),
        [[row.score - row.mean for row in rows]],
        [row.prompt.cluster for row in rows],
        seed=seed,
        name="proxy's gain of the best of n",
    )
    n = among.scores.shape[1]
    return Selection(
        model=model,
        reward=reward.identity,
        n=n,
        choices=journal.put("choice", rows),
        gain=gain,
        kl=float(best_of_n_kl(n)),
        unscored=among.unscored,
        left_out=int((~known).sum()),
        tied=int((flat(among.scores) & known).sum()),
    )


class Sorted(NamedTuple):
    """What may be learnt, the greatest gain first, and why the rest may not."""

    kept: tuple[tuple[int, int], ...]
    """(prompt, answer) places in the pool."""
    left_out: Counter[str]


def learnable(among: Ranked, settings: SelectSettings) -> Sorted:
    """The best answer of each prompt that has one: not empty, not cut (unless `cut`), high enough, and no near copy of another kept one.

    Near copies are answers of one cluster of 5-grams (firewall.clusters) to prompts of one cluster.
    """
    left: Counter[str] = Counter()
    found: list[tuple[float, int, int]] = []
    for place, (replies, scores) in enumerate(zip(among.replies, among.scores, strict=True)):
        may = _usable(replies, scores, settings.cut)
        if not may:
            left["no whole answer"] += 1
            continue
        best = max(may, key=lambda i: (scores[i], -i))
        mean = float(np.nanmean(scores))
        above = scores[best] > mean + 1e-9 if settings.least is None else scores[best] >= settings.least
        if not above:
            left["no answer is good enough"] += 1
            continue
        found.append((float(scores[best]) - mean, place, best))
    found.sort(key=lambda one: (-one[0], one[1]))
    near = firewall.clusters([among.replies[place][best].text for _, place, best in found])
    kept: dict[tuple[str, str], tuple[int, int]] = {}
    for (_, place, best), cluster in zip(found, near, strict=True):
        kept.setdefault((among.prompts[place].cluster, cluster), (place, best))
    left["near copies"] = len(found) - len(kept)
    return Sorted(tuple(kept.values()), +left)


def lessons(among: Ranked, settings: SelectSettings) -> tuple[list[Lesson], Counter[str]]:
    """The best answers as what to learn (rejection sampling; RAFT, Dong 2023, algorithm 1), and why prompts were left out."""
    sorted_ = learnable(among, settings)
    found = []
    for place, best in sorted_.kept:
        prompt, reply = among.prompts[place], among.replies[place][best]
        found.append(
            Lesson(
                chat=user(prompt.text),
                answer=reply.text,
                truncated=reply.truncated,
                principle=prompt.principle,
                kind=prompt.kind,
                cluster=prompt.cluster,
                family=prompt.family,
                source=prompt.source,
            )
        )
    return found, sorted_.left_out


def pairs(among: Ranked, reward: RewardModel, settings: SelectSettings) -> tuple[list[Preference], Counter[str]]:
    """The best over the worst answer of each prompt, for iterated DPO (Yuan 2024, section 2.3), and why prompts were left out.

    `sure` is the chance that the reward's own calibrated difference gives, 1 for a rule. Both extremes of n were selected for their
    error, too: the true chance is lower, the more so the larger n.
    """
    sorted_ = learnable(among, settings)
    left, found = sorted_.left_out, []
    for place, best in sorted_.kept:
        prompt, replies, scores = among.prompts[place], among.replies[place], among.scores[place]
        may = _usable(replies, scores, settings.cut)
        worst = min(may, key=lambda i: (scores[i], i))
        good, bad = replies[best], replies[worst]
        if good.text.strip() == bad.text.strip() or scores[best] - scores[worst] <= 1e-9:
            left["no worse answer"] += 1
            continue
        certain = isinstance(reward, Ruled)
        found.append(
            Preference(
                chat=user(prompt.text),
                chosen=good.text,
                rejected=bad.text,
                by=reward.identity.id,
                sure=1.0 if certain else float(sureness(among.heads[place, best], among.heads[place, worst])),
                principle=prompt.principle,
                cluster=prompt.cluster,
                source=prompt.source,
                chosen_truncated=good.truncated,
                rejected_truncated=bad.truncated,
            )
        )
    return found, left


def sureness(better: ArrayLike, worse: ArrayLike) -> Floats:
    """Chance (...,) that `better` is better, of calibrated scores (..., heads): mean of sigmoid(difference) over heads, at least 0.5."""
    from scipy.special import expit

    return np.asarray(np.maximum(expit(np.asarray(better, dtype=float) - np.asarray(worse, dtype=float)).mean(axis=-1), 0.5))


def _usable(replies: Sequence[Reply], scores: Floats, cut: bool) -> list[int]:
    """Places of answers that may be learnt at all."""
    return [i for i, r in enumerate(replies) if not np.isnan(scores[i]) and r.text.strip() and (cut or not r.truncated)]


def _asked(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Each text once, all with clusters."""
    each = list({p.text: p for p in reversed(prompts)}.values())[::-1]
    if all(p.cluster for p in each):
        return each
    ids = firewall.clusters([p.goal or p.text for p in each], [p.group for p in each])
    return [p if p.cluster else p.model_copy(update={"cluster": id}) for p, id in zip(each, ids, strict=True)]
