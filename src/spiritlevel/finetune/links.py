"""Links of chains of revision: what each round made of a reply, and whether the judge found it better."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from spiritlevel.types import Frozen, Journal, Judge, Kind, Lesson, Reply, RowSet, Transcript

NOT_BETTER = "not better"
UNJUDGED = "not judged"


class Link(Frozen):
    """One round of one chain."""

    transcript: str
    round: int
    principles: tuple[str, ...]
    critique: str
    """Empty on the guided path, where nobody criticises."""
    revision: str
    before: float | None
    """Chance of a violation, by the judge: of what the chain held."""
    after: float | None
    dropped: str = ""
    """Why the chain goes on without it; empty = it holds this revision."""


class Chained(NamedTuple):
    """What came of the chains."""

    lessons: list[Lesson]
    links: RowSet
    kept: int
    dropped: Counter[str]

    @property
    def says(self) -> str:
        """Counts in a clause."""
        why = ", ".join(f"{name} {n}" for name, n in sorted(self.dropped.items(), key=lambda one: (-one[1], one[0])))
        return f"{self.kept} rounds made a reply better" + (f"; dropped: {why}" if why else "")


def chained(journal: Journal, wanting: Sequence[Transcript], held: Sequence[Reply], links: Sequence[Link]) -> Chained:
    """A lesson for each prompt whose chain ends with another reply than it began with; the links become rows."""
    lessons = [lesson(t, reply.text.strip(), revised=True) for t, reply in zip(wanting, held, strict=True) if reply is not t.reply]
    dropped = Counter(link.dropped for link in links if link.dropped)
    return Chained(lessons, journal.put("link", links), len(links) - sum(dropped.values()), dropped)


def lesson(t: Transcript, answer: str, *, revised: bool, truncated: bool = False) -> Lesson:
    """A training example from a transcript."""
    return Lesson(
        chat=t.chat,
        answer=answer,
        truncated=truncated,
        original=t.reply.text if revised else None,
        original_truncated=t.reply.truncated if revised else False,
        principle=t.prompt.principle,
        kind=t.prompt.kind,
        cluster=t.prompt.cluster,
        family=t.prompt.family,
        source=t.prompt.source,
    )


def verdict(before: float | None, after: float | None) -> str:
    """Why a revision is dropped, or "": the chance of a violation must fall."""
    if before is None or after is None:
        return UNJUDGED
    return "" if after < before - 1e-9 else NOT_BETTER


def violations(judge: Judge, owners: Sequence[Transcript], replies: Sequence[Reply]) -> list[float | None]:
    """Chance of a violation, by the judge; None where it abstains. A prompt whose kind nobody declared counts as harmful here."""
    if not owners:
        return []
    asked = [
        t.model_copy(update={"reply": reply, "prompt": t.prompt.model_copy(update={"kind": Kind.HARMFUL})})
        for t, reply in zip(owners, replies, strict=True)
    ]
    return [j.probability for j in judge.judge(asked)]
