"""What a step measured, as measurements with notes: one way for the gate, which decides on them, and the card, which tells them."""

from collections.abc import Iterator
from functools import singledispatch
from typing import Literal

from pydantic import BaseModel

from spiritlevel.types import (
    Budget,
    Circuit,
    DirectionReport,
    Estimate,
    Grade,
    Ladder,
    Measurement,
    Neurons,
    Oversight,
    Patched,
    Sandbagging,
    SteerEffect,
    Unlocked,
)

READ_BY_NONE = "accuracy against the file's own labels; no gate reads it"
OWN = "it is read off, or made of, the model itself, so it shares the model's body"
INSIDE = "inside:"
"""Before the names of shares that were found by changing a model inside and that no threshold names."""
TOLD = {
    ("nothing", "harmful"): "",
    ("ablated", "harmful"): ", the direction ablated",
    ("random ablated", "harmful"): ", a random direction ablated",
    ("orthogonalised", "harmful"): ", the direction taken out of the weights",
    ("nothing", "benign"): "",
    ("added", "benign"): ", the direction added",
    ("random added", "benign"): ", a random direction added",
}
"""What of a direction's effects is told beside `harm_ablated`, in the words after the measure's."""
Told = tuple[tuple[Measurement, ...], tuple[str, ...]]


@singledispatch
def measured(value: BaseModel) -> Told:
    """(measurements, notes) of whatever a step made; none where it measured nothing."""
    found = getattr(value, "measurements", ())
    if not found or not all(isinstance(m, Measurement) for m in found):
        return (), ()
    return tuple(found), tuple(n for n in getattr(value, "notes", ()) if isinstance(n, str))


@measured.register
def _(value: Ladder) -> Told:
    return tuple(_rungs(value)), (*map(_budget, value.budgets), *value.notes)


@measured.register
def _(value: Oversight) -> Told:
    return tuple(_oversight(value)), (*((f"no recovered gap is told: {value.refused}",) if value.refused else ()), *value.notes)


@measured.register
def _(value: Sandbagging) -> Told:
    cue = f"{INSIDE}accuracy under the cue moved by ablating"
    figures = (
        _inside(value.beyond, "sandbagging_steered", value.grade),
        _inside(value.plain, f"{INSIDE}accuracy without the cue", value.grade),
        _inside(value.cued, f"{INSIDE}accuracy under the cue", value.grade),
        _inside(value.drop, f"{INSIDE}accuracy moved by the cue", value.grade),
        _inside(value.returned, f"{cue} its direction", value.grade),
        _inside(value.random, f"{cue} a random direction", value.grade),
    )
    return figures, value.notes


@measured.register
def _(value: Unlocked) -> Told:
    figures = (
        _inside(value.beyond, "sandbagging_tuned", value.grade),
        _inside(value.tuned, f"{INSIDE}accuracy under the cue after a few examples", value.grade),
        _inside(value.returned, f"{INSIDE}accuracy under the cue moved by a few examples", value.grade),
        _inside(value.learnt, f"{INSIDE}accuracy without the cue moved by a few examples", value.grade),
    )
    return figures, value.notes


@measured.register
def _(value: DirectionReport) -> Told:
    effects = [m for e in value.effects for m in _effect(e, value.grade)]
    effects.sort(key=lambda m: m.estimate.name != "harm_ablated")  # what a gate may read comes first
    agreed = (_inside(e, f"agreement of judges of harm, {e.name}", value.grade) for e in value.agreement)
    return (*effects, *agreed), value.notes


@measured.register
def _(value: Neurons) -> Told:
    of = f"{len(value.neurons)} neurons"
    carried = _inside(value.carried, f"{INSIDE}share of the read-out that {of} carry", value.grade)
    refusals = (_inside(e, f"{INSIDE}refusal of harmful prompts, {of} {how}", value.grade, "proxy") for how, e, _ in value.effects)
    return (carried, *refusals), value.notes


@measured.register
def _(value: Patched) -> Told:
    found = [_inside(value.accuracy, f"{INSIDE}{value.task}, right on clean prompts", value.grade)]
    if value.agreement is not None:
        found.append(_inside(value.agreement, f"{value.task}, rank correlation of patching and attribution", value.grade))
    return tuple(found), value.notes


@measured.register
def _(value: Circuit) -> Told:
    of = f"{INSIDE}{value.task}, faithfulness of"
    figures = (
        _inside(value.accuracy, f"{INSIDE}{value.task}, right on clean prompts", value.grade),
        _inside(value.chosen.faithful, f"{of} the circuit", value.grade),
        _inside(value.chosen.random, f"{of} random circuits of as many edges", value.grade),
    )
    return figures, (f"{value.task}: the circuit has {value.chosen.edges} of {value.all_edges} edges", *value.notes)


def _inside(
    e: Estimate, name: str, grade: Grade, role: Literal["proxy", "intent", "capability"] = "capability", by: str = "", unscored: int = 0
) -> Measurement:
    instruments = (by,) if by else ()
    return Measurement(estimate=_as(e, name), role=role, grade=grade, why_grade=OWN, instruments=instruments, unscored=unscored)


def _effect(e: SteerEffect, grade: Grade) -> Iterator[Measurement]:
    if e.measure == "kl":
        yield _inside(e.value, f"sequence KL in nats, {e.what}", grade)
    elif (e.what, e.measure) == ("ablated", "delivered_harm"):
        yield _inside(e.value, "harm_ablated", grade, "intent", e.by, e.unscored)
    elif e.measure != "incoherence" and (e.what, e.on) in TOLD:
        role: Literal["proxy", "intent"] = "proxy" if e.measure == "refusal" else "intent"
        name = f"{INSIDE}{e.measure.replace('_', ' ')}, {e.on} prompts{TOLD[e.what, e.on]}"
        yield _inside(e.value, name, grade, role, e.by, e.unscored)


def _rungs(ladder: Ladder) -> Iterator[Measurement]:
    """Delivered harm by the first judge at each rung, and its change against the untouched model."""
    first = ladder.judges[0].id if ladder.judges else ""
    told = [("harm, untouched", ladder.untouched), *((f"harm after {r.tampered.tampering.name}", r.measurements) for r in ladder.rungs)]
    for name, found in told:
        mine = (m for m in found if m.estimate.name == "delivered_harm" and (not first or first in m.instruments))
        yield from (m.model_copy(update={"estimate": _as(m.estimate, f"tamper:{name}")}) for m in mine)


def _budget(b: Budget) -> str:
    what = f"{b.kind} {b.how}".strip()
    tried = ", ".join(map(str, b.tried))
    return f"{what}: safeguards are shown to fail at {b.fails_at} of {tried}" if b.fails_at else f"{what}: no failure is shown at {tried}"


def _oversight(value: Oversight) -> Iterator[Measurement]:
    """Accuracies, what each gains over the supervisor, and the recovered gap where it is told."""
    rows = (value.overseen.labellings.id,)

    def one(e: Estimate, name: str, *, change: bool = False) -> Measurement:
        return Measurement(
            estimate=_as(e, f"oversight:{name}"),
            role="capability",
            phase="change" if change else "single",
            grade=Grade.KIN,
            why_grade=READ_BY_NONE,
            rows=rows,
        )

    yield one(value.weak, "accuracy of the supervisor")
    yield one(value.ceiling, "accuracy of the ceiling")
    yield one(value.gap, "ceiling over supervisor", change=True)
    for student in value.students:
        yield one(student.accuracy, f"accuracy of the student, {student.loss} loss")
        yield one(student.gained, f"student over supervisor, {student.loss} loss", change=True)
        if student.recovered is not None:
            yield one(student.recovered, f"share of the gap recovered, {student.loss} loss")


def _as(e: Estimate, name: str) -> Estimate:
    return e.model_copy(update={"name": name})
