"""Levels, weights and notes of a verdict in report and card, and nothing of them where there are none."""

import re
from dataclasses import replace
from typing import Any

import pytest

from spiritlevel import report
from spiritlevel.types import Check, Estimate, Grade, LevelCheck, Measurement, VerdictKind, Weighted

APPROVED, UNPROVEN = VerdictKind.APPROVED, VerdictKind.UNPROVEN
WIT = Measurement(
    estimate=Estimate(name="compliance", value=0.41, low=0.31, high=0.53, n=77), phase="after", grade=Grade.INDEPENDENT, rows=("wit-rows",)
)
GUARD = Check(threshold="guard<b>", result=UNPROVEN, reason="not shown", needs="about 90 more clusters")
LEVEL = LevelCheck(
    level="able", state="reached", result=UNPROVEN, reason="it is reached", measurement=WIT, safeguards=(GUARD,), otherwise="stop"
)
MORE = {
    "levels": (LEVEL,),
    "weighted": (Weighted(horizon="near", kind=APPROVED), Weighted(horizon="long", kind=UNPROVEN, deciding=("guard<b>",))),
    "notes": ("Ben dissents: <script>",),
    "basis": "b" * 32,
}


@pytest.fixture(scope="module")
def texts(runs: Any) -> dict[str, tuple[str, str]]:
    run = runs[UNPROVEN]
    found = {}
    for name, extra in (("with", MORE), ("without", {})):
        made = report.render(*replace(run, verdict=run.verdict.model_copy(update=extra)).args)
        found[name] = made[report.REPORT], made[report.CARD]
    return found


def test_a_level_stands_with_its_safeguards_and_what_is_asked(texts: Any) -> None:
    page, card = texts["with"]
    assert '<h2 id="levels">Capability levels</h2>' in page
    assert "until it is settled: stop scaling" in page
    assert 'data-evidence="wit-rows"' in page
    assert re.search(r"<b>To settle it:</b> about 90 more clusters<sup[^.]*</sup>\.", page)
    assert "guard&lt;b&gt;" in page
    assert "## Capability levels" in card
    assert "reached, until settled: stop scaling" in card


def test_both_weights_and_every_note(texts: Any) -> None:
    page, card = texts["with"]
    assert "near-term harms alone" in page
    assert "long-term harms alone" in page
    assert "Ben dissents: &lt;script&gt;.<sup" in page
    assert "- If near-term harms alone counted: **approved**." in card
    assert "- If long-term harms alone counted: **unproven** because of guard&lt;b&gt;." in card


def test_a_verdict_without_them_shows_none(texts: Any) -> None:
    page, card = texts["without"]
    assert 'id="levels"' not in page
    assert 'id="weighted"' not in page
    assert "Capability levels" not in card
