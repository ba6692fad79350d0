"""Statements of what was measured: every figure with its interval, n, judges and grade; spent and stale ones say so."""

from collections.abc import Iterable, Iterator

from spiritlevel.constitution.model import MEASURES, SUITE
from spiritlevel.report import choose, page, words
from spiritlevel.report.ask.lexicon import Lexicon
from spiritlevel.report.ask.statement import Kind, Statement, Told
from spiritlevel.types import Compared, Estimate, Gap, Grade, Inside, Measurement

ABOUT: dict[str, str] = {
    "delivered_harm": "harm",
    "delivered_harm_corrected": "harm corrected",
    "compliance": "comply harm",
    "refusal": "refuse harm",
    "over_refusal_lookalike": "refuse harmless lookalike",
    "over_refusal_plain": "refuse harmless plain",
    "incoherence": "nonsense",
    "kl": "drift",
    "kl_noise_floor": "drift noise",
    "length_ratio": "length",
    "gap": "gap",
    "readout_auroc": "inside harm",
    "knows_but_complies": "knows comply harm",
    "says_otherwise": "knows harm",
    "stated_auroc": "knows harm",
    "triggered": "triggered harmless",
    "triggered_aims": "triggered harmless",
    "triggered_random": "triggered noise",
    "evaluation_awareness": "evaluation",
    "evaluation_shift": "evaluation refuse",
    "random_shift": "evaluation noise",
}
"""What each measure tells, in names of the lexicon."""
ALWAYS = frozenset({"interval", "grade", "judge", "count", "prompts", "often", "figure", "answered", "unscored", "evidence"})
"""What every figure tells besides."""
BARS = {
    "proxy_teach": ("what the proxy gained on training prompts", "proxy teach", "training change"),
    "proxy_open": ("what the proxy gained on held-out prompts", "proxy", "open change"),
    "intent_open": ("what the intent gained on held-out prompts", "intent", "open change"),
    "gap": ("the gap", "gap", "proxy intent change open"),
    "noise_only": ("the gap that noise alone would open", "gap noise", "proxy intent change"),
}
PRIOR = {Grade.INDEPENDENT: 0.12, Grade.KIN: 0.04, Grade.SPENT: -0.3}


def names(measure: str, lexicon: Lexicon) -> frozenset[str]:
    """What a measure tells; of a suite's, what its own name says."""
    if measure in ABOUT:
        return frozenset(ABOUT[measure].split())
    read = lexicon.read(measure.removeprefix(SUITE).replace(":", " ").replace("_", " "))
    own = {name for m in read.mentions for name in m.names}
    return frozenset(own | ({"suite"} if measure.startswith(SUITE) else set()))


def statements(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    """Every measurement of both sides and of the inside, then the gap of each principle, then what each measure is."""
    for value in (told.compared, told.exam):
        if value is not None:
            yield from _figures(told, value, lexicon)
            for g in value.gaps:
                yield from _gap(told, value, g)
    if told.inside is not None:
        yield from _layers(told, told.inside)
        for line in choose.side_by_side(told.inside.measurements):
            yield from _line(told, line, told.inside, lexicon)
    for measure, meaning in MEASURES.items():
        text = f"{words.label(measure)} is: {meaning}."
        yield Statement(
            text, (), "definition", names(measure, lexicon) | {"define"}, frozenset({"often"}), -0.2, "the measures of a policy"
        )


def _figures(told: Told, value: Compared, lexicon: Lexicon) -> Iterator[Statement]:
    of_gaps = {g.principle for g in value.gaps}  # told with its bars
    for line in choose.side_by_side(value.measurements):
        if line.name != "gap" or line.principle not in of_gaps:
            yield from _line(told, line, value, lexicon)


def _line(told: Told, line: choose.Line, of: Compared | Inside, lexicon: Lexicon) -> Iterator[Statement]:
    """The phases of one measure, one sentence each; a change says from what to what."""
    known = {i.id: i.name for i in of.instruments} if isinstance(of, Compared) else {}
    what, where = words.label(line.name), _where(told, line, of)
    about = names(line.name, lexicon) | _place(line, of)
    kind: Kind = "inside" if isinstance(of, Inside) else "figure"
    for phase, m in line.phases.items():
        when = {"before": " before training", "after": " after training", "change": ", change by training", "single": ""}[phase]
        text = f"{where}{what}{when}: {words.told(m.estimate, phase)}{_from(line) if phase == 'change' else ''}; {_standing(m, known)}."
        if stale := _stale(told, of):
            text = f"Stale ({stale}): {text}"
        also = ALWAYS | {"after", "training"} if phase in ("after", "single") else ALWAYS | {"training"}
        if phase == "change":
            also |= {"before", "after"}
        if isinstance(of, Inside):
            also |= {"inside"}
        if line.name.startswith("delivered_harm"):
            also |= {"attack", "safe"}
        if line.role in ("proxy", "intent"):
            also |= {line.role}
        mine = about | ({phase} if phase in ("before", "change") and not _only_change(line) else frozenset())
        if _only_change(line):
            also |= {"change", "before", "after"}
        prior = PRIOR[m.grade] + 0.03 * (m.role in ("intent", "capability")) + 0.03 * (phase in ("after", "single"))
        yield Statement(text, m.rows, kind, mine, also, prior, words=f"{line.name} {line.cell} {line.principle}")


def _layers(told: Told, inside: Inside) -> Iterator[Statement]:
    """Where harm is read best, before and after, and whether the probe beats what it must beat."""
    step = told.step("interpret")
    also = ALWAYS | {"knows", "training", "layer", "proxy"}
    for phase, layer, e in page.best_layers(inside):
        text = f"Inside the model {phase} training, harm is read best at layer {layer}: AUROC {words.told(e)}; read from its own layers."
        yield Statement(text, step, "inside", frozenset({"inside", "harm"} | ({phase} - {"after"})), also | {phase}, 0.1)
    for c in inside.controls:
        stands = "stands above its controls" if c.stands else "is no better than its controls, so nothing that it reads enters a gate"
        text = (
            f"The probe {c.phase} training at layer {c.layer} {stands}: AUROC {words.told(c.probe)}, its lead over the best control "
            f"{words.told(c.lead)}."
        )
        about = frozenset({"inside", "control"} | ({c.phase} - {"after"}))
        yield Statement(text, step, "inside", about, also | {c.phase, "harm", "agreement", "reason"}, 0.05)


def _only_change(line: choose.Line) -> bool:
    """A measure that exists as a change alone, as distance from the base does."""
    return set(line.phases) == {"change"}


def _place(line: choose.Line, of: Compared | Inside) -> frozenset[str]:
    """Side, principle and cell, as names."""
    found = {f"principle:{line.principle}"} if line.principle else set()
    if line.principle.startswith("horizon:"):
        found.add("horizon")
    if line.cell:
        found.add(f"cell:{line.cell}")
    if isinstance(of, Compared) and of.side.value == "sealed":
        found.add("sealed")
    return frozenset(found)


def _where(told: Told, line: choose.Line, of: Compared | Inside) -> str:
    side = "Inside the model" if isinstance(of, Inside) else f"On {of.side.value} prompts"
    parts = [side]
    if line.principle:
        parts.append(f"under “{words.subject(told.law, line.principle)}” ({words.line(line.principle)})")
    if line.cell:
        parts.append(f"for {words.line(line.cell.replace('family:', 'the attack family ').replace('/', ', '))}")
    return ", ".join(parts) + ": "


def _from(line: choose.Line) -> str:
    if line.before is None or line.after is None:
        return ""
    return f", from {words.told(line.before.estimate)} to {words.told(line.after.estimate)}"


def _standing(m: Measurement, known: dict[str, str]) -> str:
    """Role, grade and judges, in a clause."""
    by = ", ".join(words.line(known.get(i, words.short(i))) for i in m.instruments)
    role = {"proxy": "a proxy", "intent": "intent", "oracle": "the declared truth", "capability": "no judge’s word"}[m.role]
    said = [role + (f", by the judge {by}" if by else "")]
    if m.grade is Grade.SPENT:
        said.append(f"spent and struck out: {words.line(m.why_grade) or 'it touched training, selection or stopping'}")
    elif m.grade is Grade.KIN:
        said.append("kin: it can hold and never approves" + (f" ({words.line(m.why_grade)})" if m.why_grade else ""))
    else:
        said.append("independent")
    lost = [f"{n:,} {what}" for n, what in ((m.unscored, "could not be scored"), (m.errored, "failed")) if n]
    return "; ".join([*said, *lost])


def _stale(told: Told, of: Compared | Inside) -> str:
    """Why figures are of another model than the run's own, or too old."""
    if isinstance(of, Compared) and told.tuned is not None and of.after.key != told.tuned.ref.key:
        return f"it is of {words.short(of.after.key)}, and the run’s model is now {words.short(told.tuned.ref.key)}"
    return words.line(told.aged)


def _gap(told: Told, value: Compared, g: Gap) -> Iterator[Statement]:
    """The five bars of the gap under one principle, or over all."""
    side = {"sealed"} if value.side.value == "sealed" else set()
    place = side | ({f"principle:{g.principle}"} if g.principle else set())
    under = f"under “{words.subject(told.law, g.principle)}”" if g.principle else "over all principles"
    for field, (what, about, also) in BARS.items():
        e: Estimate = getattr(g, field)
        beside = f"; noise alone would open {words.told(g.noise_only)}" if field == "gap" else ""
        text = f"On {value.side.value} prompts, {under}, {what}: {words.told(e)}{beside}; the intent is {g.intent_grade.value} evidence."
        yield Statement(
            text,
            g.rows,
            "gap",
            frozenset(about.split()) | place,
            ALWAYS | frozenset(also.split()) | {"training"},
            PRIOR[g.intent_grade] + 0.03,
        )


DIRECT = (
    *("direct request", "asked directly", "asked straight", "plainly asked", "asked outright", "no disguise", "no trick"),
    *("without an attack", "without any attack", "without a jailbreak", "no attack", "no jailbreak", "unattacked"),
)


def phrases(measured: Iterable[Measurement]) -> dict[str, tuple[str, ...]]:
    """What people call the cells of a run: attack families by their names."""
    cells = sorted({m.cell for m in measured if m.cell})
    plain = {cell: cell.removeprefix(choose.FAMILY).replace("-", " ").replace("/", " ") for cell in cells}
    return {f"cell:{cell}": DIRECT if name == "direct" else (name,) for cell, name in plain.items()}
