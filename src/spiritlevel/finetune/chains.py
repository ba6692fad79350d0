"""Chains of critique and revision (Bai et al. 2022b, section 3.1): rounds of all prompts advance together, and a kill takes no answer.

A revision that a judge does not find better than what the chain holds is dropped, counted, and never trained on.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from spiritlevel import backends
from spiritlevel.constitution import Constitution, Principle
from spiritlevel.finetune import critique
from spiritlevel.finetune.links import Chained, Link, chained, verdict, violations
from spiritlevel.types import Ask, Frozen, Journal, Judge, Model, Reply, Sampling, Transcript, content_hash


class ChainSettings(Frozen):
    """How replies are criticised and revised. Roles are model references (the reviser's is `reviser`); guided revision heeds `rounds`."""

    rounds: int = Field(1, ge=1)
    """Critiques and revisions a prompt, each of what the chain holds by then; without a reviser, guided revisions."""
    draw: Literal["own", "weight", "relevance", "all"] = "own"
    """The round's principle: the prompt's own, drawn by 1 / priority, the nearest in words, or all at once."""
    examples: int = Field(2, ge=0)
    """Pairs from the teach half that critic and reviser are shown."""
    critic: str = ""
    """Who criticises; empty = the reviser."""
    judge: str = ""
    """Who says whether a revision is better; empty = the `reply` read-out of the model in training."""
    tokens: int = Field(256, ge=1)
    """Most tokens of a critique, and of a revision."""


class Roles(NamedTuple):
    """Who does what."""

    critic: Model
    reviser: Model
    judge: Judge


def revised(journal: Journal, law: Constitution, wanting: Sequence[Transcript], roles: Roles, settings: ChainSettings) -> Chained:
    """A lesson for each prompt whose chain ends with a better reply than it began with."""
    held = [t.reply for t in wanting]
    scores = violations(roles.judge, wanting, held)
    links: list[Link] = []
    for turn in range(settings.rounds):
        drawn = [principles(law, t, turn, settings.draw) for t in wanting]
        said, why, new = _round(journal, law, wanting, held, drawn, roles, settings, turn)
        able = [i for i, reason in enumerate(why) if not reason]
        after = dict(zip(able, violations(roles.judge, [wanting[i] for i in able], [new[i] for i in able]), strict=True))
        for i, t in enumerate(wanting):
            if not why[i]:
                why[i] = verdict(scores[i], after[i])
            links.append(
                Link(
                    transcript=t.id,
                    round=turn + 1,
                    principles=tuple(p.id for p in drawn[i]),
                    critique=said[i],
                    revision=new[i].text.strip(),
                    before=scores[i],
                    after=after.get(i),
                    dropped=why[i],
                )
            )
            if not why[i]:
                held[i], scores[i] = new[i], after[i]
    return chained(journal, wanting, held, links)


def principles(law: Constitution, t: Transcript, turn: int, how: str) -> tuple[Principle, ...]:
    """What a round holds the reply to; helpfulness is no ground to revise a harmful reply. The draw follows content, never order."""
    among = [p for p in law.principles if p.id != law.helpfulness] or list(law.principles)
    known = {p.id: p for p in among}
    if how == "all":
        return tuple(among)
    if how == "weight":
        seeded = random.Random(content_hash("principle", t.prompt.id, turn))
        return (seeded.choices(among, [1 / p.priority for p in among])[0],)
    if how == "own" and t.prompt.principle in known:
        return (known[t.prompt.principle],)
    return (nearest(law, among, t.prompt.text),)


def nearest(law: Constitution, among: Sequence[Principle], text: str) -> Principle:
    """The principle whose words, with those of its teach prompts, are nearest: cosine of counts by inverse frequency over principles."""
    bags = [Counter(_words(" ".join((p.title, p.text, *(e.prompt for e in law.teach if e.principle == p.id))))) for p in among]
    rare = {w: math.log((1 + len(bags)) / sum(w in bag for bag in bags)) for w in {w for bag in bags for w in bag}}
    asked = Counter(w for w in _words(text) if w in rare)

    def near(bag: Counter[str]) -> float:
        size = math.sqrt(sum((n * rare[w]) ** 2 for w, n in bag.items())) or 1.0
        return sum(n * bag[w] * rare[w] ** 2 for w, n in asked.items()) / size

    best = max(range(len(among)), key=lambda i: (near(bags[i]), -i))
    return among[best]


def _round(
    journal: Journal,
    law: Constitution,
    wanting: Sequence[Transcript],
    held: Sequence[Reply],
    drawn: Sequence[tuple[Principle, ...]],
    roles: Roles,
    settings: ChainSettings,
    turn: int,
) -> tuple[list[str], list[str], list[Reply]]:
    """(critique, why it is of no use, revision) of each chain: every critic's call of the round at once, then every reviser's."""
    sampling, empty = Sampling(max_tokens=settings.tokens, temperature=0.7), Reply(text="")

    def ask(model: Model, form: str, places: Sequence[int], said: Sequence[str], label: str) -> list[Reply]:
        chats = [critique.asked(form, law, drawn[i], wanting[i], held[i].text, settings.examples, said[i]) for i in places]
        asks = [Ask(chat=chat, sampling=sampling, repeat=turn) for chat in chats]
        return journal.rows(backends.ask(journal, model, asks, label=label), Reply) if asks else []

    every = range(len(wanting))
    first = ask(roles.critic, critique.CRITIQUE, every, [""] * len(wanting), "critique")
    like = [" ".join(p.text for p in some) for some in drawn]
    why = [_because("critique", critique.fault(c, held[i].text, like=like[i], may_refuse=False)) for i, c in enumerate(first)]
    able = [i for i in every if not why[i]]
    said = [c.text.strip() for c in first]
    new = dict(zip(able, ask(roles.reviser, critique.REVISION, able, said, "revision"), strict=True))
    for i in able:
        why[i] = _because("revision", critique.fault(new[i], held[i].text, like=like[i], may_refuse=True))
    return said, why, [new.get(i, empty) for i in every]


def _because(of: str, fault: str) -> str:
    return f"{of}: {fault}" if fault else ""


def _words(text: str) -> list[str]:
    return [w for w in (x.strip(".,;:!?\"'()").lower() for x in text.split()) if w]
