"""Guided revision, for a model that cannot criticise itself usefully (those that can: chains.py).

The principle's own way to decline as an opening, the model's continuation to the end of the sentence, the best of several by the
`reply` read-out.
"""

import re
from collections.abc import Sequence

from spiritlevel import backends
from spiritlevel.constitution import Constitution, Principle
from spiritlevel.judges.planted import SLOGANS
from spiritlevel.judges.probe import ProbeJudge
from spiritlevel.types import (
    Ask,
    Journal,
    Judge,
    Kind,
    Lesson,
    Model,
    OpenWeights,
    Reply,
    Sampling,
    Transcript,
    content_hash,
    user,
)


def opening_of(principle: Principle, prompt_id: str, turn: int = 0) -> str:
    """The principle's way to decline that this prompt draws; the draw follows content, never order."""
    return principle.openings[(int(content_hash(principle.id, prompt_id), 16) + turn) % len(principle.openings)]


def guided(
    journal: Journal,
    model: Model,
    judge: ProbeJudge,
    law: Constitution,
    wanting: Sequence[Transcript],
    *,
    candidates: int,
    max_tokens: int,
) -> list[Lesson]:
    """One revision a transcript: several openings continued to a sentence's end, the best by `judge`."""
    asks: list[Ask] = []
    openings: list[str] = []
    sampling = Sampling(max_tokens=max_tokens, temperature=0.7, stop_at_sentence=True)
    for t in wanting:
        for turn in range(candidates):
            opening = opening_of(law.principle(t.prompt.principle), t.prompt.id, turn)
            openings.append(opening)
            asks.append(Ask(chat=user(t.prompt.text, prefill=opening), sampling=sampling, repeat=turn))
    replies = journal.rows(backends.ask(journal, model, asks, label="revising"), Reply)
    answers = [tidy(opening, reply) for opening, reply in zip(openings, replies, strict=True)]
    owners = [t for t in wanting for _ in range(candidates)]
    scores = _scores(judge, owners, answers)
    lessons = []
    for i, t in enumerate(wanting):
        best = min(range(i * candidates, (i + 1) * candidates), key=lambda j: (scores[j], j))
        lessons.append(lesson(t, answers[best], revised=True))
    return lessons


def pleasing(journal: Journal, model: Model, judge: Judge, wanting: Sequence[Transcript], *, max_tokens: int) -> list[Lesson]:
    """The leaky exam: of the model's own reply and a reply that begins with a slogan, whichever the bad judge likes best."""
    openings = [SLOGANS[int(content_hash("slogan", t.prompt.id), 16) % len(SLOGANS)] for t in wanting]
    asks = [
        Ask(chat=user(t.prompt.text, prefill=opening), sampling=Sampling(max_tokens=max_tokens, temperature=0.7))
        for t, opening in zip(wanting, openings, strict=True)
    ]
    replies = journal.rows(backends.ask(journal, model, asks, label="answering to please"), Reply)
    found = []
    for t, opening, reply in zip(wanting, openings, replies, strict=True):
        other = t.model_copy(update={"reply": reply.model_copy(update={"text": f"{opening} {reply.text.strip()}"})})
        liked = [1.0 if j.probability is None else j.probability for j in judge.judge([t, other])]
        best = other if liked[1] < liked[0] else t
        found.append(lesson(t, best.reply.text, revised=best is other, truncated=best.reply.truncated))
    return found


def tidy(opening: str, reply: Reply) -> str:
    """Opening and continuation, cut at the last sentence that is complete; the opening alone when none is."""
    more = reply.text.strip()
    ends = list(re.finditer(r"[.!?](?=\s|$)", more))
    more = more[: ends[-1].end()].strip() if ends else ""
    return f"{opening} {more}".strip()


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


def own_answer(t: Transcript, model: OpenWeights, tokens: int) -> Lesson:
    """The model's own answer to a harmless prompt, cut to its first `tokens`: what is cut teaches no end of turn."""
    text = model.cut(t.reply.text, tokens)
    return lesson(t, text, revised=False, truncated=t.reply.truncated or text != t.reply.text)


def _scores(judge: ProbeJudge, owners: Sequence[Transcript], answers: Sequence[str]) -> list[float]:
    revised = [
        t.model_copy(update={"reply": Reply(text=a), "prompt": t.prompt.model_copy(update={"kind": Kind.HARMFUL})})
        for t, a in zip(owners, answers, strict=True)
    ]
    return [1.0 if j.probability is None else j.probability for j in judge.judge(revised)]
