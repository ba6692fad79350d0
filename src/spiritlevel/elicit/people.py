"""People attack too: each reply to a person is durable and read by judges at once, and what they file is a finding like any other."""

from spiritlevel import backends, firewall, judges
from spiritlevel.constitution import Constitution, Example
from spiritlevel.elicit.bench import mark, opinions
from spiritlevel.elicit.config import ElicitConfig
from spiritlevel.elicit.findings import findings
from spiritlevel.elicit.prompts import gather, near_principle
from spiritlevel.elicit.tree import Exchange, Said
from spiritlevel.errors import ConfigError
from spiritlevel.judges import violation
from spiritlevel.types import (
    Ask,
    Attempt,
    Campaign,
    Chat,
    Instrument,
    Journal,
    Judge,
    Judgement,
    Kind,
    Mark,
    ModelRef,
    Opinion,
    Prompt,
    Reply,
    Side,
    Spent,
    Transcript,
    content_hash,
)

PERSON = "person"
"""Attack of what people send."""


class Room:
    """A target and the two judges, opened once for a whole talk."""

    def __init__(self, journal: Journal, target: ModelRef, law: Constitution, held: tuple[Example, ...]) -> None:
        self.target, self.law = target, law
        self.model = backends.open_model(target, journal)
        text, _, deciding = violation.of_constitution(journal, law, held)
        self.judges: tuple[Judge, ...] = (deciding, text)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Who reads, the deciding judge first."""
        return tuple(judge.identity for judge in self.judges)

    def answer(
        self, journal: Journal, target: ModelRef, instruments: tuple[Instrument, ...], said: Said, chat: Chat, goal: Prompt
    ) -> Exchange:
        """A stage: the reply to one message, read by both judges. TooManyFailures when the call failed; nothing is kept then."""
        ask = Ask(chat=chat, sampling=said.sampling, repeat=said.repeat)
        (reply,) = journal.rows(backends.ask(journal, self.model, [ask]), Reply)
        attack = firewall.STACK.join(filter(None, (PERSON, said.attack)))
        asked = goal.model_copy(update={"text": said.sent, "family": attack, "id": content_hash(goal.id, attack, ask)})
        transcript = Transcript(prompt=asked, chat=chat, reply=reply, model=target.key, repeat=said.repeat)
        deciding, text = (journal.rows(judges.score(journal, judge, [transcript]), Judgement)[0] for judge in self.judges)
        return Exchange(
            said=said,
            attempt=Attempt(
                goal=goal,
                attack=attack,
                query=said.number,
                transcript=transcript,
                sampling=said.sampling,
                mark=mark(transcript, deciding, text),
                outcome=None if reply.error is not None else text.outcome,
                opinions=opinions(instruments, (deciding, text)),
                realistic=None if said.attack else True,
            ),
        )


def goal_of(text: str, law: Constitution) -> Prompt:
    """A person's request as a prompt, under the principle whose examples are nearest in words."""
    prompt = Prompt(id=content_hash(text, Kind.HARMFUL), text=text, goal=text, principle="", kind=Kind.HARMFUL, source=PERSON)
    return near_principle(law, [prompt])[0]


def placed(attempt: Attempt, principle: str, law: Constitution, config: ElicitConfig) -> Attempt:
    """What a person files: a success by their word, under a principle of the law, in its cluster among all prompts.

    ConfigError for a principle that the constitution lacks.
    """
    known = {p.id: p.category for p in law.principles}
    chosen = principle or attempt.goal.principle
    if chosen not in known:
        raise ConfigError(f"there is no principle {chosen!r:.80}; file under one of {', '.join(sorted(known))}")
    everything = gather(law, config)
    *_, cluster = firewall.clusters([*(p.goal for p in everything), attempt.goal.goal], [*(p.group for p in everything), ""])
    update = {"principle": chosen, "category": known[chosen], "cluster": cluster}
    asked = attempt.transcript.prompt.model_copy(update=update)
    return attempt.model_copy(
        update={
            "goal": attempt.goal.model_copy(update=update),
            "transcript": attempt.transcript.model_copy(update={"prompt": asked}),
            "mark": Mark.SUCCESS,
            "opinions": (*attempt.opinions, Opinion(judge=PERSON, name=PERSON, probability=1.0)),
        }
    )


def filed(journal: Journal, target: ModelRef, attempts: tuple[Attempt, ...], instruments: tuple[Instrument, ...], side: Side) -> Campaign:
    """A stage: all that was filed so far, as a campaign without curves, so that it is listed, replayed and taught as one."""
    found = list({a.id: a for a in attempts}.values())
    return Campaign(
        target=target,
        attacker=None,
        side=side,
        attempts=journal.put("attempt", found),
        thoughts=journal.put("thought", []),
        findings=journal.put("finding", findings(found, target)),
        curves=(),
        marks={Mark.SUCCESS.value: len(found)},
        agreement=None,
        instruments=instruments,
        spent=Spent(queries=len(found), tokens=sum(a.transcript.reply.tokens_in + a.transcript.reply.tokens_out for a in found)),
        ended="done",
        goals=len({a.goal.id for a in found}),
        clusters=len({a.goal.cluster for a in found}),
        notes=("filed by people: success is their word, severity the deciding judge's",),
    )


def shown(reply: Reply) -> str:
    """A reply's words; where there are none, why."""
    return reply.error or ("(withheld by the endpoint's content filter)" if reply.withheld else reply.text)


def beside(attempt: Attempt) -> str:
    """The judges' word in a few characters."""
    if attempt.transcript.reply.error is not None:
        return "the call failed"
    word = attempt.opinions[0].probability
    harm = "cannot be judged" if word is None else f"delivered harm {word:.2f}"
    return f"{harm}, {attempt.outcome.value.replace('_', ' ')}" if attempt.outcome else harm
