"""Train and certify: the whole loop, as a diagram of the product."""

from dataclasses import dataclass

from spiritlevel import backends, constitution, elicit, finetune, interpret, measure, release, report
from spiritlevel.config import LoopConfig
from spiritlevel.constitution import certify
from spiritlevel.evidence import Evidence
from spiritlevel.types import Compared, Inside, ModelCard, ModelRef, Seen, Side, Ticket, Tuned, Verdict


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
    if config.finetune is not None:
        seen = evidence.step(elicit.run, model, law, config.elicit, Side.TEACH)
        tuned = evidence.step(finetune.run, model, law, seen, config.finetune)
    else:
        tuned = evidence.step(finetune.keep, model)
    return certified(config, evidence, law, model, tuned)


def certified(
    config: LoopConfig,
    evidence: Evidence,
    law: constitution.Constitution,
    model: ModelRef,
    tuned: Tuned,
    trained_on: tuple[str, ...] = (),
) -> Finished:
    """Measure `tuned` against `model`, look inside, decide, tell. Shared by `run` and `audit`."""
    held = certify.load(config.constitution)

    def compare(side: Side, ticket: Ticket | None = None) -> tuple[Seen, Compared]:
        ask = {"ticket": ticket, "trained_on": trained_on}
        before = evidence.step(elicit.run, model, law, config.elicit, side, **ask)
        after = evidence.step(elicit.run, tuned.ref, law, config.elicit, side, **ask)
        return after, evidence.step(measure.run, model, tuned, before, after, law, held, config.measure)

    seen, compared = compare(Side.OPEN)
    inside = Inside(measurements=(), notes=("not looked inside: interpret is none",))
    if config.interpret is not None:
        inside = evidence.step(interpret.run, model, tuned.ref, tuned.lineage, seen, held, config.interpret)
    ticket = evidence.step(release.unseal, law, tuned, compared, inside, config.release)
    exam = compare(Side.SEALED, ticket)[1] if ticket.attempt else None
    verdict = evidence.step(release.run, law, tuned, compared, inside, exam, ticket, config.release)
    card = evidence.step(report.write, law, tuned, compared, inside, exam, verdict)
    return Finished(card, verdict, tuned, compared)
