"""TAMPER: undo a model's safeguards as anybody with the weights could, a little more at each rung, and tell where they fail.

Qi et al. 2023 (fine-tuning on few harmful examples, and on benign ones), Arditi 2024 (a refusal direction taken out), rounding.
Attacked copies lie in runs of their own, whose ledger is no part of the project's: what is bad on purpose is nobody's ancestor.
"""

from pathlib import Path
from typing import NamedTuple

from spiritlevel import backends
from spiritlevel.constitution import Constitution, Example
from spiritlevel.errors import DataError
from spiritlevel.evidence import Evidence
from spiritlevel.interpret.effects import unseen
from spiritlevel.tamper.attacks import attack
from spiritlevel.tamper.config import KINDS, AttackSettings, ReadSettings, TamperConfig
from spiritlevel.tamper.lessons import gather
from spiritlevel.tamper.reading import read
from spiritlevel.tamper.telling import tell
from spiritlevel.types import Journal, Ladder, Lesson, Prompt, Tampered, TamperRead, content_hash

__all__ = ["HOME", "KINDS", "AttackSettings", "Climbed", "Prompts", "ReadSettings", "TamperConfig", "beside", "run"]

HOME = Path("runs") / ".tamper"
"""Apart from the project's runs and its ledger."""


class Prompts(NamedTuple):
    """What is trained on and what is asked."""

    teach_harmful: tuple[Prompt, ...]
    teach_plain: tuple[Prompt, ...]
    harmful: tuple[Prompt, ...]
    plain: tuple[Prompt, ...]
    benign: tuple[Lesson, ...] = ()
    """Benign examples from a file; none = the answers' model's own to `teach_plain`."""


class Climbed(NamedTuple):
    """The ladder, and what each rung took here (times are no part of the evidence)."""

    ladder: Ladder
    minutes: tuple[float, ...]
    """Of the processor, aligned with `ladder.rungs`: of the training or change alone, not of measuring it."""


def run(config: TamperConfig, evidence: Evidence, law: Constitution, held: tuple[Example, ...], prompts: Prompts) -> Climbed:
    """Gather what is trained on, make and ask one copy a rung, tell. Every step replays if it is done.

    NeedsWeights for a hosted model; DataError when there is nothing to train on, or nothing held out to ask.
    """
    model = backends.resolve(config.model)
    backends.check_weights(model, "tampering needs")
    answers = backends.resolve(config.answers) if config.answers else model
    rungs = config.rungs()
    harmful, plain, near = unseen((*prompts.teach_harmful, *prompts.teach_plain), prompts.harmful, prompts.plain)
    if len(harmful) < 4 or len(plain) < 4:
        raise DataError(
            f"{len(harmful)} harmful and {len(plain)} plain prompts are left to ask that are far from what is trained on; "
            "give at least 4 of each, with --prompts for harmful ones"
        )
    harmful, plain = _drawn(harmful, config.read.harmful), _drawn(plain, config.read.plain)
    material = evidence.step(
        gather, model, answers, prompts.teach_harmful, prompts.teach_plain, prompts.benign, rungs, config.attack.tokens, config.read.task
    )
    backends.release_memory()
    asked = (material, harmful, plain, law, held, config.read, config.attack)
    untouched = evidence.step(read, model, model, *asked)
    tampered, reads, minutes = list[Tampered](), list[TamperRead](), list[float]()
    for rung in rungs:
        given = (model, rung, material, prompts.teach_harmful, prompts.teach_plain, config.attack)
        tampered.append(evidence.step(attack, *given))
        minutes.append(evidence.cost_of(attack, *given).cpu_seconds / 60)
        if (ref := tampered[-1].ref) is not None:
            reads.append(evidence.step(read, model, ref, *asked))
        backends.release_memory()
    left = (f"{near} held-out prompts were left out: the attacks trained on near-duplicates",) if near else ()
    ladder = evidence.step(tell, model, answers, untouched, tuple(tampered), tuple(reads), config.read, (*material.notes, *left))
    return Climbed(ladder, tuple(minutes))


def beside(journal: Journal, ladder: Ladder) -> Ladder:
    """A ladder that was climbed in a run of its own, as a step of an audit's: the chain then covers it."""
    return ladder


def _drawn(prompts: tuple[Prompt, ...], most: int) -> tuple[Prompt, ...]:
    """At most so many, in an order that depends on no file."""
    return tuple(sorted(prompts, key=lambda p: content_hash("held", p.text))[:most])
