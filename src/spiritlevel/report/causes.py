"""circuit.html, patch.html and features.html: what was found inside, drawn; pure functions of one value each."""

import math

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.report.drawing import Scale, line, reach, svg, text, ticks
from spiritlevel.report.page import environment
from spiritlevel.report.reward import percent, plain
from spiritlevel.types import Circuit, Patched, Spot
from spiritlevel.types import Features as FeatureSet

ROW, LEFT, WIDE = 22.0, 64.0, 860
"""Height of a block, left margin and width of a drawing, in units."""
TOLD = 0.25
"""Effects of at least this share of the largest have their number written in their cell, so that the sign needs no colour."""


def circuit_html(circuit: Circuit) -> str:
    """The whole page, self-contained; every text from outside is escaped."""
    tools = {"c": circuit, "words": words, "percent": percent, "plain": plain, "drawing": drawing(circuit), "sizes": sizes(circuit)}
    return environment().get_template("circuit.html.j2").render(tools)


def patch_html(patched: Patched) -> str:
    """The whole page."""
    tools = {"p": patched, "words": words, "percent": percent, "plain": plain, "grid": grid(patched), "scatter": scatter(patched)}
    return environment().get_template("patch.html.j2").render(tools)


def features_html(features: FeatureSet) -> str:
    """The whole page."""
    tools = {"f": features, "words": words, "percent": percent, "plain": plain, "coloured": coloured}
    return environment().get_template("features.html.j2").render(tools)


def drawing(circuit: Circuit) -> Markup:
    """Writers and readers block by block from the embedding below to the logits above; an edge is as wide as it is strong."""
    depth, heads, groups = circuit.shape
    step = (WIDE - LEFT - 130) / max(1, heads - 1)
    bottom = ROW * (depth + 2) + 10
    met = {name for edge in circuit.edges for name in edge[:2]}

    def place(name: str) -> tuple[float, float]:
        if name in ("embedding", "logits"):
            return LEFT + step * (heads - 1) / 2, bottom if name == "embedding" else 14.0
        kind, _, rest = name.partition(" ")
        block, _, which = rest.removesuffix(" q").partition(".")
        y = bottom - ROW * (int(block) + 0.0)
        if kind == "mlp":
            return WIDE - 60, y - 7
        each = heads // groups
        if kind == "head":
            return LEFT + step * (int(which) - 1), y
        first = (int(which) - 1) * each
        return LEFT + step * (first + (each - 1) / 2), y + 7

    parts = [text(4, bottom - ROW * n + 4, f"block {n}", "tick") for n in range(1, depth + 1) if n == 1 or n % 5 == 0 or n == depth]
    parts += [line(LEFT - 12, bottom - ROW * n, WIDE - 40, bottom - ROW * n, "grid") for n in range(1, depth + 1)]
    top = max((abs(worth) for *_, worth in circuit.edges), default=1.0)
    for writer, reader, worth in sorted(circuit.edges, key=lambda edge: abs(edge[2])):
        (x1, y1), (x2, y2) = place(writer), place(reader)
        middle, aside = (y1 + y2) / 2, min(46.0, abs(y1 - y2) / 4) if abs(x1 - x2) < 1 else 0.0  # one above another: bent aside
        parts.append(
            Markup(
                '<path class="edge {}" d="M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}" stroke-width="{:.2f}">'
                "<title>{}</title></path>"
            ).format(
                "for" if worth >= 0 else "against",
                x1,
                y1,
                x1 - aside,
                middle,
                x2 - aside,
                middle,
                x2,
                y2,
                0.6 + 5 * math.sqrt(abs(worth) / top),
                f"{writer} to {reader}: {worth:+.3f}".replace("-", words.MINUS),
            )
        )
    for name in sorted({n.removesuffix(" q") for n in met}):
        x, y = place(name)
        if name in ("embedding", "logits"):
            parts.append(Markup('<rect class="node end" x="{:.1f}" y="{:.1f}" width="86" height="18" rx="9"/>').format(x - 43, y - 9))
            parts.append(text(x, y + 4, name, "tick", "middle"))
        elif name.startswith(("keys", "values")):
            parts.append(
                Markup('<rect class="node" x="{:.1f}" y="{:.1f}" width="5" height="5"><title>{}</title></rect>').format(
                    x - 2.5, y - 2.5, name
                )
            )
        else:
            parts.append(Markup('<circle class="node" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(x, y, name))
            parts.append(text(x + 6, y + 3.5, name.partition(" ")[2] if name.startswith("head") else name, "tick"))
    told = "; ".join(f"{w} to {r} {worth:+.2f}" for w, r, worth in circuit.edges[:8])
    return svg(bottom + 16, f"The circuit of {circuit.task}", f"Strongest edges: {told}", parts, WIDE, "plot circuit")


def sizes(circuit: Circuit) -> Markup:
    """Faithfulness by size (filled) beside random circuits of as many edges (hollow), with intervals; on a logarithmic axis."""
    left, right, top, bottom = 40.0, 352.0, 10.0, 150.0
    known = [s for s in circuit.sizes if all(math.isfinite(v) for v in (s.faithful.low, s.faithful.high)) and s.edges]
    if not known:
        return Markup("")
    low, high = reach([1.05, *(v for s in known for e in (s.faithful, s.random) for v in (e.low, e.high) if math.isfinite(v))])
    y = Scale(low, high, bottom, top)
    x = Scale(math.log(known[0].edges) - 0.2, math.log(known[-1].edges) + 0.2, left, right)
    parts = [
        p
        for t in ticks(low, high)
        for p in (
            line(left, y(t), right, y(t), "grid"),
            text(left - 5, y(t) + 4, f"{100 * t:.0f}%".replace("-", words.MINUS), "tick", "end"),
        )
    ]
    parts.append(line(left, y(1), right, y(1), "chance"))
    for kind, of in (("before", [s.random for s in known]), ("after", [s.faithful for s in known])):
        for s, e in zip(known, of, strict=True):
            if math.isfinite(e.value):
                at = x(math.log(s.edges))
                parts.append(line(at, y(e.low), at, y(e.high), f"whisker {kind}"))
                parts.append(Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(kind, at, y(e.value)))
    parts += [text(x(math.log(s.edges)), bottom + 14, f"{100 * s.share:.1f}%", "tick", "middle") for s in known]
    parts.append(text((left + right) / 2, bottom + 30, "share of all edges", "tick", "middle"))
    told = "; ".join(f"{s.edges} edges: {percent(s.faithful)}, random {percent(s.random)}" for s in known)
    return svg(bottom + 36, "Faithfulness by size", told, parts)


def grid(patched: Patched) -> Markup:
    """A cell for each head and MLP, block by block from below; the deeper the colour, the more patching it changes."""
    heads = patched.heads
    depth = len(patched.nodes) // (heads + 1)
    wide = (WIDE - LEFT - 20) / (heads + 1)
    values = [n.guessed if n.exact is None else n.exact for n in patched.nodes]
    top = max((abs(v) for v in values), default=0) or 1.0
    parts = []
    for i, (node, value) in enumerate(zip(patched.nodes, values, strict=True)):
        block, column = divmod(i, heads + 1)
        parts.append(
            Markup(
                '<rect class="cell {}" fill-opacity="{:.3f}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="17"><title>{}</title></rect>'
            ).format(
                "against" if value > 0 else "for",
                math.sqrt(abs(value) / top),
                LEFT + column * wide + (6 if column == heads else 0),
                18 * (depth - 1 - block),
                wide - 1.5,
                f"{node.node}: {100 * value:+.1f}%".replace("-", words.MINUS),
            )
        )
        if abs(value) >= TOLD * top:
            x, y = LEFT + (column + 0.5) * wide + (6 if column == heads else 0), 18 * (depth - 1 - block) + 12.5
            deep = "on5" if abs(value) > 0.4 * top else ""
            parts.append(text(x, y, f"{100 * value:+.0f}".replace("-", words.MINUS), f"tick {deep}", "middle"))
    parts += [text(4, 18 * (depth - n) + 13, f"block {n}", "tick") for n in range(1, depth + 1) if n == 1 or n % 5 == 0 or n == depth]
    parts += [text(LEFT + wide * (h + 0.5), 18 * depth + 14, f"head {h + 1}", "tick", "middle") for h in range(heads)]
    parts.append(text(LEFT + wide * (heads + 0.5) + 6, 18 * depth + 14, "MLP", "tick", "middle"))
    most = sorted(zip(patched.nodes, values, strict=True), key=lambda pair: -abs(pair[1]))[:8]
    told = "; ".join(f"{n.node} {100 * v:+.0f}%" for n, v in most)
    return svg(18 * depth + 20, f"Patching {patched.task}", f"Largest effects: {told}", parts, WIDE, "plot patch")


def scatter(patched: Patched) -> Markup:
    """Guessed against exact effects, one dot a node. Empty when nothing was patched exactly."""
    known = [(n.exact, n.guessed, n.node) for n in patched.nodes if n.exact is not None]
    if not known:
        return Markup("")
    low, high = reach([v for one in known for v in one[:2]])
    low, high = min(low, -0.02), max(high, 0.02)
    x, y = Scale(low, high, 44, 352), Scale(low, high, 230, 10)
    parts = [
        p
        for t in ticks(low, high)
        for p in (
            line(44, y(t), 352, y(t), "grid"),
            text(38, y(t) + 4, f"{100 * t:.0f}%".replace("-", words.MINUS), "tick", "end"),
            text(x(t), 246, f"{100 * t:.0f}%".replace("-", words.MINUS), "tick", "middle"),
        )
    ]
    parts.append(line(x(low), y(low), x(high), y(high), "chance"))
    parts += [
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>').format(x(a), y(b), name)
        for a, b, name in known
    ]
    parts.append(text(198, 262, "exact change of the logit difference", "tick", "middle"))
    parts.append(text(50, 14, "guessed from one gradient", "tick"))
    return svg(268, "Attribution against patching", f"{len(known)} heads and MLPs", parts)


def coloured(spot: Spot, most: float) -> Markup:
    """Tokens around a place, each as dark as the feature is active there."""
    parts = []
    for i, (token, value) in enumerate(zip(spot.tokens, spot.values, strict=True)):
        shown = words.visible(token, 60, note=False).replace("\n", "\u23ce ")
        depth = min(1.0, value / most) if most > 0 else 0.0
        kind = "tok at" if i == spot.at else "tok"
        parts.append(Markup('<span class="{}" style="--a:{:.2f}" title="{:.2f}">{}</span>').format(kind, depth, value, shown))
    return Markup("").join(parts)
