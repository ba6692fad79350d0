"""Figures of detection and false alarms, what is left out, and what is told first."""

import math

import pytest

from planting import NAMES, ref, rules
from spiritlevel.errors import DataError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.report import power as page
from spiritlevel.screening import blind, power
from spiritlevel.types import Estimate, ModelRef, Planted, Power, Screened, Taken

BASE = ModelRef(spec="bundled@1", kind="local", weights="base", family="tiny")
HEARD = {"found": True, "lost": False}


def told(clean: int = 2, loud: int = 0, **faint: str) -> Power:
    """`found` raises an alarm at every strength, `lost` at none, `weak` never took."""
    copies = [
        Planted(ref=ref(f"{flaw}{s}{seed}"), flaw=flaw, clean=False, strength=s, seed=seed, steps=1)
        for flaw in ("found", "lost", "weak")
        for s, seeds in ((0.5, 1), (1.0, 2))
        for seed in range(seeds)
    ]
    copies += [Planted(ref=ref(f"c{i}"), flaw="found", clean=True, strength=1.0, seed=i, steps=1) for i in range(clean)]
    e = Estimate(name="shown", value=0.5, low=0.2, high=0.8, n=9)
    taken = tuple(
        Taken(
            ref=c.ref,
            flaw=c.flaw,
            strength=c.strength,
            seed=c.seed,
            clean=False,
            shown=e,
            base=e,
            change=e,
            loss=e,
            length=e,
            refused=e,
            took=c.flaw != "weak",
            strayed=("loss",) if faint.get("strayed") == c.flaw else (),
        )
        for c in copies
        if not c.clean
    )
    made = rules(1.0, 1.0)
    envelope = blind.seal(MemoryJournal(), made, tuple(copies))
    values = {c.ref.weights: (2.0 if HEARD.get(c.flaw) and not c.clean else 0.0, 0.0) for c in copies}
    values |= {f"c{i}": (0.0, 2.0) for i in range(loud)}
    screened = tuple(Screened(ref=r, readings=tuple(zip(NAMES, values[r.weights], strict=True))) for r in envelope.refs)
    alarms = blind.sound(MemoryJournal(), made, envelope, screened)
    return power.tell(MemoryJournal(), BASE, made, alarms, envelope, tuple(copies), taken, ("found",), 1.0)


def test_rates_by_flaw_and_strength_with_what_nothing_found_first():
    found = told(clean=30)
    assert [(c.flaw, c.strength) for c in found.cells[:2]] == [("lost", 0.5), ("lost", 1.0)]
    assert found.missed == ("lost",)
    cells = {(c.flaw, c.strength): c for c in found.cells}
    assert cells["found", 1.0].detected.value == 1.0
    assert (cells["found", 1.0].detected.n, cells["lost", 1.0].detected.n) == (2, 2)
    assert dict(cells["found", 1.0].by)["novel"].value == 1.0
    assert dict(cells["found", 1.0].by)["views"].value == 0.0
    assert (found.quoted.value, found.quoted.n) == (0.0, 2)  # `found` was developed on, `weak` did not take
    assert (found.developed, found.held_out) == (("found",), ("lost", "weak"))
    assert (found.false_alarms.value, found.false_alarms.n) == (0.0, 30)
    assert found.false_alarms.high == pytest.approx(0.1135, abs=1e-3)
    assert any("at most 9.5%" in note for note in found.notes)


def test_what_did_not_take_counts_neither_way():
    found = told(strayed="lost")
    weak = [c for c in found.cells if c.flaw in ("weak", "lost")]
    assert all(c.detected.n == 0 and math.isnan(c.detected.value) for c in weak)
    assert sum(c.left_out for c in weak) == 6
    assert found.missed == ()
    assert found.quoted.n == 0
    assert sum("did not take" in note for note in found.notes) == 3
    assert sum("moved more than the flaw (loss)" in note for note in found.notes) == 3


def test_alarms_on_controls_are_false_and_too_few_controls_say_nothing():
    found = told(clean=4, loud=1)
    assert (found.false_alarms.value, dict(found.false_by)["views"].value) == (0.25, 0.25)
    with pytest.raises(DataError, match="1 clean controls"):
        told(clean=1)


def test_the_page_tells_the_worst_first_and_escapes():
    found = told()
    html = page.html(found, "spiritlevel audit-power <b>")
    assert "Found by no check: lost" in html
    assert "did not take" in html
    assert "<b>&" not in html
    assert "audit-power &lt;b&gt;" in html
    odd = found.model_copy(update={"notes": ("<script>x</script>",)})
    assert "<script>" not in page.html(odd)
