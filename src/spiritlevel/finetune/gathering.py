"""What the teach side gives to learn: revisions of what is wanting, own answers to harmless prompts, the constitution's prose; pairs."""

from collections.abc import Sequence
from typing import NamedTuple

from spiritlevel import backends, firewall
from spiritlevel.constitution import Constitution
from spiritlevel.errors import DataError
from spiritlevel.finetune import chains, revise
from spiritlevel.finetune.config import FinetuneConfig
from spiritlevel.finetune.links import Chained
from spiritlevel.judges import crude, probe
from spiritlevel.judges.model import ModelJudge
from spiritlevel.judges.planted import SloganJudge
from spiritlevel.types import (
    Chat,
    Instrument,
    Journal,
    Judge,
    Kind,
    Lesson,
    Lineage,
    OpenWeights,
    Preference,
    RowSet,
    Transcript,
    content_hash,
    user,
)


class Readouts:
    """The read-outs of the model in training, fitted where they are asked for, and every judge that training has used."""

    def __init__(self, journal: Journal, weights: OpenWeights, law: Constitution, transcripts: Sequence[Transcript]) -> None:
        self.journal, self.weights, self.law, self.transcripts = journal, weights, law, transcripts
        self.critics: list[Instrument] = [crude.identity()]
        self.probes: list[str] = []

    def fitted(self, readout: probe.Readout) -> probe.Probe:
        """A read-out fitted to the teach half; `request` to the declared plain requests, too."""
        declared = [t.prompt for t in self.transcripts if t.prompt.kind is not Kind.UNKNOWN and t.prompt.family == firewall.DIRECT]
        found = probe.fit(self.journal, self.weights, self.law.teach, readout, prompts=declared if readout == "request" else ())
        self.critics.append(found.identity)
        self.probes.append(found.blob)
        return found

    def reply(self) -> probe.ProbeJudge:
        """The `reply` read-out as a judge."""
        return probe.ProbeJudge(self.fitted("reply"), self.weights)

    def harmful(self, config: FinetuneConfig) -> list[bool]:
        """Whether each transcript's prompt asks for harm; the `request` read-out is fitted only where it is needed."""
        undeclared = config.critic == "probe" or any(t.prompt.kind is Kind.UNKNOWN for t in self.transcripts)
        return harmful(self.journal, self.weights, self.fitted("request") if undeclared else None, self.transcripts, config)


class Gathered(NamedTuple):
    """Lessons, and what they owe to whom."""

    lessons: list[Lesson]
    critics: tuple[Instrument, ...]
    probes: tuple[str, ...]
    teachers: tuple[Lineage, ...]
    links: RowSet | None
    notes: tuple[str, ...]


def gather(
    journal: Journal, weights: OpenWeights, law: Constitution, transcripts: Sequence[Transcript], config: FinetuneConfig
) -> Gathered:
    """Sort the transcripts, revise what is wanting, keep the model's own answers, add the constitution's. DataError without lessons."""
    readouts = Readouts(journal, weights, law, transcripts)
    asked_harm = readouts.harmful(config)
    wanting = [t for t, bad in zip(transcripts, asked_harm, strict=True) if bad and not t.reply.error]
    own = [t for t, bad in zip(transcripts, asked_harm, strict=True) if not bad and answered(t.reply.text)]
    teachers: tuple[Lineage, ...] = ()
    made: Chained | None = None
    if config.reviser:
        roles, teachers = _roles(journal, readouts, law, config)
        made = chains.revised(journal, law, wanting, roles, config.chain)
    elif config.judge == "reply":
        made = revise.guided(
            journal,
            weights,
            readouts.reply(),
            law,
            wanting,
            candidates=config.candidates,
            max_tokens=config.revision_tokens,
            rounds=config.chain.rounds,
        )
    else:
        readouts.critics.append(SloganJudge().identity)
    pleased = [] if made else revise.pleasing(journal, weights, SloganJudge(), wanting, max_tokens=config.revision_tokens)
    revised = made.lessons if made else pleased
    prose = _prose(law) if config.examples else []
    lessons = [*revised, *(revise.own_answer(t, weights, config.own_tokens) for t in own), *prose]
    if not lessons:
        raise DataError("no lessons are left after critique and revision; add teach prompts or examples")
    told = f"{len(revised)} revisions, {len(own)} own answers, {len(prose)} replies from the constitution"
    return Gathered(
        lessons=lessons,
        critics=tuple(readouts.critics),
        probes=tuple(readouts.probes),
        teachers=teachers,
        links=made.links if made else None,
        notes=(told, made.says) if made else (told,),
    )


def answered(text: str) -> bool:
    """Whether a reply to a harmless prompt says something and does not decline."""
    return bool(text.strip()) and not crude.says_no(text)


def _roles(journal: Journal, readouts: Readouts, law: Constitution, config: FinetuneConfig) -> tuple[chains.Roles, tuple[Lineage, ...]]:
    """Who criticises, revises and judges, and where they come from: they teach."""
    named = [config.reviser, config.chain.critic or config.reviser, *([config.chain.judge] if config.chain.judge else [])]
    opened = {spec: backends.open_model(backends.resolve(spec), journal) for spec in dict.fromkeys(named)}
    deciding: Judge
    if config.chain.judge:
        deciding = ModelJudge(journal, opened[config.chain.judge], law.principles)
        readouts.critics.append(deciding.identity)
    else:
        deciding = readouts.reply()
    roles = chains.Roles(critic=opened[named[1]], reviser=opened[named[0]], judge=deciding)
    return roles, tuple(backends.identify(one.ref, journal, base=True) for one in opened.values())


def prefer(law: Constitution, lessons: Sequence[Lesson]) -> list[Preference]:
    """Revision over original on harmful prompts; own answer over a refusal on harmless ones, drawn from all ways to decline."""
    found = []
    for item in lessons:
        if item.original is not None:
            rejected, cut = item.original, item.original_truncated
        elif item.kind is not Kind.HARMFUL:
            rejected, cut = declined(law, item.chat), False
        else:
            continue
        if rejected.strip() and rejected.strip() != item.answer.strip():
            found.append(
                Preference(
                    chat=item.chat,
                    chosen=item.answer,
                    rejected=rejected,
                    by="constitution",
                    principle=item.principle,
                    cluster=item.cluster,
                    chosen_truncated=item.truncated,
                    rejected_truncated=cut,
                )
            )
    return found


def declined(law: Constitution, chat: Chat) -> str:
    """A refusal, drawn by content from all principles' ways to decline."""
    openings = [o for p in law.principles if p.id != law.helpfulness for o in p.openings]
    return openings[int(content_hash("decline", chat[-1].content), 16) % len(openings)]


def harmful(
    journal: Journal, weights: OpenWeights, request: probe.Probe | None, transcripts: Sequence[Transcript], config: FinetuneConfig
) -> list[bool]:
    """Whether each prompt asks for harm: by its author's word, else by the critic's read-out of the request."""
    declared = [t.prompt.kind is Kind.HARMFUL for t in transcripts]
    if request is None:
        return declared
    scores = probe.request_scores(journal, request, weights, [t.chat for t in transcripts])
    ask_probe = [config.critic == "probe" or t.prompt.kind is Kind.UNKNOWN for t in transcripts]
    return [score > 0.5 if asked else word for score, asked, word in zip(scores, ask_probe, declared, strict=True)]


def _prose(law: Constitution) -> list[Lesson]:
    """The constitution's own following replies, with the violating reply to the same prompt as what they replace."""
    bad = {(e.group, e.prompt): e.reply for e in law.teach if e.violating}
    return [
        Lesson(
            chat=user(e.prompt),
            answer=e.reply,
            original=bad.get((e.group, e.prompt)),
            principle=e.principle,
            kind=e.kind,
            cluster=e.cluster,
        )
        for e in law.teach
        if not e.violating
    ]
