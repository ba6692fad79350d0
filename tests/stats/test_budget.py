"""Success within q queries, some goals stopped early: known answers, edges and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.stats.budget import kaplan_meier


def test_kaplan_meier_and_greenwood_by_hand() -> None:
    """Five goals: success at 1, stopped at 2, success at 3, success at 3, open at 4. S(3) = 4/5 * 1/3."""
    end, hit = np.asarray([1, 2, 3, 3, 4]), np.asarray([True, False, True, True, False])
    value, _, kept = kaplan_meier(end, hit, 3)
    assert value == pytest.approx(1 - 4 / 15)
    greenwood = (4 / 15) ** 2 * (1 / (5 * 4) + 2 / (3 * 1))
    assert kept == pytest.approx((4 / 15) * (11 / 15) / greenwood / 5)
    assert kaplan_meier(end, hit, 2)[0] == pytest.approx(0.2)


def test_without_early_stops_it_is_the_plain_rate() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 3)
    first = [int(t) if t <= 20 else None for t in rng.geometric(0.05, 90)]
    used = [t or 20 for t in first]
    for e, q in zip(stats.success_by_budget(first, used, groups, [1, 5, 20]), (1, 5, 20), strict=True):
        plain = stats.rate([float(t is not None and t <= q) for t in first], groups)
        assert (e.value, e.low, e.high, e.n) == (pytest.approx(plain.value), pytest.approx(plain.low), pytest.approx(plain.high), 30)
    assert e.name == "success within 20"


def test_stopped_goals_do_not_count_as_failures() -> None:
    """Half were stopped at query 5 by their budget: counted as failures they would halve the later success."""
    first = [10] * 10 + [None] * 10 + [None] * 20
    used = [10] * 10 + [10] * 10 + [5] * 20
    (e,) = stats.success_by_budget(first, used, range(40), [10])
    assert e.value == pytest.approx(0.5)
    (full,) = stats.success_by_budget(first[:20], used[:20], range(20), [10])
    assert (e.low, e.high) == (pytest.approx(full.low, abs=0.01), pytest.approx(full.high, abs=0.01))


def test_edges() -> None:
    none, past = stats.success_by_budget([None] * 50, [8] * 50, range(50), [8, 9])
    assert (none.value, none.low, none.high) == (0, 0, pytest.approx(stats.wilson(0, 50).high))
    assert (past.value, past.high) == (0, 1)  # nobody asked a ninth time
    (sure,) = stats.success_by_budget([1] * 50, [1] * 50, range(50), [100])
    assert (sure.value, sure.high) == (1, 1)
    assert sure.low == pytest.approx(stats.wilson(50, 50).low)
    (never,) = stats.success_by_budget([None], [0], ["a"], [1])
    assert math.isnan(never.value)
    assert stats.success_by_budget([], [], [], [1])[0].n == 0


@pytest.mark.parametrize(
    ("first", "used", "budgets", "match"),
    [([3], [2], [1], "impossible"), ([0], [2], [1], "impossible"), ([None], [-1], [1], "impossible"), ([None], [1], [0], "at least 1")],
)
def test_impossible_counts_are_refused(first: list[int | None], used: list[int], budgets: list[int], match: str) -> None:
    with pytest.raises(DataError, match=match):
        stats.success_by_budget(first, used, ["a"], budgets)


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_more_budget_never_means_less_success(rows: list[tuple[int, bool, int]]) -> None:
    used, won, groups = (list(column) for column in zip(*rows, strict=True))
    first = [t if w and t else None for t, w in zip(used, won, strict=True)]
    found = stats.success_by_budget(first, used, groups, [1, 2, 4, 8, 16])
    for e in found:
        assert 0 <= e.low <= e.high <= 1
        assert math.isnan(e.value) or e.low <= e.value <= e.high
    values = [e.value for e in found if not math.isnan(e.value)]
    assert values == sorted(values)


@pytest.mark.parametrize("scale", [0.003, 0.03, 0.3])
def test_it_covers_where_caps_cut_goals_at_different_queries(scale: float) -> None:
    """60 clusters of 3 goals, each with a chance of its own; half of the goals are cut at a query drawn from 1 to 30."""
    rng, hits, runs = np.random.default_rng(4), np.zeros(3), 200
    groups, budgets = np.repeat(np.arange(60), 3), [3, 10, 25]
    draws = rng.beta(0.5, 0.5 / scale - 0.5, 200_000)
    truth = [float(np.mean(1 - (1 - draws) ** q)) for q in budgets]
    for _ in range(runs):
        chance = np.repeat(rng.beta(0.5, 0.5 / scale - 0.5, 60), 3)
        when = rng.geometric(np.clip(chance, 1e-9, 1))
        cap = np.where(rng.random(180) < 0.5, rng.integers(1, 31, 180), 30)
        first = [int(t) if t <= c else None for t, c in zip(when, cap, strict=True)]
        used = np.minimum(when, cap).tolist()
        hits += [e.low <= p <= e.high for e, p in zip(stats.success_by_budget(first, used, groups, budgets), truth, strict=True)]
    assert hits.min() / runs >= 0.91, hits / runs


def test_goals_that_succeed_later_were_known_to_be_open_before() -> None:
    early, late = stats.success_by_budget([1, 4, 4, 4], [1, 4, 4, 4], "abcd", [1, 4])
    same, _ = stats.success_by_budget([1, None, None, None], [1, 4, 4, 4], "abcd", [1, 4])
    assert (early.value, early.low, early.high) == (same.value, same.low, same.high)
    assert early.high < 1
    assert late.value == 1
