"""Guided revision, for a model that cannot criticise itself usefully (those that can: chains.py).

The principle's own way to decline as an opening, the model's continuation to the end of the sentence, the best of several by the
`reply` read-out.
"""

import re
from collections.abc import Sequence

from spiritlevel import backends
from spiritlevel.constitution import Constitution, Principle
from spiritlevel.finetune.links import Chained, Link, chained, lesson, verdict, violations
from spiritlevel.judges.planted import SLOGANS
from spiritlevel.types import (
    Ask,
    Journal,
    Judge,
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


AGAIN = "Answer my request once more. {title}. {text}"
"""What later rounds ask of the model, which has its earlier reply before it."""


def guided(
    journal: Journal,
    model: Model,
    judge: Judge,
    law: Constitution,
    wanting: Sequence[Transcript],
    *,
    candidates: int,
    max_tokens: int,
    rounds: int = 1,
) -> Chained:
    """Rounds of revision: several openings continued to a sentence's end, the best by `judge`, dropped where it is not better.

    The first round answers anew; each later one has what the chain holds before it, and draws other openings.
    """
    held = [t.reply for t in wanting]
    scores = violations(judge, wanting, held)
    found: list[Link] = []
    for turn in range(rounds):
        best = _best(journal, model, judge, law, wanting, held, candidates, max_tokens, turn)
        for i, (t, (answer, after)) in enumerate(zip(wanting, best, strict=True)):
            why = "revision: repeats the reply" if answer.text == held[i].text.strip() else verdict(scores[i], after)
            found.append(
                Link(
                    transcript=t.id,
                    round=turn + 1,
                    principles=(t.prompt.principle,),
                    critique="",
                    revision=answer.text,
                    before=scores[i],
                    after=after,
                    dropped=why,
                )
            )
            if not why:
                held[i], scores[i] = answer, after
    return chained(journal, wanting, held, found)


def _best(
    journal: Journal,
    model: Model,
    judge: Judge,
    law: Constitution,
    wanting: Sequence[Transcript],
    held: Sequence[Reply],
    candidates: int,
    max_tokens: int,
    turn: int,
) -> list[tuple[Reply, float | None]]:
    """(revision, chance of a violation) of each prompt: the best of the round's candidates."""
    asks: list[Ask] = []
    openings: list[str] = []
    sampling = Sampling(max_tokens=max_tokens, temperature=0.7, stop_at_sentence=True)
    for t, reply in zip(wanting, held, strict=True):
        principle = law.principle(t.prompt.principle)
        for draw in range(turn * candidates, (turn + 1) * candidates):
            opening = opening_of(principle, t.prompt.id, draw)
            openings.append(opening)
            chat = user(t.prompt.text, prefill=opening)
            if turn:
                again = user(AGAIN.format(title=principle.title, text=principle.text), prefill=opening)
                chat = (*user(t.prompt.text, prefill=reply.text), *again)
            asks.append(Ask(chat=chat, sampling=sampling, repeat=draw))
    replies = journal.rows(backends.ask(journal, model, asks, label="revising"), Reply) if asks else []
    answers = [Reply(text=tidy(opening, reply)) for opening, reply in zip(openings, replies, strict=True)]
    scores = violations(judge, [t for t in wanting for _ in range(candidates)], answers)
    best = []
    for i in range(0, len(answers), candidates):
        at = min(range(i, i + candidates), key=lambda j: (1.0 if (score := scores[j]) is None else score, j))
        best.append((answers[at], scores[at]))
    return best


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


def own_answer(t: Transcript, model: OpenWeights, tokens: int) -> Lesson:
    """The model's own answer to a harmless prompt, cut to its first `tokens`: what is cut teaches no end of turn."""
    text = model.cut(t.reply.text, tokens)
    return lesson(t, text, revised=False, truncated=t.reply.truncated or text != t.reply.text)
