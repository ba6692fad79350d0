"""The transfer matrix on pairs made by hand: known changes, what is left out, and what cannot be."""

import pytest

from spiritlevel.errors import DataError
from spiritlevel.measure.transfer import harm, matrix, refusal
from spiritlevel.types import Kind, Outcome, Pair, Prompt, Side

PRINCIPLES = ("a", "b", "c")
TAUGHT = (("a",), ("b",), ("c",))


def pair(principle: str, place: int, before: float | None, after: float | None, kind: Kind = Kind.HARMFUL) -> Pair:
    id = f"{principle}{place}"
    prompt = Prompt(id=id, text=id, goal=id, principle=principle, kind=kind, side=Side.OPEN, cluster=id)
    outcomes = [None if x is None else (Outcome.COMPLIANCE if x >= 0.5 else Outcome.REFUSAL) for x in (before, after)]
    return Pair(
        prompt=prompt,
        before="b",
        after="a",
        before_proxy=None,
        after_proxy=None,
        before_intent=before,
        after_intent=after,
        before_outcome=outcomes[0],
        after_outcome=outcomes[1],
    )


def run(taught: str, own: float, other: float) -> list[Pair]:
    """Of 40 harmful prompts a principle, all answered before; so large a part refused after, where it was taught and elsewhere."""
    return [pair(p, i, 1.0, float(i >= 40 * (own if p == taught else other))) for p in PRINCIPLES for i in range(40)]


def test_each_cell_is_its_change_and_the_means_are_over_principles():
    found = matrix("harm", TAUGHT, [run(p, 1.0, 0.25) for p in PRINCIPLES], harm)
    assert [(c.taught, c.tested, c.own) for c in found.cells[:3]] == [(("a",), "a", True), (("b",), "a", False), (("c",), "a", False)]
    assert {c.change.value for c in found.cells if c.own} == {-1.0}
    assert {c.change.value for c in found.cells if not c.own} == {-0.25}
    assert (found.own.value, found.other.value, found.added.value) == (-1.0, -0.25, -0.75)
    for e in (found.own, found.other, found.added):
        assert e.low <= e.value <= e.high
        assert e.n == 120
    assert found.other.high < 0 > found.added.high
    assert found.unscored == 0


def test_without_transfer_the_interval_holds_nothing_or_more():
    found = matrix("harm", TAUGHT, [run(p, 0.5, 0.0) for p in PRINCIPLES], harm)
    assert found.other.value == 0
    assert found.other.low <= 0 <= found.other.high
    assert found.added.high < 0


def test_a_prompt_that_one_training_lacks_counts_in_none():
    runs = [run(p, 1.0, 0.25) for p in PRINCIPLES]
    runs[0][0] = pair("a", 0, 1.0, None)
    del runs[1][1]
    found = matrix("harm", TAUGHT, runs, harm)
    assert found.unscored == 2
    assert {c.change.n for c in found.cells if c.tested == "a"} == {38}


def test_refusals_are_read_by_text():
    runs = [[pair(p, i, 1.0, float(p != taught), Kind.LOOKALIKE) for p in PRINCIPLES for i in range(10)] for taught in PRINCIPLES]
    found = matrix("refused", TAUGHT, runs, refusal)
    assert (found.own.value, found.other.value) == (1.0, 0.0)


def test_what_no_judge_could_read_is_not_measured():
    found = matrix("harm", TAUGHT, [[pair(p, i, None, None) for p in PRINCIPLES for i in range(3)] for _ in TAUGHT], harm)
    assert (found.other.n, found.unscored) == (0, 9)
    assert found.other.low == -1 < found.other.high


def test_what_cannot_be_is_named():
    with pytest.raises(DataError, match="no principle is left out"):
        matrix("harm", (PRINCIPLES,), [run("a", 1, 1)], harm)
    with pytest.raises(DataError, match="do not match"):
        matrix("harm", TAUGHT, [run("a", 1, 1)], harm)
