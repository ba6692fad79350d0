"""gap.html: proxy and intent against distance, the turning point marked, all figures in tables; a pure function of one value."""

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.report.drawing import Scale, finite, line, points, reach, text, ticks
from spiritlevel.stats import gao
from spiritlevel.types import Estimate, GapCurve, GapPlot, StopRecord

WIDTH, HEIGHT = 620, 350
LEFT, RIGHT, TOP, BOTTOM = 46.0, 456.0, 58.0, 298.0
APART = 14.0
"""Least distance of two labels."""
COLOURS = 6
"""Classes c0 to c5 of the style sheet; more curves repeat them, with their names beside them."""
FORMS = {"best-of-n": "d (a \u2212 b d)", "rl": "d (a \u2212 b log d)"}


def says(curve: GapCurve) -> str:
    """Where the intent turns, or that it does not, in a sentence."""
    t, end = curve.turning, curve.points[-1].d.value
    name = words.line(curve.name, 60)
    if t.kind == "inside":
        return f"{name}: intent turns at d = {words.told(t.d)}; what was pushed further lost {words.told(t.drop)} by d = {end:.3g}."
    if t.kind == "start":
        return f"{name}: intent falls, by {words.told(t.drop)} at d = {end:.3g}, and no rise before that is shown."
    if t.at == len(curve.points) - 1:
        return f"{name}: no turning point of intent is visible up to d = {end:.3g}, where it is highest."
    seen = f" (a fall so large comes by luck in {t.p:.0%})" if math.isfinite(t.p) else ""
    return f"{name}: no turning point of intent is visible up to d = {end:.3g}{seen}."


def fitted(curve: GapCurve) -> str:
    """The intent's fitted form and its turning point, in a sentence; empty when none was fitted."""
    f = curve.intent_fit
    if f is None:
        return ""
    peak = f.turning.value
    if not math.isfinite(peak):
        where = "does not come down"
    elif peak == 0:
        where = "falls from the start"
    else:
        outside = peak > curve.points[-1].d.value
        where = f"is highest at d = {peak:.3g} ({_end(f.turning.low)} to {_end(f.turning.high)})"
        where += ", which lies outside what was seen" if outside else ""
    return f"Intent as {FORMS[f.form]}: a = {words.told(f.a)}, b = {words.told(f.b)}; it {where}; R\u00b2 = {f.r2:.2f}."


def span(e: Estimate) -> str:
    """`1.03 to 1.41`, the interval alone."""
    return words.interval(e).partition(", n =")[0]


def _end(value: float) -> str:
    return "no end" if math.isinf(value) else f"{value:.3g}" if math.isfinite(value) else "unknown"


def lead(plot: GapPlot, curve: GapCurve) -> Markup:
    """Proxy and intent of one curve with bands, what noise alone would leave, the intent's fit, and the turning point with its interval."""
    lines = (
        ("proxy", [p.proxy for p in curve.points]),
        ("noise", [p.expected for p in curve.points]),
        ("intent", [p.intent for p in curve.points]),
    )
    x, y = _axes([curve], [e for _, of in lines for e in of])
    parts = [*_frame(x, y), *_marks(curve, x), *_turn(curve, x)]
    ends = []
    for kind, of in lines:
        parts += _curve(curve, of, kind, x, y, band=kind != "noise")
        ends.append((kind, {"noise": "if errors were noise"}.get(kind, kind), of[-1].value))
    if curve.intent_fit is not None:
        f = curve.intent_fit
        at = [curve.points[-1].d.value * i / 80 for i in range(81)]
        fit = zip(at, gao.value_of(f.form, f.a.value, f.b.value, at).tolist(), strict=True)
        parts.append(_path([(x(a), y(g)) for a, g in fit], "fit intent"))
    parts += _labels(ends, y)
    told = "; ".join(f"{p.label}: proxy {words.told(p.proxy)}, intent {words.told(p.intent)}" for p in curve.points)
    return _svg(f"{plot.title}: {curve.name}", f"{says(curve)} {told}", parts)


def beside(plot: GapPlot) -> Markup:
    """Intent of all curves on the same axes, by name."""
    x, y = _axes(plot.curves, [p.intent for c in plot.curves for p in c.points])
    parts, ends = _frame(x, y), []
    for i, curve in enumerate(plot.curves):
        kind = f"c{i % COLOURS}"
        parts += _curve(curve, [p.intent for p in curve.points], kind, x, y, band=True)
        if curve.turning.kind == "inside":
            at = curve.points[curve.turning.at]
            parts.append(Markup('<circle class="peak {}" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(kind, x(at.d.value), y(at.intent.value)))
        ends.append((kind, curve.name, curve.points[-1].intent.value))
    parts += _labels(ends, y)
    return _svg(f"{plot.title}: intent by way of pushing", " ".join(says(c) for c in plot.curves), parts)


def html(plot: GapPlot, command: str = "", stops: StopRecord | None = None) -> str:
    """One self-contained page. `command`: what made it; `stops`: the record of stop rules in the same world."""
    from spiritlevel.report.page import environment

    values = {"plot": plot, "command": command, "stops": stops}
    tools = {"words": words, "says": says, "fitted": fitted, "lead": lead, "beside": beside, "span": span}
    return environment().get_template("gap.html.j2").render(values, **tools)


def svg(plot: GapPlot) -> str:
    """The first curve's figure as a file of its own, with its style."""
    from spiritlevel.report.page import TEMPLATES

    style = Markup("<style>{}</style>").format(Markup((TEMPLATES / "gap-figure.css").read_text("utf-8")))
    figure = str(lead(plot, plot.curves[0])).replace('<svg class="gap"', '<svg xmlns="http://www.w3.org/2000/svg" class="gap"', 1)
    return figure.replace("<title>", f"{style}<title>", 1)


def _axes(curves: Sequence[GapCurve], of: Sequence[Estimate]) -> tuple[Scale, Scale]:
    far = max([p.d.value for c in curves for p in c.points] + [0.1])
    low, high = reach([v for e in of for v in (e.value, e.low, e.high)])
    return Scale(0, far, LEFT, RIGHT), Scale(low, high, BOTTOM, TOP)


def _frame(x: Scale, y: Scale) -> list[Markup]:
    parts = [
        p
        for t in ticks(y.low, y.high, 6)
        for p in (line(LEFT, y(t), RIGHT, y(t), "grid"), text(LEFT - 6, y(t) + 4, _short(t), "tick", "end"))
    ]
    parts.append(line(LEFT, y(0), RIGHT, y(0), "axis"))
    parts += [text(x(t), BOTTOM + 16, _short(t), "tick", "middle") for t in ticks(0, x.high, 7)]
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 36, "distance d = \u221aKL to the start, KL in nats", "tick", "middle"))
    parts.append(text(4, 14, "gain, in SDs of the base policy", "tick"))
    return parts


def _marks(curve: GapCurve, x: Scale) -> list[Markup]:
    """Names of the points above the frame, as far as they have room."""
    parts, last = [], -math.inf
    for p in curve.points:
        name, at = p.label.removeprefix("n = ").removeprefix("step "), x(p.d.value)
        if at - last > 6 * len(name) + 8:
            parts.append(text(at, TOP - 6, name, "tick", "middle"))
            last = at
    return [*parts, text(LEFT - 12, TOP - 6, "n" if curve.form == "best-of-n" else "at", "tick", "end")]


def _turn(curve: GapCurve, x: Scale) -> list[Markup]:
    t = curve.turning
    if t.kind != "inside":
        said = "intent falls from the start" if t.kind == "start" else "no turning point visible"
        return [text(RIGHT, 30, said, "turn", "end")]
    parts = []
    if finite(t.d):
        width = max(x(t.d.high) - x(t.d.low), 2.0)
        parts.append(
            Markup('<rect class="turn" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(x(t.d.low), TOP, width, BOTTOM - TOP)
        )
    parts.append(line(x(t.d.value), TOP, x(t.d.value), BOTTOM, "turn"))
    at = min(max(x(t.d.value), LEFT + 110), RIGHT - 60)
    said = f"intent turns at {words.number(t.d.value, t.d.name)}" + (f" ({span(t.d)})" if finite(t.d) else "")
    return [*parts, text(at, 30, said, "turn", "middle")]


def _curve(curve: GapCurve, of: Sequence[Estimate], kind: str, x: Scale, y: Scale, *, band: bool) -> list[Markup]:
    """Line with points, hollow under the noise floor; a band where the way goes only forward, else an interval at each point."""
    at = [x(p.d.value) for p in curve.points]
    forward = all(b >= a for a, b in pairwise(at))
    known = [(a, e) for a, e in zip(at, of, strict=True) if finite(e)]
    parts = []
    if band and forward and len(known) > 1:
        outline = [*((a, y(e.high)) for a, e in known), *((a, y(e.low)) for a, e in reversed(known))]
        parts.append(Markup('<polygon class="band {}" points="{}"/>').format(kind, points(outline)))
    elif band:
        parts += [line(a, y(e.low), a, y(e.high), f"upright {kind}") for a, e in known]
    parts.append(_path([(a, y(e.value)) for a, e in zip(at, of, strict=True) if math.isfinite(e.value)], f"curve {kind}"))
    if band:
        for a, e, p in zip(at, of, curve.points, strict=True):
            if math.isfinite(e.value):
                hollow = "" if p.above_floor else " under"
                shape = '<rect class="point {}{}" x="{:.1f}" y="{:.1f}" width="6" height="6"/>'
                if kind == "intent":  # a square, so that it is told from the proxy without colour
                    parts.append(Markup(shape).format(kind, hollow, a - 3, y(e.value) - 3))
                else:
                    parts.append(Markup('<circle class="point {}{}" cx="{:.1f}" cy="{:.1f}" r="2.8"/>').format(kind, hollow, a, y(e.value)))
    return parts


def _labels(ends: Sequence[tuple[str, str, float]], y: Scale) -> list[Markup]:
    """Names at the ends of the lines, moved apart where they would meet."""
    placed: list[tuple[float, str, str]] = []
    for kind, name, value in sorted((e for e in ends if math.isfinite(e[2])), key=lambda e: y(e[2])):
        placed.append((max(y(value), placed[-1][0] + APART if placed else -math.inf), kind, name))
    over = max(placed[-1][0] - BOTTOM - 8, 0.0) if placed else 0.0
    return [text(RIGHT + 8, at - over + 4, words.line(name, 26), f"name {kind}") for at, kind, name in placed]


def _short(value: float) -> str:
    return f"{value + 0.0:.3g}".replace("-", words.MINUS)


def _path(of: Sequence[tuple[float, float]], kind: str) -> Markup:
    return Markup('<polyline class="{}" points="{}"/>').format(kind, points(of))


def _svg(title: str, text: str, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="gap" viewBox="0 0 {} {}" role="img"><title>{}</title><desc>{}</desc>').format(
        WIDTH, HEIGHT, words.line(title), words.line(text, 1500)
    )
    return head + Markup("").join(parts) + Markup("</svg>")
