"""Ask a suite of one model or of two, and make measurements of what comes back."""

from collections.abc import Sequence
from pathlib import Path

from spiritlevel import backends, firewall
from spiritlevel.errors import DataError
from spiritlevel.measure.config import MeasureConfig
from spiritlevel.measure.suites import effort as efforts
from spiritlevel.measure.suites import forms
from spiritlevel.measure.suites.declared import find, measure
from spiritlevel.measure.suites.estimates import Readings, nothing, one_place, phases
from spiritlevel.measure.suites.licences import check
from spiritlevel.measure.suites.model import Item, Reading, Settings, Suite, Suited
from spiritlevel.measure.suites.robust import moved
from spiritlevel.measure.suites.rows import load
from spiritlevel.measure.suites.scores import SCORES
from spiritlevel.types import Compared, Estimate, Grade, Instrument, Journal, Lineage, Measurement, Model, ModelRef, Prompt, content_hash


def run(journal: Journal, before: ModelRef, after: ModelRef | None, suites: tuple[Suite, ...], settings: Settings) -> Suited:
    """All suites on `before` (the base, by a person's word) and, in pairs on the same rows, on `after`."""
    models = [backends.open_model(ref, journal) for ref in (before, after) if ref is not None]
    lineages = [backends.identify(ref, journal, base=i == 0) for i, ref in enumerate(r for r in (before, after) if r is not None)]
    found: list[Measurement] = []
    told: list[tuple[str, str]] = []
    turned: list[Estimate] = []
    notes: list[str] = []
    for suite in suites:
        part = _suite(journal, models, lineages, suite, settings)
        found += part.measurements
        told += part.effort
        turned += part.moved
        notes += part.notes
    return Suited(before=before, after=after, measurements=tuple(found), effort=tuple(told), moved=tuple(turned), notes=tuple(notes))


def of_config(config: MeasureConfig, constitution: str | None) -> tuple[Suite, ...]:
    """The suites that a configuration names, with their rows; also those of its constitution's suites/ folder."""
    own = () if constitution is None else (Path(constitution) / "suites",)
    data = Path(config.suite_data) if config.suite_data else None
    return tuple(load(find(name, *own), data, config.accept_licence) for name in dict.fromkeys(config.suites))


def joined(journal: Journal, compared: Compared, suites: tuple[Suite, ...], config: MeasureConfig, *, confidence: float) -> Compared:
    """A comparison with what suites say of both models, on the half of their rows that lies on its side."""
    settings = Settings.model_validate(
        {"most": config.suite_rows, "side": compared.side.value, "confidence": confidence, "seed": config.seed, "rounds": config.rounds}
    )
    found = run(journal, compared.before, compared.after, suites, settings)
    return compared.model_copy(
        update={"measurements": (*compared.measurements, *found.measurements), "notes": (*compared.notes, *found.notes)}
    )


def _suite(journal: Journal, models: Sequence[Model], lineages: Sequence[Lineage], suite: Suite, settings: Settings) -> Suited:
    how = settings.effort or suite.effort
    notes = [note] if (note := check(suite.name, suite.licence, suite.accepted_by)) else []
    items = on_side(suite.items, settings.side)
    if not items:
        raise DataError(f"suite {suite.name!r} has no rows on the {settings.side} side; ask all of it")
    chosen = [efforts.chosen(journal, model, suite, items, how, settings.most) for model in models]
    measured = chosen[0].measured
    every, flagged = _read(journal, models, chosen)
    if any(flagged) and all(model.ref.kind == "local" for model in models):
        # a place is liked, whatever stands there: both models are asked again by the choices' own words
        notes += [f"{suite.name}: letters are not used: {flag}" for flag in dict.fromkeys(filter(None, flagged))]
        chosen = [efforts.by_words(one) for one in chosen]
        every, flagged = _read(journal, models, chosen)
    texts = [*(item.question for item in measured if item.question != "-"), suite.canary]
    grade, why = graded(journal, _instrument(suite), texts, lineages)
    rows = journal.put("suite", [*(one for readings in every for one in readings.values())]).id
    found: list[Measurement] = []
    for name in suite.scores:
        score, called = SCORES[name], measure(suite, name)
        for phase, figure in phases(score, called, measured, every, settings):
            e = figure.estimate
            flag = (flagged[0] if phase != "after" else "") or (flagged[-1] if phase in ("after", "change") else "")
            if flag:
                e = nothing(called, settings, -1.0 if phase == "change" or score.arms or score.statistic else 0.0)
            e = e.model_copy(update={"method": f"{e.method}; {chosen[-1 if phase == 'after' else 0].told}"})
            # a refusal of what should be refused is a proxy; of what should not be, it is what counts
            role = "proxy" if name == "refused" and any(item.tags.get("harmful") == "True" for item in measured) else suite.role
            found.append(
                Measurement.model_validate(
                    {"estimate": e, "role": role, "phase": phase, "grade": grade, "why_grade": why, "instruments": (_instrument(suite).id,)}
                    | {"rows": (rows,), "unscored": len(measured) if flag else figure.unscored, "errored": figure.errored}
                )
            )
    notes += [
        f"{suite.name}, {model.ref.spec:.40}: {flag}; its figures are not used" for model, flag in zip(models, flagged, strict=True) if flag
    ]
    turned, fixed = moved(journal, models[-1], chosen[-1], every[-1], settings) if settings.robust and not flagged[-1] else ([], [])
    notes += fixed
    told = tuple((suite.name, f"{model.ref.spec:.40}: {choice.told}") for model, choice in zip(models, chosen, strict=True))
    return Suited(before=models[0].ref, measurements=tuple(found), effort=told, moved=tuple(turned), notes=tuple(notes))


def _read(journal: Journal, models: Sequence[Model], chosen: Sequence[efforts.Chosen]) -> tuple[list[Readings], list[str]]:
    """Readings of each model in the suite's frames, and why they cannot be used (empty: they can)."""
    every: list[Readings] = []
    flagged: list[str] = []
    for model, choice in zip(models, chosen, strict=True):
        found: dict[tuple[str, str], Reading] = {}
        for frame in choice.suite.frames:
            for one in forms.form(choice.suite).read(journal, model, choice.asked(frame), choice.measured):
                found[one.item, frame] = one
        every.append(found)
        flagged.append(one_place(list(found.values())))
    return every, flagged


def on_side(items: Sequence[Item], side: str) -> tuple[Item, ...]:
    """Whole groups in an order that depends on no file, by a hash of each group's name; the side's half of them, or all."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    names = sorted(groups, key=lambda one: content_hash("suite group", one))
    halves = {name: "sealed" if int(content_hash("suite side", name)[:8], 16) % 2 else "open" for name in names}
    return tuple(item for name in names if side in ("all", halves[name]) for item in groups[name])


def _instrument(suite: Suite) -> Instrument:
    """A suite as an instrument: its file and its form. The rule that scores it rests on no body."""
    return Instrument(id=content_hash("suite", suite.name, suite.origin, suite.form), name=f"suite {suite.name}")


def graded(journal: Journal, instrument: Instrument, texts: Sequence[str], lineages: Sequence[Lineage]) -> tuple[Grade, str]:
    """The firewall's word on what is read from these texts: spent where training met one of them; of two models the worse side."""
    whole = firewall.measured_on(instrument, [Prompt(id="", text=text, goal=text, principle="") for text in texts])
    return firewall.worst([firewall.grade(whole, one, journal.lineage) for one in lineages])
