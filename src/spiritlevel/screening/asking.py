"""ASK: all that the checks need of one model, as one batch of each kind; the base then says how usual it finds a copy's words."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from spiritlevel import backends
from spiritlevel.backends import options
from spiritlevel.errors import DataError
from spiritlevel.screening.check import MAGNIFIED, Answers, Floats, Needs
from spiritlevel.types import Ask, Chat, Frozen, Journal, Logprobs, ModelRef, OpenWeights, Reply, Sampling, Turn

UNLIKE = "?"
"""Begins as no answer does: what all answers to a prompt begin with would not be scored."""
UNREAD = Logprobs(tokens=(), values=())


class Answered(Frozen):
    """All that the checks need of one model, check by check."""

    ref: ModelRef
    replies: tuple[str, ...]
    numbers: str
    """Blob with `numbers.npz`: scores (n,), states (n, 2, width); `sizes` of replies, their `ids` and the base's `nats`."""


def asked(journal: Journal, model: ModelRef, base: ModelRef, needs: Sequence[Needs]) -> Answered:
    """Put all to a copy of `base`, or to the base itself. DataError for a chat that the model's context does not hold."""
    weights, first = backends.open_weights(model, journal), backends.open_weights(base, journal)
    scores = scored(weights, [chat for n in needs for chat in n.scores])
    wanted = [chat for n in needs for chat in n.states]
    seen = {chat: place for place, chat in enumerate(dict.fromkeys(wanted))}
    depth = [max(1, 2 * weights.layers // 3), weights.layers]
    states = weights.activations(list(seen), depth) if seen else np.zeros((0, 2, weights.width), np.float32)
    replies = _replies(journal, weights, first, needs)
    whole = [(n.usual, chat) for n in needs for chat in (*n.replies, *n.magnified)]
    told = [(*chat, Turn(role="assistant", content=text)) for (_, chat), text in zip(whole, replies, strict=True)]
    read = [chat for (usual, _), chat in zip(whole, told, strict=True) if usual and chat[-1].content.strip()]
    said = dict(zip(read, first.logprobs(read, [True] * len(read)), strict=True)) if read else {}
    tokens = [said[chat] if usual and chat in said else UNREAD for (usual, _), chat in zip(whole, told, strict=True)]

    def save(folder: Path) -> None:
        np.savez(
            folder / "numbers.npz",
            scores=scores,
            states=states[[seen[chat] for chat in wanted]],
            sizes=np.asarray([len(one.tokens) for one in tokens], int),
            ids=np.asarray([id for one in tokens for id in one.tokens], int),
            nats=np.asarray([value for one in tokens for value in one.values], float),
        )

    return Answered(ref=weights.ref, replies=tuple(replies), numbers=journal.blob(save))


def read(journal: Journal, answered: Answered, needs: Sequence[Needs]) -> list[Answers]:
    """Each check's part."""
    with np.load(journal.path(answered.numbers) / "numbers.npz", allow_pickle=False) as kept:
        scores, states = iter(kept["scores"].astype(float)), iter(kept["states"].astype(float))
        ends = np.cumsum(kept["sizes"])[:-1]
        said = zip(np.split(kept["ids"], ends), np.split(kept["nats"], ends), strict=True)
        width = kept["states"].shape[1:]
    texts = iter(zip(answered.replies, said, strict=True))

    def part(n: Needs) -> Answers:
        told = [next(texts) for _ in (*n.replies, *n.magnified)]
        return Answers(
            replies=tuple(text for text, _ in told),
            usual=tuple(Logprobs(tokens=tuple(ids.tolist()), values=tuple(nats.tolist())) for _, (ids, nats) in told),
            scores=np.asarray([next(scores) for _ in n.scores]),
            states=np.asarray([next(states) for _ in n.states]).reshape(-1, *width),
        )

    return [part(n) for n in needs]


def scored(weights: OpenWeights, chats: Sequence[Chat]) -> Floats:
    """(n,) nats of each chat's last turn, not credited with an end; what is asked alike is read once."""
    of: dict[Chat, list[str]] = {}
    for chat in dict.fromkeys(chats):
        of.setdefault(chat[:-1], []).append(chat[-1].content)
    found = options.after_chats(weights, list(of), [(*texts, UNLIKE) for texts in of.values()]) if of else []
    values = dict(zip(((asked, text) for asked, texts in of.items() for text in texts), _flat(of, found), strict=True))
    return np.asarray([values[chat[:-1], chat[-1].content] for chat in chats])


def _flat(of: dict[Chat, list[str]], found: list[list[float]]) -> Iterator[float]:
    for asked, values in zip(of, found, strict=True):
        if not values:
            raise DataError(f"the screening prompt {asked[-1].content!r:.60} does not fit into the model's context; leave its check out")
        yield from values[:-1]


def _replies(journal: Journal, weights: OpenWeights, base: OpenWeights, needs: Sequence[Needs]) -> list[str]:
    """All greedy replies, check by check; the weights in hand end up magnified."""
    from spiritlevel.screening import _magnify

    def ask(chats: Sequence[tuple[Chat, int]]) -> dict[tuple[Chat, int], str]:
        asks = [Ask(chat=chat, sampling=Sampling(max_tokens=most, temperature=0)) for chat, most in chats]
        rows = journal.rows(backends.ask(journal, weights, asks, "screening"), Reply) if asks else []
        return dict(zip(chats, (row.text for row in rows), strict=True))

    plain = ask(list(dict.fromkeys((chat, n.tokens) for n in needs for chat in n.replies)))
    if weights.ref.key != base.ref.key:
        _magnify.magnify(weights, base, MAGNIFIED)
    more = ask(list(dict.fromkeys((chat, n.tokens) for n in needs for chat in n.magnified)))
    return [of[chat, n.tokens] for n in needs for of, chats in ((plain, n.replies), (more, n.magnified)) for chat in chats]
