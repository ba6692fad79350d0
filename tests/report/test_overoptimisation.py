"""The page of the gap: well formed, escaped, the turn marked where it is, and nothing said that was not seen."""

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from spiritlevel.report import overoptimisation as page
from spiritlevel.stats import stopping
from spiritlevel.types import Estimate, Fit, GapCurve, GapPlot, GapPoint, Gauge, Grade, IntentIs, StopRule, StopRun, Turning

HOSTILE = "<script>x</script>\u202e"


def e(value: float, width: float = 0.1, name: str = "gain") -> Estimate:
    return Estimate(name=name, value=value, low=value - width, high=value + width, n=30)


def curve(kind: str = "inside", name: str = "single", back: bool = False, width: float = 0.1) -> GapCurve:
    d = [0.0, 1.0, 2.0, 1.5 if back else 3.0]
    intent = [0, 0.6, 0.4, -0.2]
    form = "rl" if back else "best-of-n"
    return GapCurve(
        name=name,
        form=form,
        points=tuple(
            GapPoint(label=f"n = {2**i}", kl=x * x, d=e(x, 0), proxy=e(x, width), intent=e(y, width), expected=e(x / 3), above_floor=i != 1)
            for i, (x, y) in enumerate(zip(d, intent, strict=True))
        ),
        turning=Turning(kind=kind, d=e(1.0, 0.5, "turning"), drop=e(0.8, 0.2, "drop"), p=0.01 if kind != "none" else 0.4, at=1),
        proxy_fit=None,
        intent_fit=Fit(form=form, a=e(1, 0.2, "a"), b=e(0.4, 0.1, "b"), turning=e(1.25, 0.2, "turning"), r2=0.9, points=3),
        gap=e(3.2),
    )


def plot(*curves: GapCurve, intent: IntentIs | None = None) -> GapPlot:
    return GapPlot(
        title=HOSTILE,
        curves=curves or (curve(),),
        intent=intent or IntentIs(name=HOSTILE, grade=Grade.INDEPENDENT),
        scale="SDs",
        distance="nats",
        prompts=30,
        samples=64,
        notes=(HOSTILE,),
    )


def boxes(svg: str) -> list[tuple[float, float]]:
    tree = ElementTree.fromstring(svg)
    return [(float(n.get("x", "nan")), float(n.get("width", "nan"))) for n in tree.iter("rect") if n.get("class") == "turn"]


def test_the_turn_is_marked_with_its_interval() -> None:
    ((x, width),) = boxes(str(page.lead(plot(), curve())))
    assert x == pytest.approx(page.LEFT + 0.5 / 3 * (page.RIGHT - page.LEFT), abs=0.1)
    assert width == pytest.approx(1 / 3 * (page.RIGHT - page.LEFT), abs=0.1)
    assert "intent turns at 1.00 (0.50 to 1.50)" in page.lead(plot(), curve())


@pytest.mark.parametrize(("kind", "said"), [("none", "no turning point visible"), ("start", "intent falls from the start")])
def test_no_turn_is_marked_where_none_is_seen(kind: str, said: str) -> None:
    drawn = str(page.lead(plot(), curve(kind)))
    assert not boxes(drawn)
    assert said in drawn
    assert "turns at" not in page.says(curve(kind))


def test_sentences_say_what_was_seen() -> None:
    assert page.says(curve()).startswith("single: intent turns at d = 1.00 (0.50 to 1.50, n = 30)")
    assert "no turning point of intent is visible up to d = 3" in page.says(curve("none"))
    assert "luck in 40%" in page.says(curve("none"))
    rising = curve("none").model_copy(update={"turning": curve("none").turning.model_copy(update={"at": 3})})
    assert "up to d = 3, where it is highest." in page.says(rising)
    assert "highest at d = 1.25 (1.05 to 1.45)" in page.fitted(curve())
    f = curve().intent_fit
    assert f is not None
    far = curve().model_copy(update={"intent_fit": f.model_copy(update={"turning": e(9, 0.5)})})
    assert "outside what was seen" in page.fitted(far)
    never = curve().model_copy(update={"intent_fit": f.model_copy(update={"turning": e(math.inf, 0)})})
    assert "does not come down" in page.fitted(never)
    at_once = curve().model_copy(update={"intent_fit": f.model_copy(update={"turning": e(0, 0)})})
    assert "falls from the start" in page.fitted(at_once)
    assert page.fitted(curve().model_copy(update={"intent_fit": None})) == ""


def test_figures_are_well_formed_and_inside_their_frame() -> None:
    curves = (curve(), curve("none", HOSTILE), curve(name="back", back=True), curve(name="unknown", width=math.nan))
    for drawn in (*(page.lead(plot(), c) for c in curves), page.beside(plot(*curves))):
        tree = ElementTree.fromstring(str(drawn))
        for node in tree.iter("circle"):
            assert page.LEFT - 0.1 <= float(node.get("cx", "nan")) <= page.RIGHT + 0.1
            assert page.TOP - 0.1 <= float(node.get("cy", "nan")) <= page.BOTTOM + 0.1
        assert "nan" not in "".join(node.get("points", "") for node in tree.iter())
    names = [
        float(n.get("y", "nan"))
        for n in ElementTree.fromstring(str(page.beside(plot(*curves)))).iter("text")
        if "name" in n.get("class", "")
    ]
    assert len(names) == 4
    assert all(b - a >= page.APART - 0.11 for a, b in pairwise(names))


def test_a_way_that_goes_back_has_intervals_and_no_band() -> None:
    drawn = str(page.lead(plot(), curve(back=True)))
    assert "<polygon" not in drawn
    assert "upright" in drawn
    assert 'class="point intent under"' in drawn


def test_the_page_escapes_and_shows_grade_and_figures() -> None:
    html = page.html(plot(curve(), curve("none", HOSTILE)), HOSTILE)
    assert "<script>" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<svg") == 2
    assert "−0.200" in html
    assert "1.00 nats (under its floor)" in html
    assert "independent" in html
    assert 'class="warn"' not in html
    assert "prefers-color-scheme:dark" in html


def test_an_oracle_certifies_nothing_and_kin_cannot_clear() -> None:
    assert "certifies no model" in page.html(plot(intent=IntentIs(name="gold", role="oracle", grade=Grade.INDEPENDENT)))
    kin = page.html(plot(intent=IntentIs(name="judge", why="shares a body")))
    assert "kin evidence: shares a body" in kin
    assert "cannot clear" in kin


def test_the_figure_alone_is_a_file() -> None:
    tree = ElementTree.fromstring(page.svg(plot()))
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    assert "style" in tree[0].tag


def test_the_record_of_stop_rules_stands_on_the_page() -> None:
    runs = [StopRun(name=str(i), gauges=tuple(Gauge(kl=k, proxy=k) for k in (0, 1, 2)), intent=(0, 1, 0.5 * i)) for i in range(3)]
    found = stopping.record(runs, (StopRule(name=HOSTILE, kl=1.5), stopping.NEVER))
    html = page.html(plot(), stops=found)
    assert "3 runs, 2 of which turned" in html
    assert "No rule shows an early warning" in html
    assert "<script>" not in html
    assert "When to stop" not in page.html(plot())
