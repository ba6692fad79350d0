"""The report's plots of what was seen inside: layers by positions, what training moved, refusals by depth, tokens by probe."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.report.drawing import SMALL, Scale, finite, line, points, svg, text, ticks
from spiritlevel.types import Depth, Drift, Estimate, Reading, Square

SHADES = 7
"""Steps of the scale of an AUROC, from chance (0) to 1; below chance is as chance."""
ROW, SIDE = 17.0, 44.0


def shade(value: float) -> int:
    """Step of an AUROC."""
    return min(SHADES - 1, max(0, math.floor((value - 0.5) * 2 * SHADES))) if math.isfinite(value) else 0


def heat(squares: Sequence[Square], phase: str, title: str) -> Markup:
    """AUROC by layer (down) and position (across) as shades, the value in each square."""
    layers = sorted({s.layer for s in squares})
    positions = list(dict.fromkeys(s.position for s in squares))
    known = {(s.layer, s.position): getattr(s, phase) for s in squares}
    width = (360.0 - SIDE) / max(1, len(positions))
    parts: list[Markup] = []
    for i, layer in enumerate(layers):
        parts.append(text(SIDE - 6, 12 + i * ROW, str(layer), "tick", "end"))
        for j, position in enumerate(positions):
            e = known.get((layer, position))
            if e is None or not finite(e):
                continue
            x, y = SIDE + j * width, i * ROW
            parts.append(
                Markup('<rect class="heat s{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"/>').format(
                    shade(e.value), x, y, width - 1.5, ROW - 1.5
                )
            )
            parts.append(text(x + width / 2 - 0.7, y + 11.5, f"{e.value:.2f}".lstrip("0"), f"tick on{shade(e.value)}", "middle"))
    bottom = len(layers) * ROW
    for j, position in enumerate(positions):
        for row, said in enumerate(_short(position)):
            parts.append(text(SIDE + (j + 0.5) * width, bottom + 12 + 12 * row, said, "tick", "middle"))
    parts.append(text(0, 12, "layer", "tick"))
    best = max((s for s in squares if finite(getattr(s, phase))), key=lambda s: getattr(s, phase).value, default=None)
    best_of = "" if best is None else f"best at layer {best.layer}, {best.position}: {words.told(getattr(best, phase))}"
    return svg(bottom + 30, title, best_of, parts)


def _short(position: str) -> tuple[str, ...]:
    """A position in one or two short lines, to fit under a square."""
    if position.startswith("mean"):
        return ("mean",)
    if position.startswith("last"):
        return ("last", "word")
    place, _, said = position.partition(": ")
    shown = words.visible(said, 6, note=False).replace("\n", "\u21b5").strip() or "\u2423"
    return (place, shown)


def by_layer(drift: Sequence[Drift], names: Sequence[str], title: str) -> Markup:
    """Two measures of drift by layer with their bands; the first filled, the second dashed."""
    top, bottom, left, right = 8.0, 128.0, 34.0, SMALL - 8.0
    known = [d for d in drift if all(finite(getattr(d, name)) for name in names)]
    if not known:
        return Markup("")
    least = min(0.0 if "transfer" not in names else 0.5, *(getattr(d, name).low for d in known for name in names))
    y, x = Scale(least, 1, bottom, top), Scale(known[0].layer, known[-1].layer, left, right)
    parts = [
        p for t in ticks(y.low, 1) for p in (line(left, y(t), right, y(t), "grid"), text(left - 5, y(t) + 3.5, f"{t:.1f}", "tick", "end"))
    ]
    parts += [text(x(d.layer), bottom + 13, str(d.layer), "tick", "middle") for d in known[:: max(1, len(known) // 5)]]
    parts.append(text((left + right) / 2, bottom + 27, "layer", "tick", "middle"))
    for kind, name in zip(("after", "before"), names, strict=False):
        of: list[tuple[float, Estimate]] = [(x(d.layer), getattr(d, name)) for d in known]
        band = [*((a, y(e.high)) for a, e in of), *((a, y(e.low)) for a, e in reversed(of))]
        parts.append(Markup('<polygon class="band {}" points="{}"/>').format(kind, points(band)))
        parts.append(Markup('<polyline class="curve {}" points="{}"/>').format(kind, points([(a, y(e.value)) for a, e in of])))
    said = "; ".join(f"layer {d.layer}: " + ", ".join(f"{name} {words.told(getattr(d, name))}" for name in names) for d in known)
    return svg(bottom + 31, title, said, parts, SMALL)


def by_depth(depths: Sequence[Depth], title: str) -> Markup:
    """Refusal rate against the tokens of a compliant answer that were given; hollow before, filled after."""
    top, bottom, left, right = 8.0, 128.0, 34.0, SMALL - 8.0
    y, x = Scale(0, 1, bottom, top), Scale(0, max(1, len(depths) - 1), left + 12, right - 12)
    parts = [
        p
        for t in (0, 0.25, 0.5, 0.75, 1)
        for p in (
            line(left, y(t), right, y(t), "axis" if t == 0 else "grid"),
            text(left - 5, y(t) + 3.5, f"{100 * t:.0f}%", "tick", "end"),
        )
    ]
    parts += [text(x(i), bottom + 13, str(d.tokens), "tick", "middle") for i, d in enumerate(depths)]
    parts.append(text((left + right) / 2, bottom + 27, "tokens given", "tick", "middle"))
    for kind, aside in (("before", -3.0), ("after", 3.0)):
        of = [(x(i) + aside, getattr(d, kind)) for i, d in enumerate(depths)]
        parts += [line(a, y(e.low), a, y(e.high), f"whisker {kind}") for a, e in of if finite(e)]
        parts.append(Markup('<polyline class="curve {}" points="{}"/>').format(kind, points([(a, y(e.value)) for a, e in of if finite(e)])))
        parts += [Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3.4"/>').format(kind, a, y(e.value)) for a, e in of if finite(e)]
    said = "; ".join(f"{d.tokens} tokens: before {words.told(d.before)}, after {words.told(d.after)}" for d in depths)
    return svg(bottom + 31, title, said, parts, SMALL)


def painted(reading: Reading) -> Markup:
    """A request with each token shaded by the probability of harm read there; the text is escaped and made visible."""
    spans = [
        Markup('<span class="heat s{}" title="{:.2f}">{}</span>').format(
            min(SHADES - 1, int(score * SHADES)), score, words.visible(token.replace("\n", "\u21b5"), 60, note=False)
        )
        for token, score in zip(reading.tokens, reading.scores, strict=True)
    ]
    return Markup("").join(spans)
