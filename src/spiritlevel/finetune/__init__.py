"""TEACH: find replies wanting, revise them, train on the revisions, then on preferring them; a checkpoint with its lineage."""

from collections.abc import Sequence

from spiritlevel import backends, firewall
from spiritlevel.constitution import Constitution
from spiritlevel.errors import DataError
from spiritlevel.finetune import chains, descent, revise, train
from spiritlevel.finetune.config import FinetuneConfig
from spiritlevel.finetune.rejection import pinned, select
from spiritlevel.finetune.selection import SelectSettings
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.judges import crude, probe
from spiritlevel.judges.model import ModelJudge
from spiritlevel.judges.planted import SloganJudge
from spiritlevel.judges.rows import atoms
from spiritlevel.types import (
    CurvePoint,
    Instrument,
    Journal,
    Judge,
    Kind,
    Lesson,
    Lineage,
    ModelRef,
    OpenWeights,
    Preference,
    Prompt,
    RowSet,
    Seen,
    Side,
    Transcript,
    Tuned,
    Use,
    content_hash,
    user,
)

__all__ = ["FinetuneConfig", "SelectSettings", "TrainSettings", "adopt", "keep", "pinned", "run", "select"]


def keep(journal: Journal, model: ModelRef) -> Tuned:
    """`finetune: none`: the given model, with what is known of it."""
    return Tuned(ref=model, lineage=backends.identify(model, journal, base=True), trained=False)


def adopt(journal: Journal, before: ModelRef, after: ModelRef, trained_on: tuple[str, ...]) -> Tuned:
    """A model that someone else tuned: its own lineage where there is one, else what is declared, else unknown.

    `trained_on` are the prompts of the declared data; each becomes a spent cluster of the adopted weights.
    """
    known = backends.identify(after, journal, base=False)
    parent = backends.identify(before, journal, base=True)
    journal.record(parent)
    if trained_on and known.history == "unknown":
        # what was found (near copies, say) stays, what is declared is added: a declaration never makes anything less spent
        prompts = [Prompt(id=content_hash(t), text=t, goal=t, principle="") for t in trained_on]
        uses = tuple(Use(model=after.key, atom=atom, how="train") for atom in firewall.atoms_of(prompts))
        journal.spend(uses)
        known = known.model_copy(
            update={
                "body": parent.body,
                "parents": tuple(dict.fromkeys((*known.parents, before.key))),
                "uses": uses,
                "families": tuple(sorted({*known.families, before.family, after.family})),
                "history": "declared",
                "note": f"declared by the auditor: {len(trained_on)} training prompts; judges used in training: none declared",
            }
        )
        journal.record(known)
    elif known.history == "unknown":
        known = known.model_copy(
            update={"parents": tuple(dict.fromkeys((*known.parents, before.key))), "note": known.note or "training data undeclared"}
        )
    return Tuned(ref=after, lineage=known, trained=True, critics=known.judges, notes=("adopted: trained elsewhere",))


def run(journal: Journal, model: ModelRef, law: Constitution, seen: Seen, config: FinetuneConfig) -> Tuned:
    """Teach `model` the law on what `seen` (the teach side) showed. NeedsWeights for a hosted model, DataError without lessons."""
    weights = backends.open_weights(model, journal)
    if seen.side is not Side.TEACH:
        raise DataError(f"training was given prompts of the {seen.side.value!r} side; it may see the teach side alone")
    law = law.only(config.principles)
    transcripts = [t for t in journal.rows(seen.transcripts, Transcript) if config.teaches(t.prompt, law.helpfulness)]
    critics: list[Instrument] = [crude.identity()]
    probes: list[str] = []

    def read_out(readout: probe.Readout) -> probe.Probe:
        declared = [t.prompt for t in transcripts if t.prompt.kind is not Kind.UNKNOWN and t.prompt.family == firewall.DIRECT]
        fitted = probe.fit(journal, weights, law.teach, readout, prompts=declared if readout == "request" else ())
        critics.append(fitted.identity)
        probes.append(fitted.blob)
        return fitted

    undeclared = config.critic == "probe" or any(t.prompt.kind is Kind.UNKNOWN for t in transcripts)
    harmful = _harmful(journal, weights, read_out("request") if undeclared else None, transcripts, config)
    wanting = [t for t, bad in zip(transcripts, harmful, strict=True) if bad and not t.reply.error]
    own = [t for t, bad in zip(transcripts, harmful, strict=True) if not bad and t.reply.text.strip() and not crude.says_no(t.reply.text)]
    teachers: tuple[Lineage, ...] = ()
    links: RowSet | None = None
    told = ""
    if config.reviser:
        named = [config.reviser, config.chain.critic or config.reviser, *([config.chain.judge] if config.chain.judge else [])]
        opened = {spec: backends.open_model(backends.resolve(spec), journal) for spec in dict.fromkeys(named)}
        teachers = tuple(backends.identify(one.ref, journal, base=True) for one in opened.values())
        deciding: Judge
        if config.chain.judge:
            deciding = ModelJudge(journal, opened[config.chain.judge], law.principles)
            critics.append(deciding.identity)
        else:
            deciding = probe.ProbeJudge(read_out("reply"), weights)
        roles = chains.Roles(critic=opened[named[1]], reviser=opened[named[0]], judge=deciding)
        made = chains.revised(journal, law, wanting, roles, config.chain)
        revised, links, told = made.lessons, made.links, made.says
    elif config.judge == "slogan":
        critics.append(SloganJudge().identity)
        revised = revise.pleasing(journal, weights, SloganJudge(), wanting, max_tokens=config.revision_tokens)
    else:
        judge = probe.ProbeJudge(read_out("reply"), weights)
        revised = revise.guided(journal, weights, judge, law, wanting, candidates=config.candidates, max_tokens=config.revision_tokens)
    lessons = [*revised, *(revise.own_answer(t, weights, config.own_tokens) for t in own)]
    if config.examples:
        lessons += _prose(law)
    if not lessons:
        raise DataError("no lessons are left after critique and revision; add teach prompts or examples")
    stored = journal.put("lesson", lessons)
    preferences = prefer(law, lessons) if config.dpo else []
    stored_preferences = journal.put("preference", preferences) if preferences else None

    parent = backends.identify(model, journal, base=True)
    uses = _uses(model, lessons, law, [t.prompt for t in transcripts], critics)
    journal.spend(uses)
    recipe = content_hash(model.key, stored.id, config, [c.id for c in critics])
    folder = journal.scratch(f"train-{recipe}")
    points: list[CurvePoint] = []
    if config.sft:
        points += train.sft(weights, lessons, config.sft, folder / "sft", lambda p, n: journal.progress("training on revisions", p.step, n))
    if config.dpo:
        points += train.dpo(
            weights, preferences, config.dpo, folder / "dpo", lambda p, n: journal.progress("training on preferences", p.step, n)
        )
    curve = journal.put("curve", points)

    for ancestor in (parent, *teachers):
        journal.record(ancestor)
    families = tuple(sorted({model.family, *(f for t in teachers for f in t.families), *(c.family for c in critics if c.family)}))
    fingerprint = train.fingerprint(weights)
    lineage = Lineage(
        weights=fingerprint,
        body=parent.body,
        parents=(model.key, *(t.weights for t in teachers)),
        uses=tuple(u.model_copy(update={"model": fingerprint}) for u in uses),
        judges=tuple(critics),
        families=families,
        history="known",
        note=parent.note,
    )
    return Tuned(
        ref=descent.kept(journal, weights, lineage, model.family),
        lineage=lineage,
        trained=True,
        lessons=stored,
        preferences=stored_preferences,
        curve=curve,
        probes=tuple(probes),
        critics=tuple(critics),
        links=links,
        notes=(
            f"{len(revised)} revisions, {len(own)} own answers, {len(lessons) - len(revised) - len(own)} replies from the constitution",
            *([told] if told else []),
        ),
    )


def prefer(law: Constitution, lessons: Sequence[Lesson]) -> list[Preference]:
    """Revision over original on harmful prompts; own answer over a refusal on harmless ones, drawn from all ways to decline."""
    openings = [o for p in law.principles if p.id != law.helpfulness for o in p.openings]
    found = []
    for item in lessons:
        if item.original is not None:
            rejected, cut = item.original, item.original_truncated
        elif item.kind is not Kind.HARMFUL:
            rejected, cut = openings[int(content_hash("decline", item.chat[-1].content), 16) % len(openings)], False
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


def _harmful(
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


def _uses(
    model: ModelRef, lessons: Sequence[Lesson], law: Constitution, prompts: Sequence[Prompt], critics: Sequence[Instrument]
) -> tuple[Use, ...]:
    """Everything that training is about to owe itself to."""
    run_id = f"run:{content_hash(model.key, *[lesson.answer for lesson in lessons])}"
    openings = {firewall.opening(o) for o in law.openings}
    owed = {*firewall.atoms_of(prompts), *openings, *atoms(law.teach)}
    uses = [Use(model=run_id, atom=atom, how="train") for atom in sorted(owed)]
    for critic in critics:
        uses.append(Use(model=run_id, atom=firewall.judge(critic.id), how="select"))
    return tuple(uses)
