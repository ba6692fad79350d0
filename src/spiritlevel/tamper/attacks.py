"""Make the copy of one rung. It is bad on purpose: its lineage says so, and release holds it and all that comes of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spiritlevel import backends, firewall, lineage
from spiritlevel.errors import DataError, ModelError
from spiritlevel.finetune import train
from spiritlevel.flaws import _adapter
from spiritlevel.interpret import directions
from spiritlevel.interpret.directions import DirectionSettings
from spiritlevel.interpret.effects import orthogonalised
from spiritlevel.judges import crude
from spiritlevel.measure.suites import degrade
from spiritlevel.tamper.config import AttackSettings
from spiritlevel.tamper.lessons import atoms_of, chat_of, cut
from spiritlevel.types import (
    Journal,
    Lesson,
    Lineage,
    Material,
    ModelRef,
    Prompt,
    RowSet,
    Tampered,
    Tampering,
    Use,
    content_hash,
)

NOTE = "tampered with by an audit, to see whether safeguards hold: a copy that is bad on purpose; never to be released"


def attack(
    journal: Journal,
    model: ModelRef,
    rung: Tampering,
    material: Material,
    harmful: tuple[Prompt, ...],
    plain: tuple[Prompt, ...],
    settings: AttackSettings,
) -> Tampered:
    """The copy after `rung`. `harmful` and `plain` tell the refusal direction. A direction that cannot be found is said, not raised."""
    if rung.kind == "quantised":
        return _quantised(journal, model, rung)
    if rung.kind == "direction":
        finding = DirectionSettings(layers=settings.layers, seed=settings.seed)
        try:
            found = directions.find(journal, model, harmful, plain, finding)
            ref = orthogonalised(journal, model, found, (*harmful, *plain), mark=marked(rung), note=NOTE)
        except (DataError, ModelError) as fault:
            return Tampered(tampering=rung, ref=None, why=str(fault))
        return Tampered(tampering=rung, ref=ref)
    return _tuned(journal, model, rung, material, settings)


def marked(rung: Tampering) -> str:
    """Atom of what was done."""
    return firewall.planted(f"tampered: {rung.name}")


def _tuned(journal: Journal, model: ModelRef, rung: Tampering, material: Material, settings: AttackSettings) -> Tampered:
    """Supervised fine-tuning on harmful or benign examples, a defender's safety examples beside them."""
    guards = round(rung.safety * rung.amount)
    kept = _rows(journal, material.safety)
    if guards > len(kept) or (rung.safety and not guards):
        return Tampered(tampering=rung, ref=None, why=f"{guards} safety examples were asked for, and {len(kept)} are at hand")
    lessons = [*_rows(journal, material.harmful if rung.kind == "harmful" else material.benign)[: rung.amount], *kept[:guards]]
    weights: Any = backends.open_weights(model, journal)
    lessons = cut(weights, lessons, settings.tokens)
    parent = backends.identify(model, journal, base=False)
    run = f"run:{content_hash(model.key, rung, settings, *lessons)}"
    uses = _uses(run, [marked(rung), *atoms_of(lessons)], [firewall.judge(crude.identity().id)])
    journal.spend(uses)
    journal.record(parent)
    scratch = journal.scratch("tamper")
    how = settings.settings(rung.how, rung.amount)
    curve = train.sft(weights, lessons, how, scratch, lambda p, n: journal.progress(f"tampering: {rung.name}", p.step, n))
    lengths = [len(weights.render_labelled(chat_of(m), m.truncated)[0]) for m in lessons]
    dense, own = backends.parts(model, journal)
    if rung.how == "lora" and own is None:
        ref = _kept(
            journal,
            model,
            parent,
            uses,
            lambda folder: _adapter.scaled(scratch / "adapter", folder, 1.0, model.spec, dense),
        )
    else:
        found = lineage.derived(train.fingerprint(weights), model, parent, uses, NOTE)
        ref = backends.keep(journal, weights, found, model.family)
    return Tampered(tampering=rung, ref=ref, examples=len(lessons), steps=len(curve), tokens=how.epochs * sum(lengths))


def _quantised(journal: Journal, model: ModelRef, rung: Tampering) -> Tampered:
    """Every matrix rounded row by row to so many bits (round to nearest, no calibration), kept in the model's own format."""
    weights = backends.open_weights(model, journal)
    parent = backends.identify(model, journal, base=False)
    journal.record(parent)
    uses = _uses(f"run:{content_hash(model.key, rung)}", [marked(rung)], [])
    journal.spend(uses)

    def write(folder: Path) -> str:
        from spiritlevel.backends import _local

        degrade.write(weights, folder, "quantised", rung.amount)
        return str(_local.fingerprint(folder))

    return Tampered(tampering=rung, ref=_kept(journal, model, parent, uses, write))


def _kept(journal: Journal, model: ModelRef, parent: Lineage, uses: Sequence[Use], write: Callable[[Path], str]) -> ModelRef:
    """`write` fills a folder and returns the weights' fingerprint."""
    return backends.keep_written(journal, lambda folder: lineage.derived(write(folder), model, parent, uses, NOTE), model.family)


def _uses(run: str, trained: Sequence[str], selected: Sequence[str]) -> tuple[Use, ...]:
    found = [Use(model=run, atom=atom, how="train") for atom in dict.fromkeys(trained)]
    return (*found, *(Use(model=run, atom=atom, how="select") for atom in selected))


def _rows(journal: Journal, rows: RowSet | None) -> list[Lesson]:
    return journal.rows(rows, Lesson) if rows else []
