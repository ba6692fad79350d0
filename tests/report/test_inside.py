"""What was seen inside, as the report draws it: escaped, with text alternatives, and each figure with its evidence."""

import math

from spiritlevel import report
from spiritlevel.report import inside
from spiritlevel.types import Controlled, Depth, Drift, Estimate, Reading, Square, VerdictKind


def e(value: float, name: str = "auroc") -> Estimate:
    return Estimate(name=name, value=value, low=value - 0.05, high=min(1.0, value + 0.05), n=60)


SQUARES = tuple(
    Square(layer=n, position=p, before=e(0.5 + 0.04 * i), after=e(0.55 + 0.04 * i))
    for i, n in enumerate((3, 6, 9))
    for p in ("mean of the request", "last of the request", "-1: <b>\n\u202e")
)
DRIFT = tuple(Drift(layer=n, cka=e(0.9), cosine=e(0.7), halves=0.8, transfer=e(0.85), refitted=e(0.9)) for n in (3, 6, 9))
DEPTHS = tuple(Depth(tokens=k, before=e(0.1), after=e(0.8 - 0.1 * k)) for k in (0, 2, 4))


def test_shades():
    assert [inside.shade(v) for v in (0.2, 0.5, 0.999, 1.0, math.nan)] == [0, 0, 6, 6, 0]


def test_heat_map_says_its_best_square_and_escapes_positions():
    drawn = inside.heat(SQUARES, "after", "Map")
    assert drawn.count("<rect") == 9
    assert "best at layer 9" in drawn
    assert "<b>" not in drawn
    assert "\u202e" not in drawn
    broken = Square(layer=3, position="x", before=e(math.nan), after=e(math.nan))
    assert inside.heat([broken], "after", "Map").count("<rect") == 0


def test_a_report_with_all_of_it(runs):
    run = runs[VerdictKind.UNPROVEN]
    hostile = Reading(title="harmful <i>", tokens=("rob", " <script>", "\u202e"), scores=(0.9, 0.2, 0.5))
    control = Controlled(
        layer=6,
        position="-1",
        phase="after",
        probe=e(0.8),
        shuffled=e(0.5),
        words=e(0.79),
        length=e(0.5),
        lead=e(0.01, "lead_over_controls"),
        transfer=e(0.7),
        transfer_words=e(0.6),
        stands=False,
    )
    seen = run.inside.model_copy(
        update={"squares": SQUARES, "drift": DRIFT, "depths": DEPTHS, "readings": (hostile,), "controls": (control,)}
    )
    args = list(run.args)
    args[4] = seen
    text = report.render(*args)[report.REPORT]
    assert "no better than its controls" in text
    assert "<script>" not in text
    assert "\u202e" not in text
    section = text[text.index('id="inside"') : text.index('id="transcripts"')]
    assert section.count("<figure") == section.count("<svg") == 1 + 2 + 3
    assert section.count("<svg") == section.count("<desc>")
    assert all("data-evidence" in part[:200] for part in section.split("<figure")[1:])
    assert section.count('class="num"') >= 8


def test_painted_tokens_are_shaded_and_escaped():
    drawn = inside.painted(Reading(title="", tokens=("a<", "\n"), scores=(0.0, 1.0)))
    assert 's0" title="0.00">a&lt;</span>' in drawn
    assert 's6"' in drawn
