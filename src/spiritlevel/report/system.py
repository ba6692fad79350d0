"""system-card.html: the technical report of a release, numbered and for print; a pure function of the values that it is given."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from spiritlevel.constitution import Constitution
from spiritlevel.report import chapters, choose, overoptimisation, power, prose, words
from spiritlevel.report.campaigns import lines, share
from spiritlevel.report.forest import Branch, Slope, forest, slopes
from spiritlevel.report.held import ROBUST
from spiritlevel.report.page import environment
from spiritlevel.report.refs import Refs
from spiritlevel.types import Governed, Held, Measurement

MOST = 28
"""Rows of one forest; the tables have them all."""
FRONT = (
    ("summary", "Summary"),
    ("model", "The model"),
    ("methods", "Methods"),
    ("conditions", "Conditions of release"),
    ("gap", "The gap"),
)
CHANGE = ("change", "Harm, refusals and coherence")
BACK = (
    ("red-team", "Red team"),
    ("inside", "Inside"),
    ("power", "Power of the checks"),
    ("judges", "Judges and instruments"),
    ("unknown", "Limits"),
    ("evidence", "Evidence"),
)


def html(values: dict[str, Any], held: Held, governed: Governed | None = None) -> str:
    """The whole card. `values`: what page.shared made for it, with footnotes of its own."""
    told = chapters.told(held, values["compared"], values["exam"], governed)
    contents = [*FRONT, CHANGE, *((t.chapter.id, t.chapter.title) for t in told), *BACK]
    refs: Refs = values["refs"]
    named = naming(values["law"], held)
    tools = {
        "held": held,
        "chapters": told,
        "prose": prose,
        "choose": choose,
        "contents": contents,
        "section": {id: (i, title) for i, (id, title) in enumerate(contents, 1)},
        "empty": {t.chapter.id for t in told if not t.lines},
        "name": named,
        "caveats": lambda x: prose.caveats(x, next((why for m in x.phases.values() if (why := refs.struck(m))), "")),
        "overall": overall,
        "forests": lambda t: forests(t, refs, named),
        "slopes": sloped(values["plotted"]),
        "changes": changes(values["plotted"], refs, named),
        "power_figure": power.figure,
        "power_share": power.share,
        "power_rows": lambda whence, p: (p.alarms.id, p.rules.id, whence.row),
        "curve": overoptimisation.lead,
        "curve_says": overoptimisation.says,
        "share": share,
        "lines": list(lines(values["provoked"])),
    }
    return environment().get_template("system.html.j2").render(values | tools)


def figures(values: dict[str, Any], held: Held, governed: Governed | None = None) -> dict[str, str]:
    """The plots as files of their own, with their style: file names to SVG."""
    refs: Refs = values["refs"]
    named = naming(values["law"], held)
    found = [
        *(("gap", values["gap_plot"](g)) for g in values["gaps"] if not g.principle),
        ("before-after", sloped(values["plotted"])),
        ("changes", changes(values["plotted"], refs, named)),
        *(("power", power.figure(p)) for _, p in held.powers[-1:]),
        *(("gap-curve", overoptimisation.lead(plot, plot.curves[0])) for _, plot in held.curves[-1:]),
    ]
    for one in chapters.told(held, values["compared"], values["exam"], governed):
        found += [(f"{one.chapter.id}{'-changes' * i}", plot) for i, plot in enumerate(forests(one, refs, named))]
    return {f"{name}.svg": alone(plot) for name, plot in found if plot}


def alone(plot: Markup) -> str:
    """A plot as a file that stands by itself."""
    templates = environment()
    style = "".join(templates.get_template(file).render() for file in ("colours.css", "figures.css", "gap-figure.css"))
    text = str(plot).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return text.replace("<title>", f"<style>{style}</style><title>", 1) + "\n"


def overall(of: choose.Lines, parts: bool = False) -> choose.Lines:
    """Lines about everything rather than a part of it; `parts`: all."""
    return [x for x in of if parts or (not x.principle and x.cell in ("", ROBUST))]


Named = Callable[[choose.Line], str]


def naming(law: Constitution, held: Held) -> Named:
    """A line's name for people: a suite's by its title, with what is counted where it counts several things; a part's with its whole."""
    places = {p.measure: p for p in held.places}

    def name(x: choose.Line) -> str:
        about = f"{words.subject(law, x.principle)}: " if x.principle.startswith("category:") else ""
        mine = [p for measure, p in places.items() if x.name == measure or (x.cell and x.name.startswith(measure))]
        if mine:
            place = max(mine, key=lambda p: len(p.measure))
            score = place.measure.partition("/")[2]
            more = (f" · {score}" if score else "") + x.name.removeprefix(place.measure)
            return words.line(place.title + more.replace("_", " ").replace("-", " "), 90)
        kind, _, rest = x.name.partition(":")
        label = rest[0].upper() + rest[1:] if f"{kind}:" in words.PREFIXES and rest else words.label(x.name)
        return words.line(about + (label[0].lower() + label[1:] if about else label), 90)

    return name


def forests(told: chapters.Told, refs: Refs, name: Named) -> list[Markup]:
    """Levels after training, then changes and differences, as forests; only those that have rows."""
    mine = [(x, x.after or x.single) for x in overall(told.lines, told.chapter.parts)]

    def branch(x: choose.Line, m: Measurement, phase: str = "") -> Branch:
        return Branch(name(x), m.estimate, m.grade, bool(refs.struck(m)), phase=phase)

    last = [(x, m) for x, m in mine if m is not None and words.shared(m.estimate.name)]
    levels = [branch(x, m) for x, m in last if _level(m.estimate.name)]
    moved = [branch(x, x.change, "change") for x, _ in mine if x.change and words.shared(x.change.estimate.name)]
    moved += [replace(b, name=f"{b.name}, after") for x, m in last if not _level(m.estimate.name) and (b := branch(x, m, "change"))]
    plots = (forest(levels[:MOST], "Levels of the model after training"), forest(moved[:MOST], "Changes and differences", change=True))
    return [plot for plot in plots if plot]


def changes(of: choose.Lines, refs: Refs, name: Named) -> Markup:
    """Changes of the loop's own measures."""
    found = [(x, x.change) for x in of if x.change]
    branches = [Branch(name(x), m.estimate, m.grade, bool(refs.struck(m)), phase="change") for x, m in found]
    return forest(branches, "Change from before to after, in pairs", change=True)


def sloped(of: choose.Lines) -> Markup:
    """The loop's own measures before and after."""
    known = [(words.label(x.name), x.before, x.after, x.change) for x in of]
    return slopes([Slope(n, b.estimate, a.estimate, c.estimate if c else None) for n, b, a, c in known if b and a], "Before and after")


def _level(measure: str) -> bool:
    """A share between 0 and 1, no difference of shares."""
    return words.shared(measure) and not words.changes(measure) and not measure.endswith(("/gap", "/bias", "/difference"))
