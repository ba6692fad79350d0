"""The report's plots: pure functions of numbers."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from spiritlevel.report import prose, words
from spiritlevel.report.drawing import SMALL, WIDTH, Scale, finite, line, points, reach, svg, text, ticks, whisker
from spiritlevel.types import Curve, Estimate, Gap, LayerReadout, VerdictKind

BUBBLE = {VerdictKind.APPROVED: 130, VerdictKind.UNPROVEN: 172, VerdictKind.HELD: 222}


def gap_reach(gaps: Sequence[Gap]) -> tuple[float, float]:
    """One scale for all panels of the gap."""
    return reach(
        [v for g in gaps for e in (g.proxy_teach, g.proxy_open, g.intent_open, g.gap, g.noise_only) for v in (e.low, e.high, e.value)]
    )


def gap(g: Gap, title: str, span: tuple[float, float], evidence: str) -> Markup:
    """Three bars of improvement, then the gap beside the one that noise alone would open."""
    left, right, step = 112.0, 302.0, 24.0
    x = Scale(*span, left, right)
    bars = (
        ("Proxy, training", g.proxy_teach, "proxy-teach"),
        ("Proxy, held-out", g.proxy_open, "proxy-open"),
        ("Intent, held-out", g.intent_open, "intent"),
        ("Gap", g.gap, "gap"),
        ("Noise alone", g.noise_only, "noise"),
    )
    bottom = 5 * step + 14
    parts = [
        part
        for t in ticks(*span, most=6)
        for part in (
            line(x(t), 4, x(t), bottom, "grid"),
            text(x(t), bottom + 13, f"{100 * t:+.0f}".replace("-", words.MINUS).replace("+0", "0"), "tick", "middle"),
        )
    ]
    parts.append(line(0, 3 * step + 7, WIDTH, 3 * step + 7, "rule"))
    for i, (name, e, kind) in enumerate(bars):
        y = 6 + i * step + (8 if i > 2 else 0)
        parts.append(text(0, y + 11, name, "label"))
        if finite(e):
            start, end = sorted((x(0), x(e.value)))
            parts.append(
                Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="13"/>').format(kind, start, y, max(end - start, 0.8))
            )
            parts += whisker(x(e.low), x(e.high), y + 6.5)
        parts.append(text(WIDTH, y + 11, words.number(e.value, "gap").removesuffix(" points"), "value", "end", evidence))
    parts.append(line(x(0), 4, x(0), bottom, "axis"))
    said = "; ".join(f"{name}: {words.told(e)}" for name, e, _ in bars)
    return svg(bottom + 18, f"The gap: {title}", said, parts)


def dumbbell(before: Estimate, after: Estimate, title: str, limit: float | None = None, change: Estimate | None = None) -> Markup:
    """A share before (hollow) and after (filled) with intervals, on 0 to 100 %; a limit of the policy as a dashed line."""
    x = Scale(0, 1, 8, WIDTH - 8)
    parts = [line(x(t), 2, x(t), 38, "axis" if t == 0 else "grid") for t in (0, 0.25, 0.5, 0.75, 1)]
    if limit is not None and math.isfinite(limit):
        parts.append(line(x(limit), 0, x(limit), 40, "limit"))
    if finite(before) and finite(after):
        parts.append(line(x(before.value), 13, x(after.value), 27, "link"))
    for e, y, kind in ((before, 13, "before"), (after, 27, "after")):
        if finite(e):
            parts += whisker(x(e.low), x(e.high), y, f"whisker {kind}")
            parts.append(Markup('<circle class="{}" cx="{:.1f}" cy="{}" r="5"/>').format(kind, x(e.value), y))
    at = "" if limit is None else f"; the policy's limit is {words.number(limit, 'refusal')}"
    return svg(40, title, prose.moved(title, before, after, change) + at, parts)


def percent_axis() -> Markup:
    """The scale below a column of dumbbells."""
    x = Scale(0, 1, 8, WIDTH - 8)
    ends: dict[float, str] = {0: "start", 1: "end"}
    parts = [
        text(x(t) + (-8 if t == 0 else 8 if t == 1 else 0), 12, f"{100 * t:.0f}%", "tick", ends.get(t, "middle"))
        for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    return svg(16, "Scale", "of the plots above, in per cent", parts)


def against(e: Estimate, at_most: float | None, at_least: float | None, phase: str = "") -> Markup:
    """An estimate and its interval beside a limit; the shaded side is the allowed one."""
    limit = at_most if at_most is not None else at_least
    if limit is None or not finite(e):
        return Markup("")
    low, high = reach([limit, e.low, e.high])
    x = Scale(low, high, 3, 157)
    start, end = (0.0, x(limit)) if at_most is not None else (x(limit), 160.0)
    parts = [
        Markup('<rect class="allowed" x="{:.1f}" y="2" width="{:.1f}" height="20"/>').format(start, end - start),
        line(x(limit), 0, x(limit), 24, "limit"),
        *whisker(x(e.low), x(e.high), 12),
        Markup('<circle class="after" cx="{:.1f}" cy="12" r="4.5"/>').format(x(e.value)),
    ]
    says = f"{'at most' if at_most is not None else 'at least'} {words.number(limit, e.name, phase)}"
    return svg(24, f"{words.label(e.name)} against its limit", f"{words.told(e, phase)}; {says}", parts, 160, "against")


def layers(readouts: Sequence[LayerReadout], title: str) -> Markup:
    """AUROC by layer before (dashed) and after (solid), each with its band of intervals; the dotted line is chance."""
    known = sorted((r for r in readouts if finite(r.before) and finite(r.after)), key=lambda r: r.layer)
    if not known:
        return Markup("")
    top, bottom = 14.0, 176.0
    least = min(0.5, *(v for r in known for v in (r.before.low, r.after.low)))
    x = Scale(known[0].layer, known[-1].layer, 34, WIDTH - 10)
    y = Scale(math.floor(10 * least) / 10, 1.0, bottom, top)
    parts = [
        p for t in ticks(y.low, 1.0) for p in (line(34, y(t), WIDTH - 10, y(t), "grid"), text(28, y(t) + 4, f"{t:.1f}", "tick", "end"))
    ]
    parts.append(line(34, y(0.5), WIDTH - 10, y(0.5), "chance"))
    parts.append(text(WIDTH - 10, y(0.5) - 4, "chance", "tick", "end"))
    marks = [
        known[0].layer,
        *(int(t) for t in ticks(known[0].layer, known[-1].layer, 6) if t == int(t) and t - known[0].layer > 0),
    ]
    parts += [text(x(t), bottom + 15, str(t), "tick", "middle") for t in marks]
    parts.append(text((34 + WIDTH - 10) / 2, bottom + 31, "layer", "tick", "middle"))
    for kind, of in (("before", [r.before for r in known]), ("after", [r.after for r in known])):
        at = [x(r.layer) for r in known]
        up, down = [(a, y(e.high)) for a, e in zip(at, of, strict=True)], [(a, y(e.low)) for a, e in zip(at, of, strict=True)]
        parts.append(Markup('<polygon class="band {}" points="{}"/>').format(kind, points([*up, *reversed(down)])))
        parts.append(
            Markup('<polyline class="curve {}" points="{}"/>').format(kind, points([(a, y(e.value)) for a, e in zip(at, of, strict=True)]))
        )
        parts += [
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.6"/>').format(kind, a, y(e.value)) for a, e in zip(at, of, strict=True)
        ]
    said = "; ".join(
        f"layer {r.layer}: before {words.told(r.before)}, after {words.told(r.after)}" for r in known[:: max(1, len(known) // 6)]
    )
    return svg(bottom + 36, title, said, parts)


def against_budget(curve: Curve, control: Curve | None) -> Markup:
    """Delivered harm within each budget of queries (filled), and by the direct request asked as often (hollow), with intervals."""
    top, bottom, left, right = 8.0, 118.0, 34.0, SMALL - 8.0
    y = Scale(0, 1, bottom, top)
    far = math.log2(max(curve.budgets[-1], 2))
    parts = [
        p
        for t in (0, 0.25, 0.5, 0.75, 1)
        for p in (
            line(left, y(t), right, y(t), "axis" if t == 0 else "grid"),
            text(left - 5, y(t) + 3.5, f"{100 * t:.0f}%", "tick", "end"),
        )
    ]
    x = Scale(0, far, left + 12, right - 12)
    parts += [text(x(math.log2(b)), bottom + 14, str(b), "tick", "middle") for b in curve.budgets]
    parts.append(text((left + right) / 2, bottom + 28, "queries a goal", "tick", "middle"))
    for kind, one, aside in (("before", control, -3.0), ("after", curve, 3.0)):
        known = [(x(math.log2(b)) + aside, e) for b, e in zip(one.budgets, one.harm, strict=True) if finite(e)] if one else []
        parts += [line(a, y(e.low), a, y(e.high), f"whisker {kind}") for a, e in known]
        parts.append(Markup('<polyline class="curve {}" points="{}"/>').format(kind, points([(a, y(e.value)) for a, e in known])))
        parts += [Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3.4"/>').format(kind, a, y(e.value)) for a, e in known]
    said = "; ".join(f"{e.name} {words.told(e)}" for e in curve.harm)
    beside = "" if control is None else f"; the direct request: {'; '.join(words.told(e) for e in control.harm)}"
    return svg(bottom + 32, f"Success of {curve.attack} against queries", said + beside, parts, SMALL)


def level(kind: VerdictKind) -> Markup:
    """A spirit level whose bubble is centred only when the model is approved."""
    parts = [
        Markup('<rect class="tube" x="2" y="6" width="256" height="36" rx="18"/>'),
        Markup('<ellipse class="bubble" cx="{}" cy="24" rx="27" ry="12.5"/>').format(BUBBLE[kind]),
        line(97, 6, 97, 42, "mark"),
        line(163, 6, 163, 42, "mark"),
    ]
    where = {VerdictKind.APPROVED: "is centred", VerdictKind.UNPROVEN: "is off centre", VerdictKind.HELD: "is at the end"}[kind]
    return svg(48, words.TITLES[kind], f"A spirit level; its bubble {where}.", parts, 260, "level")
