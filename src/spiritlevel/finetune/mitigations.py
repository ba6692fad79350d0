"""What may be put against over-optimisation: length taken out of a reward, and labels where the policy has got to.

Ensembles are in judges.reward.aggregate, the KL budget in finetune.policy. A refreshed reward model is `train_reward` on `refreshed`.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel import firewall
from spiritlevel.errors import DataError
from spiritlevel.stats.clusters import codes_of
from spiritlevel.types import Chat, Frozen, Instrument, Item, Preference, Reply, RewardModel, content_hash

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Which = Literal["pushed", "unsure", "random"]
"""pushed: the answer that the proxy likes best, and another; unsure: the two whose order its heads agree on least; or any two."""


class LengthFit(Frozen):
    """How a reward goes with length among answers to one prompt."""

    slope: tuple[float, ...]
    """Reward a unit of log(1 + characters), a value a head."""
    centre: float
    """Log length at which a score stays as it is."""


def length_fit(scores: ArrayLike, characters: ArrayLike, groups: Sequence[object]) -> LengthFit:
    """Least-squares slope of scores (n,) or (n, heads) on log length within groups (prompts), to be fitted on training's own answers.

    What differs between prompts is no part of it: a prompt that needs a long answer may have one (Singhal 2023, section 3.1, holds
    the prompt fixed, too). Scores that are no number are left out. Slope 0 where lengths do not differ.
    """
    table, logs = _table(scores), _logs(characters)
    known = np.asarray(np.isfinite(table).all(axis=1), dtype=bool)
    table, logs = table[known], logs[known]
    codes = codes_of([g for g, k in zip(groups, known, strict=True) if k])
    if not len(logs):
        raise DataError("no answer has a score, so nothing tells how the reward goes with length; give scored answers")
    count = np.bincount(codes)

    def within(x: Floats) -> Floats:
        return np.asarray(x - (np.bincount(codes, weights=x) / count)[codes])

    apart = within(logs)
    square = float(apart @ apart)
    slope = [float(apart @ within(column)) / square if square > 1e-12 else 0.0 for column in table.T]
    return LengthFit(slope=tuple(slope), centre=float(logs.mean()))


def length_controlled(scores: ArrayLike, characters: ArrayLike, fit: LengthFit) -> Floats:
    """Scores of the same shape with what length explains taken out (as Dubois 2024 removes the length term of a fitted preference)."""
    given = np.asarray(scores, dtype=float)
    table = _table(given)
    if table.shape[1] != len(fit.slope):
        raise DataError(f"scores of {table.shape[1]} heads do not match a length fit of {len(fit.slope)}; fit it on this reward")
    found = table - np.outer(_logs(characters) - fit.centre, fit.slope)
    return np.asarray(found.reshape(given.shape))


class Controlled:
    """A reward model whose scores owe nothing to length, by a slope that was fitted before."""

    def __init__(self, reward: RewardModel, fit: LengthFit, made_of: Sequence[str] = ()) -> None:
        """`made_of`: atoms of the prompts that the slope was fitted on."""
        if len(fit.slope) != reward.heads:
            raise DataError(f"a length fit of {len(fit.slope)} heads does not match a reward of {reward.heads}; fit it on this reward")
        self.reward, self.fit, self.heads = reward, fit, reward.heads
        own = reward.identity
        self._identity = own.model_copy(
            update={
                "id": content_hash("length-controlled", own.id, fit),
                "name": f"{own.name}, length-controlled",
                "made_of": tuple(sorted({*own.made_of, firewall.judge(own.id), *made_of})),
            }
        )

    @property
    def identity(self) -> Instrument:
        """Made of the reward and of what its slope was fitted on."""
        return self._identity

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> NDArray[np.float32]:
        """As types.RewardModel."""
        raw = self.reward.score(chats, truncated)
        return length_controlled(raw, [len(chat[-1].content) for chat in chats], self.fit).astype(np.float32)


def to_label(scores: ArrayLike, labels: int, *, which: Which = "pushed", seed: int = 0) -> Places:
    """(labels, 3) of prompt, one answer, another: which pairs of the policy's own answers to label next.

    `scores` (prompts, samples, heads) of the proxy that is to be trained again; NaN = not scored, never chosen. Every prompt gets a
    label before any gets two. `pushed` are labels where selection goes (Gao 2022, section 5, calls for them), `unsure` are
    those that tell the heads apart (Gleave & Irving 2022). DataError: `unsure` of one head, or fewer pairs than labels.
    """
    table = np.asarray(scores, dtype=float)
    if table.ndim != 3:
        raise DataError(f"scores of shape {table.shape} name no pairs; give (prompts, samples, heads)")
    if which == "unsure" and table.shape[2] < 2:
        raise DataError("one head cannot be unsure of an order; give an ensemble's scores, or choose pushed or random")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table))
    if which == "unsure":
        spread = np.asarray([_widest(prompt) for prompt in table])
        order = np.argsort(-spread, kind="stable")
    queues = [(int(p), _queue(table[p], which, rng)) for p in order]
    found: list[tuple[int, int, int]] = []
    while queues and len(found) < labels:
        going = []
        for prompt, queue in queues:
            if (pair := next(queue, None)) is not None and len(found) < labels:
                found.append((prompt, *pair))
                going.append((prompt, queue))
        queues = going
    if len(found) < labels:
        raise DataError(f"the pool holds {len(found)} pairs of scored answers, fewer than the {labels} labels asked for; draw more")
    return np.asarray(found, dtype=np.int64).reshape(-1, 3)


def items(chats: Sequence[Chat], replies: Sequence[Sequence[Reply]], places: Places, groups: Sequence[str] = ()) -> list[Item]:
    """What `to_label` chose, as raters are shown it: `replies` of each prompt in the order of `scores`."""
    found = []
    for prompt, one, other in places.tolist():
        a, b = replies[prompt][one], replies[prompt][other]
        found.append(
            Item(
                id=content_hash("item", *chats[prompt], a.text, b.text),
                chat=chats[prompt],
                a=a.text,
                b=b.text,
                a_truncated=a.truncated,
                b_truncated=b.truncated,
                group=groups[prompt] if groups else "",
            )
        )
    return found


def refreshed(old: Sequence[Preference], new: Sequence[Preference]) -> tuple[Preference, ...]:
    """Labels to train the reward on again: all of both, but where the new ones judge the same two answers the old ones give way."""
    again = {_pair(one) for one in new}
    return (*(one for one in old if _pair(one) not in again), *new)


def _pair(one: Preference) -> tuple[Chat, frozenset[str]]:
    return one.chat, frozenset((one.chosen, one.rejected))


def _queue(scores: Floats, which: Which, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Pairs of one prompt's answers (samples, heads), the one to label first first; none twice."""
    known = np.flatnonzero(np.isfinite(scores).all(axis=1))
    if len(known) < 2:
        return iter(())
    if which == "pushed":
        best = int(known[scores[known].mean(axis=1).argmax()])
        return ((best, int(other)) for other in rng.permutation(known[known != best]))
    one, other = np.triu_indices(len(known), 1)
    if which == "unsure":
        apart = (scores[known][one] - scores[known][other]).std(axis=1)
        order = np.argsort(-apart, kind="stable")
    else:
        order = rng.permutation(len(one))
    return ((int(known[one[i]]), int(known[other[i]])) for i in order)


def _widest(scores: Floats) -> float:
    """Greatest spread of heads over the order of two answers (samples, heads); -inf where there are no two."""
    first = next(_queue(scores, "unsure", np.random.default_rng(0)), None)
    return -np.inf if first is None else float((scores[first[0]] - scores[first[1]]).std())


def _table(scores: ArrayLike) -> Floats:
    """(n, heads)."""
    table = np.asarray(scores, dtype=float)
    return table[:, None] if table.ndim == 1 else table


def _logs(characters: ArrayLike) -> Floats:
    return np.asarray(np.log1p(np.asarray(characters, dtype=float)))
