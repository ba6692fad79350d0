"""What the project's runs hold on the two models of a comparison, found by the hash of their weights. Read outside of a step."""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Literal

from pydantic import BaseModel

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence import Evidence, Step, list_runs, open_existing
from spiritlevel.lineage.chain import past
from spiritlevel.measured import measured
from spiritlevel.report import campaigns, words
from spiritlevel.types import (
    Agents,
    Campaign,
    Compared,
    Estimate,
    Found,
    GapPlot,
    Grade,
    Held,
    Inside,
    Measurement,
    ModelRef,
    Place,
    Power,
    Provocation,
    Tuned,
    Whence,
)

ROBUST = "robust"
"""Cell of a measure that was taken in other words."""
SPREAD = (Grade.INDEPENDENT, Grade.KIN, Grade.SPENT)


def held(evidence: Evidence, tuned: Tuned, compared: Compared, max_age_days: float | None = None, places: Iterable[Place] = ()) -> Held:
    """Suites, campaigns, power and gap curves of either model, from this run and every other, hidden homes of commands included.

    What is older than `max_age_days`, or of an earlier revision of the weights, is marked stale. What is of other models is not told.
    """
    now = time.time()
    found: list[Found] = []
    provoked: list[tuple[Whence, Provocation]] = []
    powers: list[tuple[Whence, Power]] = []
    curves: list[tuple[Whence, GapPlot]] = []
    for run, step, value, subjects in _values(evidence):
        whence = Whence(run=run, label=step.label, key=step.key)
        aged = past(step.finished, max_age_days, now)
        if isinstance(value, Power):
            powers += [(whence, value)] if value.base.key == compared.before.key else []
        elif isinstance(value, Campaign | Agents):
            # this run's own campaigns are told at length, with their findings
            if run != evidence.name and value.target.key in (compared.before.key, compared.after.key):
                provoked += [(whence, one) for one in campaigns.told_by(value, compared)]
        elif isinstance(value, GapPlot):
            curves += [(whence, value)] if step.subject in (compared.before.key, compared.after.key) else []
        elif not isinstance(value, Compared | Inside):
            told = {f.measurements for f in found}  # an audit holds a copy of a ladder that was climbed in a run of its own
            found += [f for f in _found(whence, step, value, subjects, tuned, compared, aged) if f.measurements not in told]
    named = {m.estimate.name for f in found for m in f.measurements} | {m.estimate.name for m in compared.measurements}
    return Held(
        found=tuple(found),
        provoked=tuple(provoked),
        powers=tuple(powers),
        curves=tuple(curves),
        places=tuple(p for p in places if p.measure in named),
        aged=next((why for step in evidence.steps() if step.measures and (why := past(step.finished, max_age_days, now))), ""),
    )


def _values(evidence: Evidence) -> Iterator[tuple[str, Step, BaseModel, frozenset[str]]]:
    """Current values of this run, then of the project's others by name; a run that cannot be read is passed over."""
    yield from ((evidence.name, *one) for one in _of(evidence))
    home = evidence.folder.parent
    for root in (home.parent, *sorted(p for p in home.glob(".*/") if (p / "runs").is_dir())):
        for info in sorted(list_runs(root), key=lambda run: run.name):
            if not info.readable or (root == home.parent and info.name == evidence.name):
                continue
            name = info.name if root == home.parent else f"{root.name}/{info.name}"
            with suppress(EvidenceError), open_existing(root, info.name, url=evidence.url) as other:
                yield from ((name, *one) for one in _of(other))


def _of(run: Evidence) -> Iterator[tuple[Step, BaseModel, frozenset[str]]]:
    """The last value of each label, model and set of measures: one suite comes after another under one label."""
    last: dict[tuple[str, str, frozenset[str]], tuple[Step, BaseModel]] = {}
    for step in run.steps(every=True):
        with suppress(EvidenceError, ImportError, AttributeError):  # a value of a class that is no more
            value = run.made_by(step)
            names = frozenset(m.estimate.name for m in measured(value)[0])
            last[step.label, step.subject, names] = step, value
    subjects = frozenset(step.subject for step, _ in last.values())
    yield from ((*one, subjects) for one in last.values())


def _found(
    whence: Whence, step: Step, value: BaseModel, subjects: Collection[str], tuned: Tuned, compared: Compared, aged: str
) -> Iterator[Found]:
    figures, notes = measured(value)
    if not figures:
        return
    first, second = getattr(value, "before", None), getattr(value, "after", None)
    base, new = compared.before.key, compared.after.key
    # a step that is given no model tells of those that the others of its run were given
    subject = step.subject or next((key for key in (new, base) if key in subjects), "")
    keys = [ref.key for ref in (first, second) if isinstance(ref, ModelRef)] or [subject]
    of: Literal["before", "after", "both"] = "both" if keys == [base, new] and base != new else "after" if keys[-1] == new else "before"
    stale = aged
    if keys[-1] == new:
        kept = figures
    elif keys[0] == base:
        kept = tuple(m for m in figures if m.phase in ("before", "single"))
    elif keys[-1] in tuned.lineage.parents:
        kept, stale = figures, f"measured on an earlier revision, {words.short(keys[-1])}, whose weights are not these"
    else:
        return
    moved = tuple(e for e in getattr(value, "moved", ()) if isinstance(e, Estimate)) if keys[-1] == new or len(keys) == 1 else ()
    whole = (*kept, *_robust(moved, figures))
    if whole:
        whole = tuple(m if m.rows else m.model_copy(update={"rows": (whence.row,)}) for m in whole)
        yield Found(whence=whence, of=of, measurements=whole, notes=notes, stale=stale)


def _robust(moved: Sequence[Estimate], measured: Sequence[Measurement]) -> Iterator[Measurement]:
    """How far a measure moved in other words, graded as the measure itself."""
    for e in moved:
        # `suite:NAME moved by FRAME`, `suite:NAME, worst of N frames`
        own = [m for m in measured if e.name.startswith(m.estimate.name)]
        grade = max((m.grade for m in own), key=SPREAD.index, default=Grade.KIN)
        rows = tuple(sorted({row for m in own for row in m.rows}))
        instruments = tuple(sorted({i for m in own for i in m.instruments}))
        yield Measurement(estimate=e, role=own[0].role if own else "intent", cell=ROBUST, grade=grade, rows=rows, instruments=instruments)
