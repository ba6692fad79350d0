"""No number in a card or report lacks an evidence id, and a number that is slipped in is found."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare_numbers import bare_in_html, bare_in_markdown
from searching import examples
from spiritlevel import report
from spiritlevel.report import page
from spiritlevel.types import VerdictKind

READ: dict[str, Callable[[str], list[str]]] = {
    report.CARD: bare_in_markdown,
    report.REPORT: bare_in_html,
    report.SYSTEM: bare_in_html,
}
TABLE = '<table class="evidence"><tr id="e1"><td>rows</td></tr><tr id="e2"><td>policy:0a1b</td></tr></table>'
CITE = '<sup class="cite"><a href="#e1">1</a></sup>'
LAW = '<sup class="cite"><a href="#e2">2</a></sup>'


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize("name", READ)
def test_every_number_has_its_evidence(full: Any, kind: VerdictKind, name: str) -> None:
    assert READ[name](full[kind][name]) == []


@pytest.mark.parametrize(
    ("html", "faults"),
    [
        ("<p>Harm is 12.5%.</p>", 1),
        (f"<p>Harm is 12.5%{CITE}.</p>", 0),
        (f"<p>Harm is 12.5%{CITE}. It was 30%.</p>", 1),
        (f"<p>Harm fell.{CITE} It was 30% before.</p>", 1),
        ("<ul><li>12 prompts</li></ul>", 1),
        (f"<table><tr><td>harm</td><td>3</td><td>{CITE}</td></tr></table>", 0),
        (f"<table><tr><td>harm</td><td>{CITE}</td></tr><tr><td>3</td></tr></table>", 1),
        ("<p>harm <svg><desc>harm fell to 3%</desc><text>3%</text></svg></p>", 1),
        (f"<figure><svg><desc>harm fell to 3%</desc><text>3%</text></svg><figcaption>harm{CITE}</figcaption></figure>", 0),
        ('<figure><svg><text class="tick">50</text></svg></figure>', 0),
        ('<p>Harm is 3<sup><a href="#e9">9</a></sup>.</p>', 2),
        (f'<p>at most <span class="from-policy">20%</span>{CITE}</p>', 1),
        (f'<p>at most <span class="from-policy">20%</span>{LAW}</p>', 0),
        ("<p>On 2026-11-27, version 0.1.0, as Burns et al. 2023, by all-MiniLM-L6-v2 and llama-576x30.</p>", 0),
        ('<p><code>rate 0.5</code></p><div class="said">I have 3 cats.</div><h2><span class="secno">4</span>Gap</h2>', 0),
        ("<div>7<p>seven</p></div>", 1),
    ],
)
def test_what_is_a_figure_and_what_stands_behind_it(html: str, faults: int) -> None:
    assert len(bare_in_html(html + TABLE)) == faults


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Harm is 12.5 %.", 1),
        ("Harm is 12.5 % [e1](#evidence).", 0),
        ("- 12 prompts\n- none", 1),
        ("| harm | 3 | [e1](#evidence) |\n| harm | 4 | |", 1),
        ("| harm | 3 | [e7](#evidence) |", 2),
        ("<code>12</code> and `--most 12`", 0),
    ],
)
def test_the_same_in_markdown(text: str, faults: int) -> None:
    assert len(bare_in_markdown(f"---\nn: 3\n---\n{text}\n\n## Evidence\n\n- e1: <code>rows</code>\n")) == faults


@examples(50)
@given(st.randoms(use_true_random=False), st.sampled_from(["It also reached 93.7%.", "Of these 12 failed.", "The gap is +0.2 points."]))
def test_a_bare_number_that_is_slipped_in_is_found(full: Any, rng: random.Random, said: str) -> None:
    for name in (report.REPORT, report.SYSTEM):
        text = full[VerdictKind.HELD][name]
        ends = [m.start() for m in re.finditer(r"</(?:p|li|dd)>", text[: text.index('class="evidence"')])]
        at = rng.choice(ends)
        quoted = text.rfind('class="said', 0, at) > text.rfind("<p", 0, at)
        assert quoted or READ[name](text[:at] + ". " + said + text[at:]) != []
    lines = full[VerdictKind.HELD][report.CARD].split("\n")
    body = [i for i, line in enumerate(lines) if line.startswith("- ") and "<code>" not in line and i > lines.index("", 5)]
    at = rng.choice(body)
    assert bare_in_markdown("\n".join([*lines[:at], f"- {said}", *lines[at:]])) != []


@pytest.mark.parametrize("name", READ)
def test_without_any_one_of_its_links_a_document_fails(full: Any, name: str) -> None:
    """Links are taken away one document unit at a time: wherever figures stand with a single link, its loss is found."""
    text = full[VerdictKind.HELD][name]
    link = re.compile(r"\[e\d+\]\(#evidence\)" if name == report.CARD else r'<sup class="cite">.*?</sup>')
    unit = re.compile(
        r"^\|.*n = \d.*$" if name == report.CARD else r"<tr\b(?:(?!</tr>).)*n = \d(?:(?!</tr>).)*</tr>",
        re.M | re.S if name != report.CARD else re.M,
    )
    found = list(unit.finditer(text.replace("\u00a0", " ")))
    assert len(found) > 10
    for at in found[:: max(1, len(found) // 12)]:
        plain = text.replace("\u00a0", " ")
        assert READ[name](plain[: at.start()] + link.sub("", at[0]) + plain[at.end() :]) != []


def test_a_template_that_prints_a_number_by_itself_is_found(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loader: Any = page.environment().loader
    real = loader.get_source

    def careless(environment: Any, name: str) -> Any:
        source, path, fresh = real(environment, name)
        return source.replace("{{ refs.gap(g, g.gap) }}", "{{ words.told(g.gap) }}"), path, fresh

    monkeypatch.setattr(loader, "get_source", careless)
    page.environment().cache.clear()  # type: ignore[union-attr]
    try:
        texts = report.render(*runs[VerdictKind.HELD].args)
    finally:
        monkeypatch.undo()
        page.environment().cache.clear()  # type: ignore[union-attr]
    assert bare_in_html(texts[report.REPORT]) != []
    assert bare_in_html(texts[report.SYSTEM]) != []


def test_rows_that_are_not_in_the_table_of_evidence_are_found(full: Any) -> None:
    text = full[VerdictKind.HELD][report.SYSTEM]
    assert any("a link to nothing" in fault for fault in bare_in_html(text.replace('<tr id="e3">', '<tr id="gone">')))
