"""Train and certify: the whole loop, as a diagram of the product."""

from dataclasses import dataclass

from spiritlevel import backends, constitution, elicit, finetune, firewall, interpret, measure, release, report
from spiritlevel.config import LoopConfig
from spiritlevel.constitution import certify
from spiritlevel.errors import NeedsWeights
from spiritlevel.evidence import Evidence
from spiritlevel.interpret import alone as one_inside
from spiritlevel.measure import alone as one_model
from spiritlevel.measure import suites
from spiritlevel.measure.categories import usage
from spiritlevel.release import governance
from spiritlevel.release.facts import circumstances
from spiritlevel.types import Compared, Governed, Inside, ModelCard, ModelRef, Seen, Side, Ticket, Tuned, Usage, Verdict, content_hash


@dataclass(frozen=True)
class Finished:
    """What a run ends with."""

    card: ModelCard
    verdict: Verdict
    tuned: Tuned
    compared: Compared


def run(config: LoopConfig, evidence: Evidence) -> Finished:
    """Constitution, red team, training, measurement, a look inside, a verdict, a card. Every step replays if it is done."""
    law = constitution.load(config.constitution)
    model = backends.resolve(config.model)
    need_weights(config, model)
    if config.finetune is None:
        return certified(config, evidence, law, model, evidence.step(finetune.keep, model))
    files, found = elicit.version(config.elicit), elicit.lessons(evidence, config.elicit.findings, law)
    seen = evidence.step(elicit.run, model, law, config.elicit, Side.TEACH, files=files, found=found)
    tuned = teach(config.finetune, evidence, model, law, seen)
    taught = tuple(
        evidence.step(elicit.run, one, law, config.elicit, Side.TEACH, sample=True, files=files, found=found) for one in (model, tuned.ref)
    )
    return certified(config, evidence, law, model, tuned, taught=(taught[0], taught[1]))


def teach(config: finetune.FinetuneConfig, evidence: Evidence, model: ModelRef, law: constitution.Constitution, seen: Seen) -> Tuned:
    """Critique, revision and training; then AI feedback and the rounds of selection, if any."""
    reward = finetune.pinned(config, evidence)  # type: ignore[arg-type]  # of a journal it needs blobs alone
    tuned = evidence.step(finetune.run, model, law, seen, config.taught)
    backends.release_memory()
    if config.feedback:
        tuned = evidence.step(finetune.ai_feedback, tuned, law, seen, config.heard)
        backends.release_memory()
    for turn in range(config.select.rounds if config.select else 0):
        tuned = evidence.step(finetune.select, tuned, law, seen, config, turn, reward)
        backends.release_memory()
    return tuned


def need_weights(config: LoopConfig, *models: ModelRef) -> None:
    """NeedsWeights, before anything is asked, when a section that works on weights is given a model without them."""
    sections = [name for name in ("finetune", "interpret") if getattr(config, name) is not None]
    for model in models:
        if sections and model.kind != "local":
            raise NeedsWeights(
                f"{model.spec!r} is {model.kind}, and {' and '.join(sections)} need weights; "
                f"use bundled, hf:NAME or path:DIR, or write {' and '.join(f'`{name}: none`' for name in sections)}"
            )


def certified(
    config: LoopConfig,
    evidence: Evidence,
    law: constitution.Constitution,
    model: ModelRef,
    tuned: Tuned,
    *,
    taught: tuple[Seen, Seen] | None = None,
    trained_on: tuple[str, ...] = (),
    alone: bool = False,
) -> Finished:
    """Measure `tuned` against `model`, look inside, decide, tell. Shared by `run` and `audit`. `alone`: both are one, its base unknown."""
    held, files = certify.load(config.constitution), elicit.version(config.elicit)
    found = elicit.lessons(evidence, config.elicit.findings, law)
    calibrations = evidence.ledger.calibrations()
    asked = suites.of_config(config.measure, config.constitution)

    def compare(side: Side, confidence: float, ticket: Ticket | None = None) -> tuple[Seen, Seen, Compared, Usage]:
        before, after = (
            evidence.step(elicit.run, one, law, config.elicit, side, ticket=ticket, trained_on=trained_on, files=files, found=found)
            for one in (model, tuned.ref)
        )
        known = taught if side is Side.OPEN else None
        measured = evidence.step(
            measure.run,
            model,
            tuned,
            before,
            after,
            law,
            held,
            config.measure,
            taught=known,
            calibrations=calibrations,
            confidence=confidence,
        )
        if asked:
            measured = evidence.step(suites.joined, measured, asked, config.measure, confidence=confidence)
        if alone:
            measured = evidence.step(one_model.alone, measured)
        used = evidence.step(usage, model, tuned, measured, law, confidence=confidence)
        return before, after, measured, used

    before, after, compared, used = compare(Side.OPEN, law.policy.confidence)
    # people are optimisers too: every look at new figures is counted
    firewall.look(evidence.ledger, tuned.lineage, Side.OPEN.value, content_hash(compared))
    inside = Inside(measurements=(), notes=("not looked inside: interpret is none",))
    if config.interpret is not None:
        inside = evidence.step(interpret.run, model, tuned.ref, tuned.lineage, after, held, config.interpret)
        inside = evidence.step(one_inside.alone, inside) if alone else inside
    ticket = evidence.step(release.unseal, law, tuned, compared, inside, config.release)
    exam, examined = compare(Side.SEALED, release.exam_confidence(law.policy), ticket)[2:] if ticket.attempt else (None, None)
    around = circumstances(evidence, law.policy, config.release, tuned)
    rests = evidence.step(release.given, law.policy, config.release, around)
    verdict = evidence.step(release.run, rests, tuned, compared, inside, exam, ticket)
    ruled = evidence.step(governance.governed, rests, law, tuned, used, examined)
    # campaigns stand beside the loop, before it or after; `spiritlevel report` then tells of them
    provoked = elicit.provoked(evidence)
    told = Governed(ruled=ruled, used=used, examined=examined)
    beside = report.held(evidence, tuned, compared, law.policy.max_age_days, suites.places(config.constitution))
    decided = (law, tuned, compared, inside, exam, verdict)
    card = evidence.step(report.write, *decided, seen=(before, after), provoked=provoked, governed=told, beside=beside)
    return Finished(card, verdict, tuned, compared)
