"""report.html: one self-contained file, a pure function of the values and rows that it is given."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from spiritlevel.constitution import Constitution, Threshold
from spiritlevel.constitution.model import SUITE
from spiritlevel.report import campaigns, choose, figures, unknown, words
from spiritlevel.report import inside as insides
from spiritlevel.report.drawing import finite
from spiritlevel.report.refs import Refs, decided, policy
from spiritlevel.report.taught import Taught
from spiritlevel.types import (
    ACTIONS,
    Compared,
    Cost,
    Frozen,
    Gap,
    Grade,
    Held,
    Inside,
    Instrument,
    Lesson,
    Measurement,
    Pair,
    Seen,
    Tuned,
    Verdict,
)

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LONGEST = 1500
"""Characters of a prompt or reply that are shown."""


class StepCost(Frozen):
    """What one step of the run cost."""

    step: str
    cost: Cost


@cache
def environment() -> "Environment":
    """Templates with all output escaped, and every string made visible first, whoever wrote it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )


def html(values: dict[str, Any]) -> str:
    """The whole report. `values`: what `shared` made for it. Sealed texts are never shown."""
    return environment().get_template("report.html.j2").render(values)


def shared(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    verdict: Verdict,
    pairs: Sequence[Pair],
    lessons: Sequence[Lesson],
    costs: Sequence[StepCost],
    seen: Sequence[Seen],
    again: Taught | None,
    provoked: Sequence[campaigns.Section],
    held: Held,
) -> dict[str, Any]:
    """What the report and the system card are filled from; its `refs` count the footnotes of one document."""
    known = known_rows(law, tuned, compared, exam, seen, verdict, held) | campaigns.known(s.value for s in provoked)
    known |= (again.known if again else {}) | {f"step:{c.step}": "what the step cost, as the run recorded it" for c in costs}
    refs = Refs(known, stale(held, compared, inside, exam))
    thresholds = {t.id: t for t in law.policy.thresholds}
    span = figures.gap_reach([*compared.gaps, *(exam.gaps if exam else ())])

    def gap_plot(g: Gap) -> Markup:
        return figures.gap(g, words.subject(law, g.principle), span, refs.attribute(g.rows))

    return {
        "law": law,
        "basis": decided(verdict),
        "tuned": tuned,
        "compared": compared,
        "inside": inside,
        "exam": exam,
        "verdict": verdict,
        "costs": costs,
        "seen": seen,
        "refs": refs,
        "words": words,
        "figures": figures,
        "insides": insides,
        "gap_plot": gap_plot,
        "threshold": thresholds.get,
        "limits": limits(law.policy.thresholds),
        "tiles": tiles(compared),
        "checks": sorted(verdict.checks, key=lambda c: ("held", "unproven", "approved").index(c.result)),
        "gaps": sorted(compared.gaps, key=lambda g: (g.principle != "", g.pooled)),
        "exam_gaps": [g for g in exam.gaps if not g.principle] if exam else [],
        "plotted": choose.plotted(compared),
        "exam_plotted": choose.plotted(exam) if exam else [],
        "families": choose.families(compared),
        "cells": choose.cells(compared) if any("-cluster/" in m.cell for m in compared.measurements) else [],
        "groups": groups(law, ("Open prompts", compared), ("Sealed prompts", exam)),
        "inside_groups": groups(law, ("Inside", inside)),
        "instrument": namer(tuned, compared, exam, held),
        "grades": instrument_grades(tuned, compared, exam),
        "judges": training_judges(tuned),
        "lessons": lesson_counts(lessons),
        "again": again,
        "campaigns": campaigns,
        "actions": ACTIONS,
        "provoked": provoked,
        "layer_rows": sorted({row for m in inside.measurements for row in m.rows}),
        "best_layers": best_layers(inside),
        "worst": choose.worst(pairs),
        "over": choose.over_refusals(pairs),
        "text": lambda value: words.visible(value, LONGEST),
        "uses": Counter((use.how, use.atom.partition(":")[0]) for use in tuned.lineage.uses),
        "lineage_rows": (f"lineage:{tuned.lineage.weights or tuned.ref.key}",),
        "largest": largest_cluster(pairs),
        "unknowns": unknown.unknowns(law, tuned, compared, inside, exam, pairs, powered=bool(held.powers)),
    }


def stale(held: Held, compared: Compared, inside: Inside, exam: Compared | None) -> dict[str, str]:
    """Row sets whose figures are no longer relied on, with the reason."""
    found = {row: f.stale for f in held.found if f.stale for m in f.measurements for row in m.rows}
    own = [m for side in (compared, exam, inside) if side is not None for m in side.measurements]
    return found | ({row: held.aged for m in own for row in m.rows} if held.aged else {})


def known_rows(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    exam: Compared | None,
    seen: Sequence[Seen] = (),
    verdict: Verdict | None = None,
    held: Held | None = None,
) -> dict[str, str]:
    """What can be said of each row set that is at hand here."""
    sets = [
        compared.pairs,
        tuned.lessons,
        tuned.preferences,
        tuned.curve,
        *(r for s in seen for r in (s.transcripts, s.outcomes)),
    ]
    known = {r.id: f"{r.n:,} rows of kind {r.kind}" for r in sets if r is not None}
    if exam is not None:
        known[exam.pairs.id] = f"{exam.pairs.n:,} rows of kind {exam.pairs.kind}, sealed"
    known[f"lineage:{tuned.lineage.weights or tuned.ref.key}"] = "the lineage that lies beside the weights and in the project's ledger"
    for c in compared.calibrations:
        known[f"calibration:{c.data}"] = "people's labels, and what was made of them in the project's ledger"
    known[policy(law)] = "the policy that was decided by: its thresholds, levels and confidence"
    if verdict is not None:
        known[decided(verdict)] = "the decision, with all that it stood on"
    known |= {row: what for row, what in (held.known if held else {}).items() if row not in known}
    known["none"] = "the figure came without the names of its rows; do not rely on it"
    return known


def limits(thresholds: Sequence[Threshold]) -> dict[str, float]:
    """Upper limits that the policy puts on a measure after training, to be drawn."""
    return {t.measure: t.at_most for t in thresholds if t.phase == "after" and t.at_most is not None}


def tiles(compared: Compared) -> list[choose.Line]:
    """The figures that a hurried reader needs: harm, refusals of the harmless."""
    return [x for x in choose.plotted(compared) if x.name in ("delivered_harm", "over_refusal_lookalike")]


def groups(law: Constitution, *of: tuple[str, Compared | Inside | None]) -> list[tuple[str, bool, choose.Lines]]:
    """All measurements: (heading, folded, lines)."""
    found: list[tuple[str, bool, choose.Lines]] = []
    for name, value in of:
        lines = choose.side_by_side(value.measurements if value else ())
        found.append((f"{name}: over all", False, [x for x in lines if not x.principle and not x.cell]))
        found.append((f"{name}: by attack, source and cell", True, [x for x in lines if not x.principle and x.cell]))
        for principle in dict.fromkeys(x.principle for x in lines if x.principle):
            found.append((f"{name}: {words.subject(law, principle)}", True, [x for x in lines if x.principle == principle]))
    return [group for group in found if group[2]]


def training_judges(tuned: Tuned) -> list[Instrument]:
    """Judges that chose, scored or stopped training: the gate refuses them as witnesses."""
    return list({j.id: j for j in (*tuned.lineage.judges, *tuned.critics)}.values())


def namer(tuned: Tuned, compared: Compared, exam: Compared | None, held: Held | None = None) -> Mapping[str, str]:
    """Instrument ids to names; a suite is its own instrument and goes by the name of its measures."""
    told = [m for side in (compared, exam, *(held.found if held else ())) if side is not None for m in side.measurements]
    suites = {m.instruments[0]: m.estimate.name.partition("/")[0].replace(":", " ", 1) for m in told if suite_alone(m)}
    return suites | {i.id: i.name for i in (*training_judges(tuned), *compared.instruments, *(exam.instruments if exam else ()))}


def suite_alone(m: Measurement) -> bool:
    """Whether a figure is a suite's, read by no judge beside it."""
    return m.estimate.name.startswith(SUITE) and not m.cell and len(m.instruments) == 1


def instrument_grades(tuned: Tuned, compared: Compared, exam: Compared | None) -> list[tuple[Instrument, list[Grade], bool]]:
    """Each measuring instrument, the grades that its measurements got, and whether it also trained the model."""
    refused = {j.id for j in training_judges(tuned)}
    measured = [*compared.measurements, *(exam.measurements if exam else ())]
    everyone = {i.id: i for i in (*compared.instruments, *(exam.instruments if exam else ()))}
    return [
        (
            i,
            [g for g in choose.GRADES if any(m.grade is g for m in measured if {i.id, i.name} & set(m.instruments))],
            i.id in refused,
        )
        for i in everyone.values()
    ]


def lesson_counts(lessons: Sequence[Lesson]) -> list[tuple[str, int]]:
    """How many lessons by what was taught."""
    revised = sum(x.original is not None for x in lessons)
    return [("revised answers", revised), ("own answers kept", len(lessons) - revised)] if lessons else []


def best_layers(inside: Inside) -> list[tuple[str, int, Any]]:
    """(phase, layer, estimate) of the best read-out before and after."""
    known = [r for r in inside.layers if finite(r.before) and finite(r.after)]
    if not known:
        return []
    first, last = max(known, key=lambda r: r.before.value), max(known, key=lambda r: r.after.value)
    return [("before", first.layer, first.before), ("after", last.layer, last.after)]


def largest_cluster(pairs: Sequence[Pair]) -> tuple[int, int]:
    """(clusters, prompts in the largest)."""
    sizes = Counter(p.prompt.cluster or p.prompt.id for p in {p.prompt.id: p for p in pairs}.values())
    return len(sizes), max(sizes.values(), default=0)
