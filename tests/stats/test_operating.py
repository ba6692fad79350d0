"""Thresholds with a promised false-alarm rate: known answers, and how often the promise is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import stats


def test_upper_bound_has_its_closed_forms():
    assert stats.upper(0, 299) == pytest.approx(1 - 0.05 ** (1 / 299))
    assert stats.upper(5, 5) == 1.0
    assert stats.upper(0, 0) == 1.0
    assert stats.upper(1, 100) == pytest.approx(0.0466, abs=1e-4)  # Clopper and Pearson's table, 95 % one-sided
    with pytest.raises(ValueError, match="k = 3"):
        stats.upper(3, 2)


def test_needed_is_the_least_number_that_promises():
    assert stats.needed(0.01) == 299
    assert stats.needed(0.05) == 59
    for rate in (0.01, 0.05, 0.2):
        n = stats.needed(rate)
        assert stats.promised(np.arange(n), rate) is not None
        assert stats.promised(np.arange(n - 1), rate) is None
    with pytest.raises(ValueError, match="between"):
        stats.needed(0)


def test_threshold_is_the_lowest_that_keeps_the_promise():
    threshold, alarms, upper = stats.promised(np.arange(640.0), 0.01) or (0, 0, 0)
    assert (threshold, alarms) == (637, 2)  # the third of 640 would have an upper bound over 1 %
    assert upper <= 0.01 < stats.upper(3, 640)


def test_the_promise_is_kept_as_often_as_it_says():
    rng = np.random.default_rng(3)
    kept = [1 - (stats.promised(rng.random(400), 0.02) or (0, 0, 0))[0] <= 0.02 for _ in range(600)]
    assert 0.94 <= np.mean(kept) <= 1.0


def test_ties_are_no_alarms():
    threshold, alarms, _ = stats.promised(np.ones(400), 0.01) or (0, 1, 0)
    assert (threshold, alarms) == (1.0, 0)


def test_a_cluster_counts_once_by_its_worst():
    assert sorted(stats.worst_of([0.1, 0.9, 0.3], ["a", "a", "b"])) == [0.3, 0.9]


def test_caught_at_a_rate():
    scores = [*range(100), *[98.5] * 10, *[99.5] * 30]
    labels = [False] * 100 + [True] * 40
    found = stats.caught_at(0.01, scores, labels, [str(i) for i in range(140)], seed=0, rounds=200)
    assert found.value == 1.0
    assert found.low < 1.0  # the threshold itself is drawn anew
    assert stats.caught_at(0.0, scores, labels, [str(i) for i in range(140)], seed=0, rounds=50).value == 0.75


@examples(50)
@given(st.lists(st.floats(0, 1), min_size=60, max_size=300), st.floats(0.05, 0.5))
def test_no_more_alarms_than_promised(scores, rate):
    found = stats.promised(scores, rate)
    assert found is not None
    assert sum(s > found[0] for s in scores) == found[1]
    assert found[2] <= rate
