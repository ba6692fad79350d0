"""What every plot is drawn with: inline SVG from numbers. Colours are classes of figures.css; each plot has a text alternative.

All panels are drawn 360 units wide, so that their text has one size in two columns on a desk, in one on a phone, and in print.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from spiritlevel.report import words
from spiritlevel.types import Estimate

WIDTH = 360
SMALL = 240
"""Units that a small multiple is wide: three stand in a row, with text of the same size."""


def svg(height: float, title: str, said: str, parts: Sequence[Markup], width: int = WIDTH, kind: str = "") -> Markup:
    """One figure; `title` and `said` are what somebody hears who cannot see it."""
    head = Markup('<svg class="{}" viewBox="0 0 {} {:g}" role="img"><title>{}</title><desc>{}</desc>').format(
        kind or "plot", width, height, words.line(title), words.line(said, 1500)
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A stroke."""
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "start", evidence: str = "") -> Markup:
    """Words at a place; with `evidence` a figure."""
    more = Markup(' data-evidence="{}"').format(evidence) if evidence else Markup("")
    return Markup('<text class="{}"{} x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind + (" num" if evidence else ""), more, x, y, anchor, words.line(said, 90)
    )


class Scale:
    """Values `low..high` onto units `left..right`; what lies outside is put on the edge."""

    def __init__(self, low: float, high: float, left: float, right: float) -> None:
        self.low, self.high, self.left, self.right = low, high if high > low else low + 1, left, right

    def __call__(self, value: float) -> float:
        """The unit of a value."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most about `most` round values within low..high."""
    span = max(high - low, 1e-9)
    step = 10 ** math.floor(math.log10(span / most))
    step = next(step * k for k in (1, 2, 2.5, 5, 10, 20) if span / (step * k) <= most)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def reach(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest finite value, zero included, a little wider."""
    known = [0.0, *(v for v in values if math.isfinite(v))]
    low, high = min(known), max(known)
    room = 0.04 * max(high - low, 0.02)
    return low - (room if low < 0 else 0), high + room


def finite(e: Estimate) -> bool:
    """Whether it can be drawn."""
    return all(math.isfinite(v) for v in (e.value, e.low, e.high))


def whisker(low: float, high: float, y: float, kind: str = "whisker") -> list[Markup]:
    """An interval with caps, from unit low to unit high."""
    return [line(low, y, high, y, kind), line(low, y - 3, low, y + 3, kind), line(high, y - 3, high, y + 3, kind)]


def points(of: Sequence[tuple[float, float]]) -> Markup:
    """The `points` of a line or an area."""
    return escape(" ".join(f"{a:.1f},{b:.1f}" for a, b in of))
