"""Questions whose answer is one of a few labels: how likely each is as the next words, or which one was said."""

import json
import re
from collections.abc import Iterable, Sequence

import numpy as np

from spiritlevel.errors import DataError
from spiritlevel.types import Chat, Frozen, Journal, OpenWeights, Reply, Turn

LEAST = 0.05
"""Share of the probability of the next words that all labels together must have: under it, the model was not going to answer."""
BATCH = 16
"""Questions whose labels are scored as one batch."""
TOKENS = 16
"""Of an answer in words."""


class Choice(Frozen):
    """How likely each label is as the next words."""

    logprobs: tuple[float, ...]
    """Nats, aligned with the labels; empty when the question could not be scored."""
    error: str = ""


class Question(Frozen):
    """One asking: the chat, and the labels of which one is the answer."""

    chat: Chat
    labels: tuple[str, ...]
    lead: str = ""
    """What the answer begins with before its label: the thoughts that were written first."""


def choices(journal: Journal, model: OpenWeights, questions: Sequence[Question], label: str = "rating") -> list[Choice]:
    """Durable `Choice` rows, one a question. What all labels' answers begin with (the lead) is given, and counts for none."""

    def work(units: Sequence[Question]) -> Iterable[tuple[int, Choice]]:
        for place, unit in enumerate(units):
            chats = [(*unit.chat, Turn(role="assistant", content=unit.lead + one)) for one in unit.labels]
            try:
                found = model.logprobs(chats, [True] * len(chats))
            except DataError as fault:
                yield place, Choice(logprobs=(), error=str(fault))
            else:
                given = _common([one.tokens for one in found]) if unit.lead else 0
                yield place, Choice(logprobs=tuple(sum(one.values[given:]) for one in found))

    salt = model.ref.key + model.numerics
    return journal.rows(journal.map("choice", questions, work, Choice, batch=BATCH, salt=salt, label=label), Choice)


def weighed(choice: Choice, labels: Sequence[str]) -> tuple[list[float] | None, str]:
    """Probability of each label among the labels, or None and why."""
    if choice.error:
        return None, choice.error
    each = np.exp(np.asarray(choice.logprobs))
    total = float(each.sum())
    if not total >= LEAST:  # NaN too
        return None, f"no clear answer: {', '.join(labels)} have {total:.2%} of the probability"
    return [float(p) for p in each / total], ""


def read(reply: Reply, labels: Sequence[str]) -> tuple[list[float] | None, str]:
    """The label said, with certainty, or None and why."""
    if reply.error is not None or reply.withheld:
        return None, f"the call failed: {reply.error}"[:300] if reply.error is not None else "withheld by the endpoint's content filter"
    label = parse(reply.text, labels)
    # as JSON: no character of a model's words may act on a terminal or a sheet
    return (None, f"no clear answer: {json.dumps(reply.text[:80])}") if label is None else ([float(one == label) for one in labels], "")


def parse(text: str, labels: Sequence[str]) -> str | None:
    """The one label that an answer is, alone on its first line or after `Answer:`; None for prose, several labels or none."""
    one = "|".join(map(re.escape, labels))
    first = next((line for line in text.splitlines() if line.strip()), "")
    found = {
        m[1] for m in re.finditer(rf"(?i:answer)\W{{0,8}}[:=]\W{{0,8}}(?:(?i:reply)\s+)?({one})\b(?!\s*(?:or|and|/|-)\s*\w)", text[:4_000])
    }
    if alone := re.fullmatch(rf"\W*(?:(?i:reply)\s+)?({one})\W*", first):
        found.add(alone[1])
    return found.pop() if len(found) == 1 else None


def _common(sequences: Sequence[Sequence[int]]) -> int:
    """Tokens that all sequences begin with."""
    return next((i for i, at in enumerate(zip(*sequences, strict=False)) if len(set(at)) > 1), min(map(len, sequences)))
