"""power.html: what the checks would have missed, worst first; a pure function of one value."""

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.report.drawing import WIDTH, Scale, finite, line, svg, text, whisker
from spiritlevel.report.page import environment
from spiritlevel.types import Estimate, Power

LEFT, STEP = 190.0, 22.0


def html(power: Power, command: str = "") -> str:
    """The whole page, self-contained; every text from outside is escaped."""
    values = {"p": power, "words": words, "figure": figure(power), "share": share, "lost": power.missed, "command": command}
    return environment().get_template("power.html.j2").render(values)


def share(e: Estimate) -> str:
    """`67% (21 to 94, n = 3)`."""
    return f"{100 * e.value:.0f}% ({100 * e.low:.0f} to {100 * e.high:.0f}, n = {e.n})" if e.n else "did not take"


def figure(power: Power) -> Markup:
    """Detection by flaw and strength with intervals, the controls' false alarms below, on 0 to 100 %."""
    rows = [(f"{cell.flaw} at {cell.strength:g}", cell.detected, "before" if cell.developed else "after") for cell in power.cells]
    rows.append(("clean controls", power.false_alarms, "before"))
    x = Scale(0, 1, LEFT, WIDTH - 10)
    bottom = STEP * len(rows) + 8
    parts = [line(x(t), 2, x(t), bottom, "axis" if t == 0 else "grid") for t in (0, 0.25, 0.5, 0.75, 1)]
    for at, (name, e, kind) in enumerate(rows):
        y = STEP * at + 14
        parts.append(text(0, y + 4, words.line(name, 34)))
        if finite(e):
            parts += whisker(x(e.low), x(e.high), y, f"whisker {kind}")
            parts.append(Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(kind, x(e.value), y))
        else:
            parts.append(text(x(0) + 6, y + 4, "did not take", "tick"))
    parts += [text(x(t), bottom + 14, f"{100 * t:.0f}%", "tick", "middle") for t in (0, 0.5, 1)]
    return svg(bottom + 20, "Detection by flaw and strength", "; ".join(f"{name}: {share(e)}" for name, e, _ in rows), parts)
