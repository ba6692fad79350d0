import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.report import figures
from spiritlevel.types import Estimate, Gap, LayerReadout, VerdictKind

number = st.floats(-1, 1) | st.just(math.nan)


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(name="gap", value=value, low=value - 0.1 if low is None else low, high=value + 0.1 if high is None else high, n=30)


@examples(50)
@given(st.lists(number, min_size=5, max_size=5))
def test_gap_panel_is_well_formed_and_inside_its_box(values):
    bars = [estimate(v) for v in values]
    g = Gap(principle="<x>&", proxy_teach=bars[0], proxy_open=bars[1], intent_open=bars[2], gap=bars[3], noise_only=bars[4])
    tree = ElementTree.fromstring(str(figures.gap(g, "<title>", figures.gap_reach([g]), "r1")))
    for rect in tree.iter("rect"):
        x, width = float(rect.get("x", "nan")), float(rect.get("width", "nan"))
        assert 111 <= x <= x + width <= 303.5
        assert math.isfinite(width)


def test_bars_have_the_length_of_their_values():
    g = Gap(
        principle="",
        proxy_teach=estimate(0.8),
        proxy_open=estimate(0.4),
        intent_open=estimate(0.2),
        gap=estimate(0.2),
        noise_only=estimate(0.1),
    )
    tree = ElementTree.fromstring(str(figures.gap(g, "t", figures.gap_reach([g]), "r1")))
    widths = [float(rect.get("width", "nan")) for rect in tree.iter("rect")]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
    assert widths[1] == pytest.approx(2 * widths[2], rel=0.01)


def test_dumbbell_puts_shares_on_a_scale_of_100_percent():
    tree = ElementTree.fromstring(str(figures.dumbbell(estimate(1.0, 1.0, 1.0), estimate(0.0, 0.0, 0.0), "t", 0.5)))
    assert [float(c.get("cx", "nan")) for c in tree.iter("circle")] == [352, 8]
    assert [float(x.get("x1", "nan")) for x in tree.iter("line") if x.get("class") == "limit"] == [180]


def test_what_cannot_be_drawn_is_left_out():
    nan = estimate(float("nan"))
    assert "circle" not in figures.dumbbell(nan, nan, "t")
    assert figures.against(nan, 0.1, None) == ""
    assert figures.layers([LayerReadout(layer=1, before=nan, after=nan)], "t") == ""
    assert figures.layers([], "t") == ""


@examples(50)
@given(st.floats(-5, 5), st.floats(0.001, 10))
def test_ticks_are_few_round_and_inside(low, span):
    marks = figures.ticks(low, low + span)
    assert len(marks) <= 6
    assert all(low - 1e-6 <= t <= low + span + 1e-6 for t in marks)


def test_layers_and_levels_are_well_formed():
    for n in (1, 2, 30):
        ElementTree.fromstring(
            str(figures.layers([LayerReadout(layer=i, before=estimate(0.6), after=estimate(0.7)) for i in range(1, n + 1)], "t"))
        )
    for kind in VerdictKind:
        ElementTree.fromstring(str(figures.level(kind)))
