"""reward.html: what a reward model is right about and what it rewards for the wrong reason; a pure function of one value."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.report.drawing import WIDTH, Scale, finite, line, reach, svg, text, ticks, whisker
from spiritlevel.report.page import environment
from spiritlevel.types import Effect, Estimate, Reliabilities, RewardReport

Row = tuple[str, Estimate]


def html(report: RewardReport) -> str:
    """The whole page, self-contained; every text from outside is escaped."""
    values = {
        "r": report,
        "words": words,
        "percent": percent,
        "plain": plain,
        "accuracies": accuracies(report),
        "reliability": reliability(report.calibration),
        "effects": effects(report.effects, report.margin),
        "beaten": beaten(report),
    }
    return environment().get_template("reward.html.j2").render(values)


def percent(e: Estimate, *, change: bool = False) -> str:
    """`61.8% (57.0 to 66.4, n = 400)`; changes in signed points."""
    if not math.isfinite(e.value):
        return "not measured"
    sign, unit = ("+", " points") if change else ("", "%")
    value, low, high = (f"{100 * v:{sign}.1f}".replace("-", words.MINUS) for v in (e.value, e.low, e.high))
    return f"{value}{unit} ({low} to {high}, n = {e.n})"


def plain(e: Estimate) -> str:
    """`0.42 (0.30 to 0.55, n = 150)`."""
    if math.isnan(e.value):
        return "not measured"
    value, low, high = (f"{v:.2f}".replace("-", words.MINUS) for v in (e.value, e.low, e.high))
    return f"{value} ({low} to {high}, n = {e.n})"


def beaten(report: RewardReport) -> str:
    """What the best baseline says of the reward model, in a sentence; empty without baselines."""
    if not report.baselines:
        return ""
    best = max(report.baselines, key=lambda b: b.accuracy.value)
    verb = "beats" if best.gain.low > 0 else "is worse than" if best.gain.high < 0 else "is not shown to beat"
    return f"It {verb} {words.line(best.name, 60)}, the better baseline: {percent(best.gain, change=True)} in pairs."


def accuracies(report: RewardReport) -> Markup:
    """Accuracy over all and in parts beside the baselines; chance and the raters' ceiling as lines."""
    rows: list[Row] = [("All pairs", report.accuracy), ("Length-matched", report.matched), ("Adjusted for length", report.adjusted)]
    rows += [(v.name.capitalize(), v.accuracy) for v in report.views]
    rows += [(f"Baseline: {b.name}", b.accuracy) for b in report.baselines]
    marks = [(0.5, "chance")] + ([(report.ceiling.value, "raters")] if report.ceiling and finite(report.ceiling) else [])
    return forest("Accuracy", rows, marks, percent=True)


def effects(of: Sequence[Effect], margin: float) -> Markup:
    """Change of reward by edit, in SDs; the margin of the alarm as a line."""
    rows = [(f"{e.edit.replace('-', ' ').capitalize()}{' (alarm)' if e.alarm else ''}", e.change) for e in of]
    return forest("Change of reward by edit, in SDs", rows, [(0.0, ""), (margin, "margin")])


def forest(title: str, rows: Sequence[Row], marks: Sequence[tuple[float, str]], *, percent: bool = False) -> Markup:
    """A line an estimate: its name, a dot, its interval; `marks` are vertical lines with names. Empty when nothing can be drawn."""
    known = [(name, e) for name, e in rows if finite(e)]
    if not known:
        return Markup("")
    values = [v for _, e in known for v in (e.low, e.high)] + [at for at, _ in marks]
    low, high = (max(0.0, min(values) - 0.02), min(1.0, max(values) + 0.02)) if percent else reach(values)
    x = Scale(low, high, 138, WIDTH - 8)
    bottom = 22.0 * len(known) + 12
    parts = [
        p
        for t in ticks(low, high)
        for p in (
            line(x(t), 10, x(t), bottom, "grid"),
            text(x(t), bottom + 12, f"{100 * t:.0f}%" if percent else f"{t:g}".replace("-", words.MINUS), "tick", "middle"),
        )
    ]
    for at, name in marks:
        parts += [line(x(at), 8, x(at), bottom, "limit" if name else "axis"), text(x(at), 6, name, "tick", "middle")]
    for i, (name, e) in enumerate(known):
        y = 24 + 22.0 * i
        parts += [text(0, y + 4, words.line(name, 26), "label"), *whisker(x(e.low), x(e.high), y)]
        parts.append(Markup('<circle class="after" cx="{:.1f}" cy="{:.1f}" r="4.5"/>').format(x(e.value), y))
    told = "; ".join(f"{words.line(name, 60)}: {e.value:.3f} ({e.low:.3f} to {e.high:.3f})" for name, e in known)
    return svg(bottom + 18, title, told, parts)


def reliability(of: Reliabilities) -> Markup:
    """How often the model is right (with interval) against how sure it is; the diagonal is calibration."""
    known = [b for b in of.bins if finite(b.right) and math.isfinite(b.predicted)]
    if not known:
        return Markup("")
    top, bottom, left = 10.0, 226.0, 40.0
    least = min(0.5, *(b.right.low for b in known))
    x = Scale(0.5, 1.0, left, WIDTH - 10)
    y = Scale(math.floor(10 * least) / 10, 1.0, bottom, top)
    parts = [
        p
        for t in ticks(y.low, 1.0)
        for p in (line(left, y(t), WIDTH - 10, y(t), "grid"), text(left - 6, y(t) + 4, f"{100 * t:.0f}%", "tick", "end"))
    ]
    parts += [text(x(t), bottom + 14, f"{100 * t:.0f}%", "tick", "middle") for t in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    parts += [
        line(x(0.5), y(0.5), x(1), y(1), "chance"),
        text((left + WIDTH - 10) / 2, bottom + 30, "how sure the model is of its order", "tick", "middle"),
    ]
    for b in known:
        at = x(b.predicted)
        parts.append(line(at, y(b.right.low), at, y(b.right.high), "whisker"))
        parts.append(Markup('<circle class="after" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(at, y(b.right.value)))
    told = "; ".join(
        f"sure {b.predicted:.2f}, right {b.right.value:.2f} ({b.right.low:.2f} to {b.right.high:.2f}), {b.pairs} pairs" for b in known
    )
    return svg(bottom + 36, "Reliability", told, parts)
