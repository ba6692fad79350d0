"""Known answers, coverage and edges of the estimators."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiritlevel import stats


def test_wilson_known_answers() -> None:
    assert stats.wilson(0, 256).high == pytest.approx(0.0148, abs=2e-4)  # 0 of 256 is not 0 %
    half = stats.wilson(5, 10)
    assert (half.low, half.high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    empty = stats.wilson(0, 0)
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="not between"):
        stats.wilson(3, 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilson_holds_its_value(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    e = stats.wilson(k, n)
    assert 0 <= e.low <= e.value <= e.high <= 1


def test_auroc_known_answers() -> None:
    assert stats.area([1, 2, 3, 4], [0, 0, 1, 1]) == 1.0
    assert stats.area([1, 1, 1, 1], [0, 1, 0, 1]) == 0.5
    assert stats.area([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == 0.75
    assert math.isnan(stats.area([1, 2], [1, 1]))


def test_kappa_known_answer_agrees_with_sklearn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 200)
    b = np.where(rng.random(200) < 0.7, a, rng.integers(0, 3, 200))
    want = cohen_kappa_score(a, b)
    assert stats.cohen(a, b) == pytest.approx(want)
    e = stats.kappa(a, b, list(range(200)), seed=1)
    assert e.value == pytest.approx(want)
    assert e.low < want < e.high
    assert math.isnan(stats.cohen(["x", "x"], ["x", "x"]))


def test_clusters_widen_the_interval_and_count_as_n() -> None:
    rng = np.random.default_rng(0)
    one = rng.random(40)
    tenfold = np.repeat(one, 10)
    by_prompt = stats.cluster_bootstrap(np.mean, [tenfold], np.repeat(np.arange(40), 10), seed=3)
    by_answer = stats.cluster_bootstrap(np.mean, [tenfold], np.arange(400), seed=3)
    assert by_prompt.n == 40
    assert by_prompt.high - by_prompt.low > 2.5 * (by_answer.high - by_answer.low)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(120):
        centre = np.repeat(rng.normal(size=40), 3)
        sample = centre + rng.normal(size=120)
        e = stats.cluster_bootstrap(np.mean, [sample], np.repeat(np.arange(40), 3), seed=trial, rounds=200)
        hits += e.low <= 0 <= e.high
    assert 0.88 <= hits / 120 <= 0.99


def test_bootstrap_is_seeded_and_tolerates_undefined_rounds() -> None:
    scores, labels = [0.1, 0.2, 0.9], [0, 0, 1]
    first = stats.auroc(scores, labels, ["a", "b", "c"], seed=7)
    assert first == stats.auroc(scores, labels, ["a", "b", "c"], seed=7)
    assert first.value == 1.0
    assert stats.cluster_bootstrap(np.mean, [[]], [], seed=0).n == 0
    with pytest.raises(ValueError, match="do not match"):
        stats.cluster_bootstrap(np.mean, [[1.0]], ["a", "b"], seed=0)
