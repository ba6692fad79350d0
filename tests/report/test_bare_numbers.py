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
    "usage-policy.html": bare_in_html,
    "usage-policy.md": bare_in_markdown,
    "constitution.html": bare_in_html,
    "constitution.md": bare_in_markdown,
}
ROWS = re.compile(r"<tr\b(?:(?!</tr>).)*n = \d(?:(?!</tr>).)*</tr>", re.S)
SUP = re.compile(r'<sup class="cite">.*?</sup>')
LINKED = {
    report.CARD: (re.compile(r"\[e\d+\]\(#evidence\)"), re.compile(r"^\|.*n = \d.*$", re.M)),
    report.REPORT: (SUP, ROWS),
    report.SYSTEM: (SUP, ROWS),
}
"""Links to evidence, and rows with a figure in them."""
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


SLIPS = ("It also reached 93.{}%.", "Of these {} failed.", "The gap is +0.{} points.")


@examples(5)
@given(st.randoms(use_true_random=False))
def test_a_bare_number_that_is_slipped_in_is_found(full: Any, rng: random.Random) -> None:
    """Forty places of a page at a time, and as many of the card: each slip has a number of its own, and each is found."""
    text = full[VerdictKind.HELD][report.SYSTEM]
    ends = [m.start() for m in re.finditer(r"</(?:p|li|dd)>", text[: text.index('class="evidence"')])]
    slips = {at: (rng.choice(SLIPS).format(1000 + i), 1000 + i) for i, at in enumerate(rng.sample(ends, 40))}
    for at in sorted(slips, reverse=True):
        text = f"{text[:at]}. {slips[at][0]}{text[at:]}"
    faults = "\n".join(bare_in_html(text))
    assert [n for _, n in slips.values() if str(n) not in faults] == []
    card, _, evidence = full[VerdictKind.HELD][report.CARD].partition("\n## Evidence\n")
    parts = card.split("\n\n")
    for i in range(1000, 1040):
        parts.insert(rng.randrange(3, len(parts)), rng.choice((f"It reached {i} %.", f"- {i} failed", f"| harm | {i} | |")))
    assert len(bare_in_markdown("\n\n".join(parts) + "\n## Evidence\n" + evidence)) == 40


@pytest.mark.parametrize("name", LINKED)
def test_without_any_one_of_its_links_a_document_fails(full: Any, name: str) -> None:
    text = full[VerdictKind.HELD][name].replace("\u00a0", " ")
    link, unit = LINKED[name]
    found = list(unit.finditer(text))[::3]
    assert len(found) > 5
    for at in reversed(found):
        text = text[: at.start()] + link.sub("", at[0]) + text[at.end() :]
    assert len(READ[name](text)) >= len(found)


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
