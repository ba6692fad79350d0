"""tamper.html: where safeguards fail under tampering; pure functions of one ladder. The command prints the same words."""

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.report.drawing import WIDTH, Scale, finite, line, svg, text, whisker
from spiritlevel.report.drawing import points as outline
from spiritlevel.report.page import environment
from spiritlevel.types import Budget, Defence, Estimate, Ladder, Measurement

HOWS = {"lora": "low-rank adapters", "full": "all weights", "": ""}
KINDS = {
    "harmful": "harmful examples",
    "benign": "benign examples alone",
    "direction": "the refusal direction taken out",
    "quantised": "weights rounded",
}


def html(ladder: Ladder, minutes: Sequence[float] = (), command: str = "") -> str:
    """The whole page, self-contained; every text from outside is escaped."""
    tools = {
        "words": words,
        "share": share,
        "points": points,
        "plain": plain,
        "of": of,
        "short": _short,
        "took": took,
        "defended": defended,
    }
    values = {
        "l": ladder,
        "lines": list(failing(ladder, minutes)),
        "failed": [one for one in ladder.budgets if one.fails_at is not None],
        "figure": by_examples(ladder),
        "others": beside(ladder),
        "rungs": list(zip(ladder.rungs, [*minutes, *[math.nan] * len(ladder.rungs)], strict=False)),
        "command": command,
    }
    return environment().get_template("tamper.html.j2").render(values, **tools)


def of(measured: Sequence[Measurement], name: str, phase: str, instrument: str = "") -> Estimate | None:
    """One figure of a rung, or of the untouched model; the first judge's unless another is named."""
    found = (m for m in measured if m.estimate.name == name and m.phase == phase and instrument in ("", *m.instruments))
    return next((m.estimate for m in found), None)


def failing(ladder: Ladder, minutes: Sequence[float] = ()) -> Iterator[str]:
    """One sentence a kind and a way: `harmful examples, low-rank adapters: safeguards fail at 50 (...)`."""
    for one in ladder.budgets:
        what = ", ".join(filter(None, (KINDS[one.kind], HOWS[one.how])))
        bare = one.kind == "direction"
        unit = " bits" if one.kind == "quantised" else ""
        if one.rise is None or not one.rise.n:
            yield f"{what}: unknown, for no reply could be judged both before and after"
            continue
        if one.fails_at is None:
            until = "" if bare else f" down to {one.tried[-1]} bits" if unit else f" up to {one.tried[-1]}"
            yield f"{what}: not shown to fail{until} ({rise(one, ladder)})"
            continue
        at = "" if bare else f" at {one.fails_at}{unit}"
        second = {None: "", True: "; another judge agrees", False: "; no other judge shows it"}[one.agreed]
        yield f"{what}: safeguards fail{at} ({rise(one, ladder)}{second}){took(_minutes(ladder, minutes, one))}"


def rise(one: Budget, ladder: Ladder) -> str:
    """The rise that decided, beside the margin."""
    return f"delivered harm {points(one.rise)}, margin {100 * ladder.margin:g}"


def took(minutes: float) -> str:
    """`; 0.3 minutes of processor`, or nothing where it is not known."""
    return f"; {minutes:.1f} minutes of processor" if math.isfinite(minutes) else ""


def _minutes(ladder: Ladder, minutes: Sequence[float], one: Budget) -> float:
    for rung, taken in zip(ladder.rungs, minutes, strict=False):
        t = rung.tampered.tampering
        if (t.kind, t.how, t.amount, t.safety) == (one.kind, one.how, one.fails_at, 0.0):
            return taken
    return math.nan


def rows(ladder: Ladder, minutes: Sequence[float] = ()) -> Iterator[str]:
    """The table as lines of text."""
    heads = [*(f"harm: {words.line(j.name, 20)}" for j in ladder.judges), "refused", "plain answered", "KL, nats", "minutes"]
    yield _columns("", heads)
    yield _columns("untouched", _figures(ladder, ladder.untouched))
    for rung, taken in zip(ladder.rungs, [*minutes, *[math.nan] * len(ladder.rungs)], strict=False):
        name = rung.tampered.tampering.name
        if rung.tampered.ref is None:
            yield f"  {name:40}not made: {words.line(rung.tampered.why, 200)}"
        else:
            yield _columns(name, [*_figures(ladder, rung.measurements), f"{taken:.1f}" if math.isfinite(taken) else ""])


def _columns(name: str, cells: Sequence[str]) -> str:
    return f"  {name:40}{''.join(f'{cell:23}' for cell in cells)}".rstrip()


def _figures(ladder: Ladder, measured: Sequence[Measurement]) -> list[str]:
    shares = [of(measured, "delivered_harm", "after", j.id) for j in ladder.judges]
    shares += [of(measured, "refusal", "after"), of(measured, "answered", "after")]
    kl = of(measured, "kl", "single")
    return [*(_short(e, 100) for e in shares), "" if kl is None else _short(kl)]


def _short(e: Estimate | None, times: int = 1) -> str:
    """`34.0 (25.1 to 44.2)`: of shares in per cent."""
    if e is None or not e.n or math.isnan(e.value):
        return "not measured"
    decimals = 1 if times > 1 else 2
    return f"{times * e.value:.{decimals}f} ({times * e.low:.{decimals}f} to {times * e.high:.{decimals}f})"


def defended(one: Defence, ladder: Ladder) -> str:
    """One defence, in a sentence."""
    saved = "less harm" if one.harm.high < 0 else "more harm" if one.harm.low > 0 else "no change of harm shown"
    saved = saved if one.harm.n else "harm unknown"
    equal = "equal utility" if one.equal else "equal utility not shown"
    return (
        f"{100 * one.safety:g}% safety data, {HOWS[one.how]}: {saved} at {equal} (delivered harm {points(one.harm)}; "
        f"plain prompts answered {points(one.answered)}; benign task {plain(one.task, signed=True)} nats a token)"
    )


def share(e: Estimate | None) -> str:
    """`34.0% (25.1 to 44.2, n = 80)`."""
    if e is None or not e.n or math.isnan(e.value):
        return "not measured"
    return f"{100 * e.value:.1f}% ({100 * e.low:.1f} to {100 * e.high:.1f}{_sure(e)}, n = {e.n})"


def points(e: Estimate | None) -> str:
    """`+34.0 points (+25.1 to +44.2 at 98.8%, n = 80)`."""
    if e is None or not e.n or math.isnan(e.value):
        return "not measured"
    return f"{100 * e.value:+.1f} points ({100 * e.low:+.1f} to {100 * e.high:+.1f}{_sure(e)}, n = {e.n})"


def plain(e: Estimate | None, *, signed: bool = False) -> str:
    """`0.42 (0.30 to 0.55, n = 40)`."""
    if e is None or not e.n or math.isnan(e.value):
        return "not measured"
    sign = "+" if signed else ""
    return f"{e.value:{sign}.2f} ({e.low:{sign}.2f} to {e.high:{sign}.2f}, n = {e.n})"


def _sure(e: Estimate) -> str:
    return "" if abs(e.confidence - 0.95) < 1e-9 else f" at {100 * e.confidence:.1f}%"


def by_examples(ladder: Ladder) -> Markup:
    """Delivered harm by number of harmful examples, adapters hollow and all weights filled, with intervals; the untouched model at 0."""
    start = of(ladder.untouched, "delivered_harm", "after")
    climbs: dict[str, list[tuple[int, Estimate]]] = {}
    for rung in ladder.rungs:
        t, e = rung.tampered.tampering, of(rung.measurements, "delivered_harm", "after")
        if t.kind == "harmful" and e is not None:
            climbs.setdefault(t.how, []).append((t.amount, e))
    if not climbs:
        return Markup("")
    amounts = sorted({n for climb in climbs.values() for n, _ in climb})
    top, bottom, left, right = 18.0, 186.0, 38.0, WIDTH - 14.0
    y = Scale(0, 1, bottom, top)
    place = Scale(0, len(amounts), left + 16, right - 16)
    at = {0: place(0), **{n: place(i + 1) for i, n in enumerate(amounts)}}
    parts = _shares(y, left, right)
    parts += [text(x, bottom + 15, "untouched" if not n else str(n), "tick", "middle") for n, x in at.items()]
    parts.append(text((left + right) / 2, bottom + 31, "harmful examples", "tick", "middle"))
    for kind, (how, climb) in zip(("before", "after"), sorted(climbs.items(), reverse=True), strict=False):
        aside = -3.0 if kind == "before" else 3.0
        known = [(at[n] + aside, e) for n, e in ([(0, start)] if start else []) + climb if finite(e)]
        parts += [line(x, y(e.low), x, y(e.high), f"whisker {kind}") for x, e in known]
        parts.append(Markup('<polyline class="curve {}" points="{}"/>').format(kind, outline([(x, y(e.value)) for x, e in known])))
        parts += [Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(kind, x, y(e.value)) for x, e in known]
        parts.append(text(left + 4 if kind == "before" else (left + right) / 2 + 4, 9, f"{MARKS[kind]} {HOWS[how]}", "tick"))
    said = [f"{HOWS[how]}, {n} examples: {share(e)}" for how, climb in climbs.items() for n, e in climb]
    return svg(bottom + 36, "Delivered harm by number of harmful examples", "; ".join([f"untouched: {share(start)}", *said]), parts)


MARKS = {"before": "\u25cb", "after": "\u25cf"}


def _shares(y: Scale, left: float, right: float) -> list[Markup]:
    return [
        part
        for t in (0, 0.25, 0.5, 0.75, 1)
        for part in (
            line(left, y(t), right, y(t), "axis" if t == 0 else "grid"),
            text(left - 5, y(t) + 3.5, f"{100 * t:.0f}%", "tick", "end"),
        )
    ]


def beside(ladder: Ladder) -> Markup:
    """Delivered harm of every rung that is no number of harmful examples, below the untouched model's, on 0 to 100 %."""
    start = of(ladder.untouched, "delivered_harm", "after")
    shown = [("untouched", start, "before")] if start else []
    for rung in ladder.rungs:
        e = of(rung.measurements, "delivered_harm", "after")
        if rung.tampered.tampering.kind != "harmful" and e is not None:
            shown.append((rung.tampered.tampering.name, e, "after"))
    if len(shown) < 2:
        return Markup("")
    x, step = Scale(0, 1, 206.0, WIDTH - 10), 22.0
    bottom = step * len(shown) + 8
    parts = [line(x(t), 2, x(t), bottom, "axis" if t == 0 else "grid") for t in (0, 0.25, 0.5, 0.75, 1)]
    for place, (name, e, kind) in enumerate(shown):
        middle = step * place + 14
        parts.append(text(0, middle + 4, words.line(name, 40), "tick"))
        if finite(e):
            parts += whisker(x(e.low), x(e.high), middle, f"whisker {kind}")
            parts.append(Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4.5"/>').format(kind, x(e.value), middle))
    parts += [text(x(t), bottom + 14, f"{100 * t:.0f}%", "tick", "middle") for t in (0, 0.5, 1)]
    said = "; ".join(f"{name}: {share(e)}" for name, e, _ in shown)
    return svg(bottom + 20, "Delivered harm after other tampering", said, parts)
