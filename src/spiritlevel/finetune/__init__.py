"""TEACH: find replies wanting, revise them, train on the revisions, then on preferring them; a checkpoint with its lineage."""

from collections.abc import Sequence

from spiritlevel import backends, firewall
from spiritlevel.constitution import Constitution
from spiritlevel.errors import DataError
from spiritlevel.finetune import descent, train
from spiritlevel.finetune.comparison import FeedbackSettings
from spiritlevel.finetune.config import FinetuneConfig
from spiritlevel.finetune.feedback import ai_feedback
from spiritlevel.finetune.gathering import gather, prefer
from spiritlevel.finetune.rejection import pinned, select
from spiritlevel.finetune.selection import SelectSettings
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.judges.rows import atoms
from spiritlevel.types import (
    CurvePoint,
    Instrument,
    Journal,
    Lesson,
    Lineage,
    ModelRef,
    Prompt,
    Seen,
    Side,
    Transcript,
    Tuned,
    Use,
    content_hash,
)

__all__ = [
    "FeedbackSettings",
    "FinetuneConfig",
    "SelectSettings",
    "TrainSettings",
    "adopt",
    "ai_feedback",
    "keep",
    "pinned",
    "run",
    "select",
]


def keep(journal: Journal, model: ModelRef) -> Tuned:
    """`finetune: none`: the given model, with what is known of it."""
    return Tuned(ref=model, lineage=backends.identify(model, journal, base=True), trained=False)


def adopt(journal: Journal, before: ModelRef | None, after: ModelRef, trained_on: tuple[str, ...]) -> Tuned:
    """A model that someone else tuned: its own lineage where there is one, else what is declared, else unknown.

    `before`: its base; None = not known. `trained_on` are the prompts of the declared data; each becomes a spent cluster of the
    adopted weights.
    """
    known = backends.identify(after, journal, base=False)
    bases = [] if before is None else [before]
    body = known.body
    for base in bases:
        parent = backends.identify(base, journal, base=True)
        journal.record(parent)
        body = parent.body
    if trained_on and known.history == "unknown":
        # what was found (near copies, say) stays, what is declared is added: a declaration never makes anything less spent
        prompts = [Prompt(id=content_hash(t), text=t, goal=t, principle="") for t in trained_on]
        uses = tuple(Use(model=after.key, atom=atom, how="train") for atom in firewall.atoms_of(prompts))
        journal.spend(uses)
        known = known.model_copy(
            update={
                "body": body,
                "parents": tuple(dict.fromkeys((*known.parents, *(base.key for base in bases)))),
                "uses": uses,
                "families": tuple(sorted({*known.families, *(one.family for one in (*bases, after))})),
                "history": "declared",
                "note": f"declared by the auditor: {len(trained_on)} training prompts; judges used in training: none declared",
            }
        )
        journal.record(known)
    elif known.history == "unknown":
        known = known.model_copy(
            update={
                "parents": tuple(dict.fromkeys((*known.parents, *(base.key for base in bases)))),
                "note": known.note or "training data undeclared",
            }
        )
    return Tuned(ref=after, lineage=known, trained=True, critics=known.judges, notes=("adopted: trained elsewhere",))


def run(journal: Journal, model: ModelRef, law: Constitution, seen: Seen, config: FinetuneConfig) -> Tuned:
    """Teach `model` the law on what `seen` (the teach side) showed. NeedsWeights for a hosted model, DataError without lessons."""
    weights = backends.open_weights(model, journal)
    if seen.side is not Side.TEACH:
        raise DataError(f"training was given prompts of the {seen.side.value!r} side; it may see the teach side alone")
    law = law.only(config.principles)
    transcripts = [t for t in journal.rows(seen.transcripts, Transcript) if config.teaches(t.prompt, law.helpfulness)]
    learnt = gather(journal, weights, law, transcripts, config)
    lessons, critics, teachers = learnt.lessons, learnt.critics, learnt.teachers
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
        judges=critics,
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
        probes=learnt.probes,
        critics=critics,
        links=learnt.links,
        notes=learnt.notes,
    )


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
