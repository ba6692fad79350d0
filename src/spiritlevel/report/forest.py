"""Plots for a paper: a forest of estimates with intervals, and slopes from before to after. They tell apart without colour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spiritlevel.report import prose, words
from spiritlevel.report.drawing import Scale, finite, line, reach, svg, text, ticks, whisker
from spiritlevel.types import Estimate, Grade

WIDE = 640
ROW, LEFT, RIGHT = 21.0, 262.0, 492.0
APART = 13.0
"""Least distance of two labels."""
SHAPES = ("disc", "square", "diamond", "triangle", "cross", "ring")
"""Marks of slopes, one a line, with the dashes of class d0 to d5."""


@dataclass(frozen=True)
class Branch:
    """One row of a forest."""

    name: str
    estimate: Estimate
    grade: Grade | None = None
    struck: bool = False
    limit: float | None = None
    """What the policy allows, drawn as a bar across the row."""
    phase: str = ""


def mark(shape: str, x: float, y: float, kind: str, r: float = 4.2) -> Markup:
    """A mark centred at a place."""
    if shape in ("disc", "ring"):
        return Markup('<circle class="mark {} {}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(kind, shape, x, y, r)
    if shape == "cross":
        path = f"M{x - r:.1f} {y - r:.1f}L{x + r:.1f} {y + r:.1f}M{x - r:.1f} {y + r:.1f}L{x + r:.1f} {y - r:.1f}"
    elif shape == "square":
        path = f"M{x - r:.1f} {y - r:.1f}h{2 * r:.1f}v{2 * r:.1f}h{-2 * r:.1f}z"
    elif shape == "diamond":
        s = 1.35 * r
        path = f"M{x:.1f} {y - s:.1f}L{x + s:.1f} {y:.1f}L{x:.1f} {y + s:.1f}L{x - s:.1f} {y:.1f}z"
    else:
        path = f"M{x:.1f} {y - 1.2 * r:.1f}L{x + 1.2 * r:.1f} {y + r:.1f}L{x - 1.2 * r:.1f} {y + r:.1f}z"
    return Markup('<path class="mark {} {}" d="{}"/>').format(kind, shape, path)


def forest(branches: Sequence[Branch], title: str, *, change: bool = False, share: bool = True) -> Markup:
    """A row an estimate: name, mark with its interval, value at the right. Filled: independent; hollow: kin; a cross: struck out.

    `change`: on an axis around zero, in points; else from 0 to 100 %. `share` False: plain numbers. Empty when nothing can be drawn.
    """
    known = [b for b in branches if finite(b.estimate)]
    if not known:
        return Markup("")
    values = [v for b in known for v in (b.estimate.low, b.estimate.high, *([b.limit] if b.limit is not None else []))]
    low, high = reach(values) if change or not share else (0.0, 1.0)
    x, bottom = Scale(low, high, LEFT, RIGHT), ROW * len(known) + 10
    parts = [line(x(t), 4, x(t), bottom, "grid") for t in ticks(low, high, 6)]
    parts.append(line(x(0), 4, x(0), bottom, "axis"))
    for i, b in enumerate(known):
        y, e = ROW * i + 16, b.estimate
        kind = "struck" if b.struck else "kin" if b.grade is Grade.KIN else "sure"
        parts.append(text(0, y + 4, _fit(b.name, 42), f"label {kind}"))
        if b.limit is not None:
            parts.append(line(x(b.limit), y - 8, x(b.limit), y + 8, "limit"))
        parts += whisker(x(e.low), x(e.high), y, f"whisker {kind}")
        parts.append(mark("cross" if b.struck else "square", x(e.value), y, kind, 3.4))
        value = words.number(e.value, e.name, b.phase).removesuffix(" points").removesuffix("%")
        parts.append(text(WIDE, y + 4, f"{value} ({words.interval(e, b.phase).partition(', n =')[0]})", f"value {kind}", "end"))
    parts += [text(x(t), bottom + 13, _tick(t, change, share), "tick", "middle") for t in ticks(low, high, 6)]
    unit = ("change, points" if change else "per cent") if share else "value"
    parts.append(text((LEFT + RIGHT) / 2, bottom + 27, unit, "tick", "middle"))
    said = "; ".join(_said(b, change) for b in known)
    return svg(bottom + 32, title, said, parts, WIDE, "plot forest")


@dataclass(frozen=True)
class Slope:
    """One measure before and after."""

    name: str
    before: Estimate
    after: Estimate
    change: Estimate | None = None


def slopes(of: Sequence[Slope], title: str) -> Markup:
    """Shares before (left) and after (right) with intervals, a mark and a dash for each. Empty when nothing can be drawn."""
    known = [s for s in of if finite(s.before) and finite(s.after)][: len(SHAPES)]
    if not known:
        return Markup("")
    top, bottom, left, right = 26.0, 290.0, 118.0, 356.0
    y = Scale(0, 1, bottom, top)
    parts = [p for t in (0, 0.25, 0.5, 0.75, 1) for p in (line(left - 18, y(t), right + 18, y(t), "axis" if t == 0 else "grid"),)]
    parts += [text(left, 12, "before", "tick", "middle"), text(right, 12, "after", "tick", "middle")]
    parts += [text(0, y(t) + 4, f"{100 * t:.0f}%", "tick") for t in (0, 0.25, 0.5, 0.75, 1)]
    for i, s in enumerate(known):
        kind, aside = f"o{i} d{i}", 3.2 * (i - (len(known) - 1) / 2)
        for e, x in ((s.before, left + aside), (s.after, right + aside)):
            parts.append(line(x, y(e.low), x, y(e.high), f"whisker {kind}"))
        parts.append(line(left + aside, y(s.before.value), right + aside, y(s.after.value), f"slope {kind}"))
        parts += [mark(SHAPES[i], x + aside, y(e.value), kind) for e, x in ((s.before, left), (s.after, right))]
    for side, anchor, x in (("before", "end", left - 26), ("after", "start", right + 26)):
        ends = sorted(((y(getattr(s, side).value), i, s) for i, s in enumerate(known)), key=lambda end: end[0])
        for at, (_, i, s) in zip(_apart([end[0] for end in ends], top, bottom), ends, strict=True):
            e = getattr(s, side)
            value = words.number(e.value, "refusal")
            said = f"{value}  {_fit(s.name, 34)}" if side == "after" else value
            parts.append(text(x, at + 4, said, f"name o{i}", anchor))
            if side == "after":
                parts.append(mark(SHAPES[i], x - 9, at, f"o{i}", 3.2))
    said = "; ".join(prose.moved(s.name, s.before, s.after, s.change) for s in known)
    return svg(bottom + 10, title, said, parts, WIDE, "plot slopes")


def _apart(of: Sequence[float], top: float, bottom: float) -> list[float]:
    """Heights of labels, moved so that none meets the next; `of` rises."""
    placed: list[float] = []
    for at in of:
        placed.append(max(at, placed[-1] + APART if placed else top))
    over = max(placed[-1] - bottom, 0.0) if placed else 0.0
    # what was pushed below the frame pushes back
    for i in range(len(placed) - 1, -1, -1):
        most = placed[i + 1] - APART if i + 1 < len(placed) else placed[i] - over
        placed[i] = min(placed[i], most)
    return placed


def _fit(name: str, most: int) -> str:
    return words.line(name if len(name) <= most else name[: most - 1].rstrip() + "…", most)


def _tick(value: float, change: bool, share: bool) -> str:
    if not share:
        return f"{value:g}".replace("-", words.MINUS)
    said = f"{100 * value:{'+' if change else ''}.0f}".replace("-", words.MINUS)
    return "0" if math.isclose(value, 0, abs_tol=1e-9) else said


def _said(b: Branch, change: bool) -> str:
    how = f"{prose.direction(b.estimate)}, " if change else ""
    return f"{b.name}: {how}{words.told(b.estimate, b.phase)}{', struck out' if b.struck else ''}"
