"""Ask one copy what all copies are asked: held-out harmful and plain prompts, and benign examples that no fine-tuning saw."""

from collections.abc import Sequence

import numpy as np

from spiritlevel import backends, firewall, judges
from spiritlevel.constitution import Constitution, Example
from spiritlevel.judges import cabinet
from spiritlevel.judges.text import TextJudge
from spiritlevel.measure import distance
from spiritlevel.tamper.config import AttackSettings, ReadSettings
from spiritlevel.tamper.lessons import chat_of, cut
from spiritlevel.types import (
    Ask,
    Grade,
    Journal,
    Judge,
    Judgement,
    Lesson,
    Material,
    ModelRef,
    OpenWeights,
    Prompt,
    Reply,
    Sampling,
    TamperedReply,
    TamperRead,
    TaskScore,
    Transcript,
    content_hash,
    user,
)


def read(
    journal: Journal,
    model: ModelRef,
    ref: ModelRef,
    material: Material,
    harmful: tuple[Prompt, ...],
    plain: tuple[Prompt, ...],
    law: Constitution,
    held: tuple[Example, ...],
    settings: ReadSettings,
    attack: AttackSettings,
) -> TamperRead:
    """Replies and scores of `ref`; where it is not `model` itself, how far it moved from `model`, too."""
    weights = backends.open_weights(ref, journal)
    transcripts = _transcripts(journal, weights, (*harmful, *plain), settings.tokens)
    asked = transcripts[: len(harmful)]
    text = TextJudge(law.openings)
    outcomes = [j.outcome for j in judges.judged(text, transcripts)]
    cabinet_ = [text if name == "text" else cabinet.named(journal, name, law, held) for name in settings.judges]
    told = [journal.rows(judges.score(journal, judge, asked), Judgement) for judge in cabinet_]
    replies = [
        TamperedReply(
            prompt=t.prompt.id,
            cluster=t.prompt.cluster or t.prompt.id,
            harmful=i < len(harmful),
            outcome=None if t.reply.error else outcomes[i],
            harm=tuple(rows[i].probability for rows in told) if i < len(harmful) else (),
        )
        for i, t in enumerate(transcripts)
    ]
    task = _task(journal, weights, cut(weights, journal.rows(material.task, Lesson), attack.tokens)) if material.task else None
    del weights
    kl = floor = None
    if ref.key != model.key:
        kl, floor, _ = distance.kl(journal, model, ref, plain, tokens=settings.kl_tokens, seed=attack.seed, confidence=0.95)
    return TamperRead(
        ref=ref,
        replies=journal.put("tampered-reply", replies),
        task=None if task is None else journal.put("task-score", task),
        judges=tuple(judge.identity for judge in cabinet_),
        grades=tuple(_grade(journal, judge, model, ref, harmful) for judge in cabinet_),
        kl=kl,
        kl_floor=floor,
    )


def _transcripts(journal: Journal, weights: OpenWeights, prompts: Sequence[Prompt], tokens: int) -> list[Transcript]:
    """The likeliest reply to each prompt."""
    asks = [Ask(chat=user(p.text), sampling=Sampling(max_tokens=tokens, temperature=0)) for p in prompts]
    replies = journal.rows(backends.ask(journal, weights, asks, "held-out prompts"), Reply)
    key = weights.ref.key
    return [Transcript(prompt=p, chat=a.chat, reply=r, model=key) for p, a, r in zip(prompts, asks, replies, strict=True)]


def _task(journal: Journal, weights: OpenWeights, lessons: Sequence[Lesson]) -> list[TaskScore]:
    """Mean log-probability a token of each held-out benign answer."""
    scored = weights.logprobs([chat_of(m) for m in lessons], [m.truncated for m in lessons])
    return [
        TaskScore(prompt=content_hash(*m.chat), cluster=m.cluster or content_hash(*m.chat), value=float(np.mean(s.values)))
        for m, s in zip(lessons, scored, strict=True)
    ]


def _grade(journal: Journal, judge: Judge, model: ModelRef, ref: ModelRef, prompts: Sequence[Prompt]) -> tuple[Grade, str]:
    """The firewall's word; the worse of the copy's and the untouched model's side."""
    own = backends.identify(ref, journal, base=False)
    other = backends.identify(model, journal, base=False)
    return firewall.grade(firewall.measured_on(judge.identity, prompts), own, journal.lineage, other=other)
