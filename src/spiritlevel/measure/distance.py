"""How far training moved the model: sequence KL to the base in nats, with its noise floor, and answer length."""

from collections.abc import Sequence

import numpy as np

from spiritlevel import backends, stats
from spiritlevel.types import (
    Ask,
    Estimate,
    Frozen,
    Journal,
    ModelRef,
    OpenWeights,
    Prompt,
    Reply,
    Sampling,
    Turn,
    content_hash,
    user,
)


class Scored(Frozen):
    """A sampled answer, scored under one model."""

    total: float


class ToScore(Frozen):
    """A unit of scoring; `model` and `shape` are part of its identity."""

    model: str
    chat_hash: str
    shape: str


def kl(
    journal: Journal, before: ModelRef, after: ModelRef, prompts: Sequence[Prompt], *, tokens: int, seed: int, confidence: float
) -> tuple[Estimate, Estimate, str]:
    """k1 estimate E_after[log p_after - log p_before] per answer in nats, its noise floor, and the row set of the answers.

    Answers are drawn from `after` at temperature 1 with nothing cut from the distribution (Schulman 2020: k1 is unbiased). The floor is the
    same estimate of `after` against itself scored one by one instead of in batches: differences of shape alone; claim nothing below it.
    """
    tuned = backends.open_weights(after, journal)
    asks = [Ask(chat=user(p.text), sampling=Sampling(max_tokens=tokens, temperature=1.0)) for p in prompts]
    rows = backends.ask(journal, tuned, asks, label="sampling for KL")
    replies = journal.rows(rows, Reply)
    chats = [(*a.chat, Turn(role="assistant", content=r.text)) for a, r in zip(asks, replies, strict=True)]
    cut = [r.truncated for r in replies]
    keep = [i for i, r in enumerate(replies) if r.text]
    chats, cut, groups = [chats[i] for i in keep], [cut[i] for i in keep], [prompts[i].cluster for i in keep]
    at_after = _score(journal, tuned, chats, cut, "batch")
    one_by_one = _score(journal, tuned, chats[:16], cut[:16], "single")
    del tuned
    base = backends.open_weights(before, journal)
    at_before = _score(journal, base, chats, cut, "batch")

    def mean(name: str, values: Sequence[float], of: Sequence[str]) -> Estimate:
        return stats.cluster_bootstrap(lambda v: float(np.mean(v)), [np.asarray(values)], of, seed=seed, name=name, confidence=confidence)

    drift = [a - b for a, b in zip(at_after, at_before, strict=True)]
    noise = [abs(a - b) for a, b in zip(at_after[: len(one_by_one)], one_by_one, strict=True)]
    return mean("kl", drift, groups), mean("kl_noise_floor", noise, groups[: len(noise)]), rows.id


def _score(journal: Journal, model: OpenWeights, chats: Sequence[tuple[Turn, ...]], cut: Sequence[bool], shape: str) -> list[float]:
    """Total log-probability in nats of each chat's last turn; `single` scores one chat a batch."""
    units = [ToScore(model=model.ref.key, chat_hash=content_hash(*c), shape=shape) for c in chats]
    where = {u.chat_hash: i for i, u in enumerate(units)}

    def work(todo: Sequence[ToScore]) -> list[tuple[int, Scored]]:
        wanted = [where[u.chat_hash] for u in todo]
        found = model.logprobs([chats[i] for i in wanted], [cut[i] for i in wanted])
        return [(n, Scored(total=float(np.sum(f.values)))) for n, f in enumerate(found)]

    batch = 1 if shape == "single" else (model.batch or 16)
    rows = journal.map("score", units, work, Scored, batch=batch, salt=model.numerics, label="scoring")
    return [row.total for row in journal.rows(rows, Scored)]


def length_ratio(before: Sequence[int], after: Sequence[int], groups: Sequence[str], *, seed: int, confidence: float) -> Estimate:
    """Mean answer length in tokens, after over before, on the same prompts."""

    def ratio(a: "np.ndarray", b: "np.ndarray") -> float:
        return float(a.mean() / b.mean()) if b.mean() > 0 else float("nan")

    return stats.cluster_bootstrap(
        ratio,
        [np.asarray(after, float), np.asarray(before, float)],
        groups,
        seed=seed,
        name="length_ratio",
        confidence=confidence,
    )
