"""The page of a reward model: well-formed, complete, and inert whatever the texts say."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import stats
from spiritlevel.report import reward as page
from spiritlevel.types import Baseline, Effect, Estimate, Instrument, Reliabilities, Reliability, RewardReport, Slice, View

HOSTILE = '<script>alert(1)</script>"&\u202e'


def share(k: int, n: int) -> Estimate:
    return stats.wilson(k, n, name="accuracy")


def around(value: float, room: float = 0.1) -> Estimate:
    return Estimate(name="x", value=value, low=value - room, high=value + room, n=50)


def report(**more: object) -> RewardReport:
    gain = around(0.06, 0.05)
    values = {
        "reward": Instrument(id="0" * 32, name=HOSTILE),
        "heads": 2,
        "pairs": 400,
        "groups": 390,
        "left_out": ((HOSTILE, 3),),
        "accuracy": share(250, 400),
        "slices": (Slice(by="source", name=HOSTILE, accuracy=share(9, 20), pairs=20),),
        "matched": share(22, 40),
        "adjusted": around(0.6),
        "length": around(-0.3),
        "calibration": Reliabilities(
            ece=around(0.05, 0.04),
            temperature=Estimate(name="t", value=1.5, low=0.9, high=math.inf, n=390),
            bins=tuple(Reliability(predicted=0.5 + 0.045 * i, right=share(20 + i, 40), pairs=40) for i in range(10)),
        ),
        "views": (View(name="head 1", accuracy=share(240, 400), gain=gain),),
        "baselines": (
            Baseline(name="length", accuracy=share(210, 400), gain=gain),
            Baseline(name=HOSTILE, accuracy=share(230, 400), gain=around(0.02, 0.05)),
        ),
        "ceiling": share(80, 100),
        "to_ceiling": around(0.17),
        "sections": (Slice(by="section", name="chat", accuracy=share(9, 20), pairs=20),),
        "effects": (
            Effect(edit="padding", what=HOSTILE, change=around(0.9), p=0.001, alarm=True, replies=50, wordings=10),
            Effect(edit="refusal-whole", what="w", change=around(-0.9), p=math.nan, alarm=False, replies=50, wordings=8),
        ),
        "margin": 0.2,
        "notes": (HOSTILE,),
    }
    return RewardReport.model_validate(values | more)


def test_the_page_tells_everything_and_runs_nothing():
    text = page.html(report())
    assert "<script" not in text
    assert "\u202e" not in text
    assert text.count("alert(1)") >= 5
    for part in ("62.5% (", "head 1", "chat", "alarm", "padding", "none defined", "is not shown to beat"):
        assert part in text
    assert "src=" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_sentence_on_baselines_takes_the_better_one():
    assert "is not shown to beat &lt;script&gt;" in page.html(report())
    worse = Baseline(name="words", accuracy=share(300, 400), gain=around(-0.12, 0.05))
    assert "is worse than words" in page.html(report(baselines=(worse,)))
    assert page.beaten(report(baselines=())) == ""


def test_a_report_with_little_in_it_is_still_a_page():
    bare = report(views=(), baselines=(), ceiling=None, to_ceiling=None, sections=(), effects=(), slices=(), notes=(), left_out=())
    text = page.html(bare)
    assert "wrong reason" not in text
    assert "62.5% (" in text
    quiet = report(effects=(Effect(edit="lists", what="w", change=around(0.0), p=1.0, alarm=False, replies=9, wordings=5),))
    assert "no proof of absence" in page.html(quiet)


def test_dots_of_the_reliability_plot_stand_where_the_numbers_say():
    even = [Reliability(predicted=p, right=Estimate(name="r", value=p, low=p - 0.05, high=p, n=20), pairs=20) for p in (0.55, 0.75, 0.95)]
    tree = ElementTree.fromstring(str(page.reliability(Reliabilities(ece=around(0), temperature=around(1), bins=tuple(even)))))
    dots = np.asarray([[float(c.get(a, "nan")) for a in ("cx", "cy")] for c in tree.iter("circle")])
    line = next(x for x in tree.iter("line") if x.get("class") == "chance")
    start, end = ([float(line.get(f"{a}{i}", "nan")) for a in "xy"] for i in (1, 2))
    rise = (end[1] - start[1]) / (end[0] - start[0])
    assert dots[:, 1] == pytest.approx(start[1] + rise * (dots[:, 0] - start[0]), abs=0.1), "calibrated bins lie on the diagonal"
    assert page.reliability(Reliabilities(ece=around(0), temperature=around(1))) == ""


@examples(40)
@given(st.lists(st.tuples(st.text(max_size=30), st.floats(-3, 3) | st.just(math.nan)), max_size=9))
def test_forests_are_well_formed_and_leave_out_what_cannot_be_drawn(rows):
    drawn = page.forest("t", [(name, around(v)) for name, v in rows], [(0.0, "")])
    finite = [v for _, v in rows if math.isfinite(v)]
    if not finite:
        assert drawn == ""
        return
    tree = ElementTree.fromstring(str(drawn))
    dots = [float(c.get("cx", "nan")) for c in tree.iter("circle")]
    assert len(dots) == len(finite)
    assert all(137 <= x <= 353 for x in dots)
