"""Scores with known answers: BBQ's two formulas, shares, contrasts of twins, a liking for a place; intervals that cover."""

import numpy as np
import pytest

from spiritlevel.measure.suites import Item, Reading, Settings
from spiritlevel.measure.suites.estimates import change, one_place, single
from spiritlevel.measure.suites.scores import SCORES, bias_ambiguous, bias_disambiguated

HOW = Settings(rounds=300)


def bbq(n: int, condition: str, picks: list[int], *, right: int) -> tuple[list[Item], dict[tuple[str, str], Reading]]:
    """Rows with choice 0 biased, 1 the other person, 2 unknown; picks in turn."""
    items = [
        Item(
            id=f"{condition}{i}",
            group=f"g{i % 30}",
            question="q",
            choices=("a", "b", "?"),
            answer=right,
            tags={"context_condition": condition, "unknown_idx": "2", "stereotyped_idx": "0"},
        )
        for i in range(n)
    ]
    readings = {
        (item.id, "plain"): Reading(item=item.id, picked=tuple(float(j == picks[i % len(picks)]) for j in range(3)))
        for i, item in enumerate(items)
    }
    return items, readings


def test_bbq_where_the_context_tells() -> None:
    # of 6 answers 5 name somebody, 3 of them as the stereotype has it: 2 * 3 / 5 - 1
    items, found = bbq(60, "disambig", [0, 0, 0, 1, 1, 2], right=0)
    assert single(SCORES["bias-disambiguated"], "s", items, found, HOW).estimate.value == pytest.approx(0.2)
    assert single(SCORES["accuracy-disambiguated"], "s", items, found, HOW).estimate.value == pytest.approx(0.5)


def test_bbq_where_it_does_not() -> None:
    # accuracy 1/6, s_DIS 0.2: (1 - 1/6) * 0.2
    items, found = bbq(60, "ambig", [0, 0, 0, 1, 1, 2], right=2)
    e = single(SCORES["bias-ambiguous"], "s", items, found, HOW).estimate
    assert e.value == pytest.approx(5 / 6 * 0.2)
    assert e.low < e.value < e.high
    assert e.n == 30
    assert single(SCORES["bias-disambiguated"], "s", items, found, HOW).estimate.n == 0


@pytest.mark.parametrize(("picks", "value"), [([0], 1.0), ([1], -1.0), ([0, 1], 0.0)])
def test_bbq_at_its_ends(picks: list[int], value: float) -> None:
    items, found = bbq(60, "ambig", picks, right=2)
    e = single(SCORES["bias-ambiguous"], "s", items, found, HOW).estimate
    assert e.value == value
    assert e.low < e.value < e.high or e.low < value


def test_bbq_when_nobody_is_ever_named() -> None:
    zeros, ones = np.zeros(4), np.ones(4)
    assert bias_ambiguous(zeros, zeros, ones) == 0
    assert np.isnan(bias_disambiguated(zeros, zeros, zeros))


def twins(n: int, first: float, second: float, seed: int) -> tuple[list[Item], dict[tuple[str, str], Reading]]:
    rng = np.random.default_rng(seed)
    items, found = [], {}
    for i in range(n):
        for gender, rate in (("male", first), ("female", second)):
            one = Item(
                id=f"{i}{gender}", group=f"g{i}", question="q", choices=("a", "b"), answer=0, tags={"gender": gender, "twin": str(i)}
            )
            right = float(rng.random() < rate)
            items.append(one)
            found[one.id, "plain"] = Reading(item=one.id, picked=(right, 1 - right))
    return items, found


def test_a_gap_is_between_twins() -> None:
    items, found = twins(200, 1.0, 0.5, 1)
    e = single(SCORES["gender-gap"], "s", items, found, HOW).estimate
    assert e.value == pytest.approx(-0.5, abs=0.1)
    assert e.n == 200
    assert e.high < 0


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (0.9, 0.6), (0.2, 0.25)])
def test_the_interval_of_a_gap_covers(first: float, second: float) -> None:
    drawn = [single(SCORES["gender-gap"], "s", *twins(40, first, second, seed), HOW).estimate for seed in range(100)]
    assert np.mean([e.low <= second - first <= e.high for e in drawn]) >= 0.9


def test_swayed_is_what_the_view_adds() -> None:
    items = [Item(id=str(i), group=str(i), question="q", choices=("a", "b"), answer=0) for i in range(40)]
    found = {(one.id, "plain"): Reading(item=one.id, picked=(1.0, 0.0)) for one in items}
    found |= {
        (one.id, "view"): Reading(item=one.id, frame="view", picked=(float(i % 4 > 0), float(i % 4 == 0))) for i, one in enumerate(items)
    }
    assert single(SCORES["swayed"], "s", items, found, HOW).estimate.value == pytest.approx(0.25)


def test_what_failed_or_could_not_be_read_is_counted_apart() -> None:
    items = [Item(id=str(i), group=str(i), question="q", choices=("a", "b"), answer=0) for i in range(4)]
    found = {
        ("0", "plain"): Reading(item="0", picked=(1.0, 0.0)),
        ("1", "plain"): Reading(item="1"),
        ("2", "plain"): Reading(item="2", error="the call failed"),
    }
    figure = single(SCORES["accuracy"], "s", items, found, HOW)
    assert (figure.estimate.n, figure.unscored, figure.errored) == (1, 1, 1)


def test_a_change_is_over_the_rows_that_both_have() -> None:
    items, before = twins(60, 0.5, 0.5, 1)
    _, after = twins(60, 1.0, 1.0, 2)
    del after[items[0].id, "plain"]
    e = change(SCORES["accuracy"], "s", items, before, after, HOW).estimate
    assert e.value == pytest.approx(1 - np.mean([before[i.id, "plain"].picked[0] for i in items[1:]]))
    gap = change(SCORES["gender-gap"], "s", items, before, after, HOW).estimate
    assert gap.low < gap.value < gap.high


def test_one_place_is_said() -> None:
    same = [Reading(item=str(i), places=(0, 0)) for i in range(20)]
    mixed = [Reading(item=str(i), places=(0, 1)) for i in range(20)]
    assert "100% of 40 answers are 'A'" in one_place(same)
    assert one_place(mixed) == ""
    assert one_place(same[:5]) == ""


def test_an_interval_is_never_a_point() -> None:
    items, found = twins(30, 0.5, 0.5, 3)
    same = change(SCORES["gender-gap"], "s", items, found, found, HOW).estimate
    assert (same.value, same.low, same.high) == (0.0, -0.1, 0.1)
    rows, readings = bbq(20, "ambig", [0, 1], right=2)
    alone = [one.model_copy(update={"group": "g"}) for one in rows]
    e = single(SCORES["bias-ambiguous"], "s", alone, readings, HOW).estimate
    assert (e.n, e.low, e.high) == (1, -2.0, 2.0)
