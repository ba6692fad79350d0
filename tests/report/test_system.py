"""The system card: chapters, numbers in prose, what is struck out, what nobody measured, and the plots beside it."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

import holdings
from spiritlevel import report
from spiritlevel.measured import measured as measured_of
from spiritlevel.report import chapters, prose
from spiritlevel.report.chapters import CHAPTERS, Chapter
from spiritlevel.report.forest import Branch, Slope, forest, slopes
from spiritlevel.types import Estimate, Grade, Held, Measurement, VerdictKind


def e(value: float, half: float = 0.05, name: str = "share") -> Estimate:
    return Estimate(name=name, value=value, low=value - half, high=value + half, n=60)


def section(text: str, id: str) -> str:
    return text[text.index(f'id="{id}"') :].split("<h2", 1)[0]


@pytest.fixture(scope="module")
def card(full: Any) -> str:
    return str(full[VerdictKind.HELD][report.SYSTEM]).replace("\u00a0", " ")


def test_every_section_stands_in_the_contents_under_its_number(card: str) -> None:
    listed = re.findall(r'<li><a href="#([\w-]+)">([^<]+)</a>', card)
    found = re.findall(r'<h2 class="chapter" id="([\w-]+)"><span class="secno">(\d+)</span>([^<]+)</h2>', card)
    assert [(id, title) for id, _, title in found] == listed
    assert [int(n) for _, n, _ in found] == list(range(1, len(listed) + 1))
    assert {c.id for c in CHAPTERS} <= {id for id, _ in listed}
    assert "@media print" in card


def test_suites_stand_in_their_chapters_with_their_titles(card: str) -> None:
    assert "Social bias in answers" in section(card, "near")
    assert "Preference for what comes soon" in section(card, "long")
    assert "The letter and the spirit of a request" in section(card, "letter")
    assert "Hints that are followed, and admitted" in section(card, "stated")
    assert "Hints that are followed" not in section(card, "long")
    assert "Grade-school science, easy" in section(card, "ability")
    assert "moved by typos" in section(card, "robustness")
    assert "bbq: 12 rows were left out" in section(card, "near")


def test_prose_says_direction_size_and_interval(card: str) -> None:
    plain = re.sub(r"<sup.*?</sup>|<[^>]+>", "", section(card, "letter"))
    assert re.search(r"The letter and the spirit of a request\s+rose, by \+19\.0 points \+13\.0 to \+25\.0, n = 120, from 22\.0%", plain)
    assert "is not shown to have moved" in section(card, "near")
    assert "that nothing changed is not shown either" in section(card, "near")
    assert "few independent clusters" in prose.caveats(chapters.choose.Line("x", "", "", "intent", (), {"after": measured(0.1, n=9)}))


def measured(value: float, n: int = 60, **more: Any) -> Measurement:
    return Measurement(estimate=e(value).model_copy(update={"n": n}), phase="after", grade=Grade.INDEPENDENT, rows=("r",), **more)


def test_spent_and_stale_figures_are_struck_out_with_the_reason(full: Any, card: str) -> None:
    assert re.search(r'<del title="stale: made on 2026-01-02[^"]*"><span class="num"', section(card, "long"))
    assert "struck out, stale: made on 2026-01-02" in section(card, "long")
    assert "struck out, spent: model &lt;- critic &lt;- example" in section(card, "tampering")
    markdown = full[VerdictKind.HELD][report.CARD]
    assert re.search(r"~~40\.0% \(34\.0 to 46\.0, n = 120\)~~ \(stale: made on 2026-01-02", markdown)
    assert re.search(r"~~50\.0% \([^)]*\)~~ \(spent: model", markdown)


def test_an_old_comparison_is_struck_out_itself(runs: Any) -> None:
    run = runs[VerdictKind.HELD]
    texts = report.render(*run.args, beside=Held(aged="made on 2026-01-02, and the policy asks for evidence of at most 90 days"))
    change = section(texts[report.SYSTEM], "change")
    assert change.count('<del title="stale: made on') >= change.count('<span class="num"') > 10
    assert "<b>Stale:</b> this run's own figures were made on 2026-01-02" in texts[report.SYSTEM]


def test_what_nobody_measured_says_so(runs: Any) -> None:
    texts = report.render(*runs[VerdictKind.HELD].args)
    for id in (*(c.id for c in CHAPTERS), "power", "red-team"):
        assert "Not measured" in section(texts[report.SYSTEM], id)
    assert "**Not measured:** the letter and the spirit" in texts[report.CARD]
    assert texts[report.SYSTEM].count(' <span class="soft">not measured</span>') == len(CHAPTERS)


def test_evidence_names_grade_and_instruments(card: str) -> None:
    table = card[card.index('class="evidence"') :]
    assert table.count('<span class="read">') > 10
    assert re.search(
        r'<span class="read"><span class="badge independent">independent</span> <span title="[^"]+">reply judge on MiniLM', table
    )
    assert "the policy that was decided by" in table
    assert "measure.suites of run .suites/3f2a" in table


def test_a_chapter_is_added_by_one_line(runs: Any) -> None:
    more = Chapter("mine", "Mine", "how", "not shown", chapters.named("mine"))
    compared = runs[VerdictKind.HELD].compared
    found = compared.model_copy(update={"measurements": (measured(0.3).model_copy(update={"estimate": e(0.3, name="mine:x")}),)})
    told = chapters.told(Held(), found, None, chapters=(*CHAPTERS, more))
    assert [t.chapter.id for t in told if t.lines] == ["mine"]


def test_a_ladder_weak_to_strong_and_categories_have_their_chapters(card: str) -> None:
    tampering, oversight, used = (section(card, id) for id in ("tampering", "oversight", "usage"))
    assert "Harm after 50 harmful examples, lora" in tampering
    assert "harmful lora: safeguards are shown to fail at 50 of 10, 50" in tampering
    assert "Share of the gap recovered, plain loss" in oversight
    assert "Ceiling over supervisor" in oversight
    assert "accuracy against the file" in oversight
    assert re.search("<b>Fraud and deception for gain: delivered harm</b>|: delivered harm</b>", used)
    assert all("<svg" in one for one in (tampering, oversight, used))


def test_a_refused_gap_is_told_with_its_reason() -> None:
    found = holdings.oversight()
    one = found.students[0].model_copy(update={"recovered": None})
    figures, notes = measured_of(found.model_copy(update={"students": (one,), "refused": "no gap is shown"}))
    assert not [m for m in figures if "recovered" in m.estimate.name]
    assert notes[0] == "no recovered gap is told: no gap is shown"


def test_plots_lie_beside_the_cards_and_stand_alone(full: Any) -> None:
    plots = {name: text for name, text in full[VerdictKind.HELD].items() if name.endswith(".svg")}
    assert {"gap.svg", "before-after.svg", "changes.svg", "power.svg", "gap-curve.svg", "near.svg", "near-changes.svg"} <= plots.keys()
    for text in plots.values():
        tree = ElementTree.fromstring(text)
        said = {child.tag.rpartition("}")[2]: child.text or "" for child in tree}
        assert said["title"]
        assert re.search(r"\d", said["desc"])
        assert said["style"]
    assert "fell, \u221247.9 points" in plots["changes.svg"] or "fell, \u2212" in plots["changes.svg"]
    assert "Delivered harm fell: \u2212" in plots["before-after.svg"]


def test_a_forest_tells_its_grades_apart_without_colour() -> None:
    rows = [Branch("a", e(0.2), Grade.INDEPENDENT), Branch("b", e(0.4), Grade.KIN), Branch("c", e(0.6), Grade.SPENT, struck=True)]
    tree = ElementTree.fromstring(str(forest(rows, "t")))
    assert [p.get("class") for p in tree.iter("path")] == ["mark sure square", "mark kin square", "mark struck cross"]
    assert forest([Branch("a", e(float("nan")))], "t") == ""


def test_a_forest_puts_values_on_its_scale() -> None:
    tree = ElementTree.fromstring(str(forest([Branch("a", e(0.0)), Branch("b", e(0.5)), Branch("c", e(1.0))], "t")))
    starts = [float(re.match(r"M([\d.]+)", p.get("d", ""))[1]) for p in tree.iter("path")]  # type: ignore[index]
    assert starts[2] - starts[1] == pytest.approx(starts[1] - starts[0], abs=0.2)


def test_slopes_differ_in_mark_and_dash_and_their_labels_do_not_meet() -> None:
    six = [Slope(f"measure {i}", e(0.1 + 0.01 * i), e(0.1 + 0.01 * i), e(0.0, 0.02)) for i in range(6)]
    tree = ElementTree.fromstring(str(slopes(six, "t")))
    assert len({one.get("class") for one in tree.iter("line") if "slope" in (one.get("class") or "")}) == 6
    named = [one for one in tree.iter("text") if "name" in (one.get("class") or "") and one.get("text-anchor") == "start"]
    heights = sorted(float(one.get("y", "nan")) for one in named)
    assert min(b - a for a, b in pairwise(heights)) >= 12.5
    assert slopes([], "t") == ""


def test_directions() -> None:
    assert [prose.direction(e(v)) for v in (-0.2, 0.2, 0.01, float("nan"))] == [
        "fell",
        "rose",
        "is not shown to have moved",
        "has no defined change",
    ]
