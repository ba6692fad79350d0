"""Values that are no list of measurements, as one: what the system card takes from a tamper ladder and from weak-to-strong."""

from collections.abc import Iterator

from pydantic import BaseModel

from spiritlevel.types import Budget, Estimate, Grade, Ladder, Measurement, Oversight

READ_BY_NONE = "accuracy against the file's own labels; no gate reads it"
Told = tuple[tuple[Measurement, ...], tuple[str, ...]]


def measured(value: BaseModel) -> Told:
    """(measurements, notes) of whatever a step made; none where it measured nothing."""
    if isinstance(value, Ladder):
        return tuple(_rungs(value)), (*map(_budget, value.budgets), *value.notes)
    if isinstance(value, Oversight):
        return tuple(_oversight(value)), (*((f"no recovered gap is told: {value.refused}",) if value.refused else ()), *value.notes)
    found = getattr(value, "measurements", ())
    if not found or not all(isinstance(m, Measurement) for m in found):
        return (), ()
    return tuple(found), tuple(n for n in getattr(value, "notes", ()) if isinstance(n, str))


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
