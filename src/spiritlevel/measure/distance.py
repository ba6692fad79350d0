"""How far training moved the model: sequence KL to the base in nats, with its noise floor, and answer length."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    RowSet,
    Sampling,
    Turn,
    content_hash,
    user,
)

ONE_BY_ONE = 16
"""Answers that are scored alone, for the noise floor."""


class Scored(Frozen):
    """A sampled answer, scored under one model."""

    total: float


class ToScore(Frozen):
    """A unit of scoring; `model` and `shape` are part of its identity."""

    model: str
    chat_hash: str
    shape: str


class Drift(NamedTuple):
    """Answers of one model, and how much likelier each is to it than to another."""

    asks: tuple[Ask, ...]
    rows: RowSet
    """Reply rows aligned with `asks`."""
    replies: tuple[Reply, ...]
    nats: NDArray[np.float64]
    """log p - log p_before of each answer; NaN for an empty one."""
    noise: NDArray[np.float64]
    """|difference| of the first answers scored one by one and in batches; NaN for the others."""


def kl(
    journal: Journal, before: ModelRef, after: ModelRef, prompts: Sequence[Prompt], *, tokens: int, seed: int, confidence: float
) -> tuple[Estimate, Estimate, str]:
    """k1 estimate E_after[log p_after - log p_before] per answer in nats, its noise floor, and the row set of the answers.

    Answers are drawn from `after` at temperature 1 with nothing cut from the distribution (Schulman 2020: k1 is unbiased). The floor is the
    same estimate of `after` against itself scored one by one instead of in batches: differences of shape alone; claim nothing below it.
    """
    found = drift(journal, before, after, prompts, tokens=tokens)
    groups = np.asarray([p.cluster for p in prompts], dtype=object)

    def mean(name: str, values: NDArray[np.float64]) -> Estimate:
        known = ~np.isnan(values)
        return stats.cluster_bootstrap(
            lambda v: float(np.mean(v)), [values[known]], groups[known], seed=seed, name=name, confidence=confidence
        )

    return mean("kl", found.nats), mean("kl_noise_floor", found.noise), found.rows.id


def drift(journal: Journal, before: ModelRef, after: ModelRef, prompts: Sequence[Prompt], *, tokens: int, samples: int = 1) -> Drift:
    """`samples` answers of `after` to each prompt (a prompt's stand together), each scored under both models."""
    tuned = backends.open_weights(after, journal)
    asks = draws(prompts, samples, tokens)
    rows = backends.ask(journal, tuned, asks, label="sampling for KL")
    replies = journal.rows(rows, Reply)
    keep = [i for i, r in enumerate(replies) if r.text]
    chats = [(*asks[i].chat, Turn(role="assistant", content=replies[i].text)) for i in keep]
    cut = [replies[i].truncated for i in keep]
    nats, noise = np.full(len(asks), np.nan), np.full(len(asks), np.nan)
    at_after = np.asarray(_score(journal, tuned, chats, cut, "batch"))
    one_by_one = np.asarray(_score(journal, tuned, chats[:ONE_BY_ONE], cut[:ONE_BY_ONE], "single"))
    del tuned
    if keep:
        at_before = _score(journal, backends.open_weights(before, journal), chats, cut, "batch")
        nats[keep] = at_after - np.asarray(at_before)
        noise[keep[: len(one_by_one)]] = np.abs(at_after[: len(one_by_one)] - one_by_one)
    return Drift(tuple(asks), rows, tuple(replies), nats, noise)


def draws(prompts: Sequence[Prompt], samples: int, tokens: int) -> list[Ask]:
    """`samples` asks of each prompt at temperature 1, a prompt's together."""
    sampling = Sampling(max_tokens=tokens, temperature=1.0)
    return [Ask(chat=user(p.text), sampling=sampling, repeat=i) for p in prompts for i in range(samples)]


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
