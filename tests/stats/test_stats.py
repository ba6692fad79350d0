"""Known answers, coverage and edges of the estimators."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
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


@examples(50)
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


def test_a_corrected_rate_undoes_the_judges_errors() -> None:
    told = [1.0] * 33 + [0.0] * 67  # 0.2 * 0.85 + 0.8 * 0.2
    e = stats.corrected(told, range(100), sensitivity=0.85, positives=400, specificity=0.8, negatives=400)
    assert e.value == pytest.approx(0.2)
    assert e.low < 0.2 < e.high
    perfect = stats.corrected(told, range(100), sensitivity=1.0, positives=1e9, specificity=1.0, negatives=1e9)
    plain = stats.wilson(33, 100)
    assert (perfect.value, perfect.low, perfect.high) == (
        pytest.approx(0.33),
        pytest.approx(plain.low, abs=0.003),
        pytest.approx(plain.high, abs=0.003),
    )


@pytest.mark.parametrize(("sensitivity", "specificity", "n"), [(0.5, 0.5, 10), (0.2, 0.7, 10), (0.9, 0.9, 0)])
def test_a_judge_no_better_than_chance_says_nothing(sensitivity: float, specificity: float, n: int) -> None:
    e = stats.corrected([1.0] * n, range(n), sensitivity=sensitivity, positives=50, specificity=specificity, negatives=50)
    assert math.isnan(e.value)
    assert (e.low, e.high) == (0.0, 1.0)


@examples(100)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(0, 1), st.floats(0, 1), st.floats(1, 500), st.floats(1, 500))
def test_a_corrected_interval_always_holds_its_value(told: list[bool], se: float, sp: float, positives: float, negatives: float) -> None:
    e = stats.corrected(told, range(len(told)), sensitivity=se, positives=positives, specificity=sp, negatives=negatives)
    assert 0 <= e.low <= e.high <= 1
    assert math.isnan(e.value) or e.low <= e.value <= e.high


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.9, 0.95), (0.7, 0.9)])
def test_corrected_intervals_cover_with_clusters_and_a_judge_that_errs(rate: float, sensitivity: float, specificity: float) -> None:
    rng = np.random.default_rng(11)
    clusters, each, labelled, hits = 60, 4, 80, 0
    groups = np.repeat(np.arange(clusters), each)
    for _ in range(400):
        leaning = rng.beta(rate * 2.5, (1 - rate) * 2.5, clusters) if 0 < rate < 1 else np.full(clusters, rate)  # icc 0.29
        truth = rng.random((clusters, each)) < leaning[:, None]
        told = np.where(truth, rng.random(truth.shape) < sensitivity, rng.random(truth.shape) >= specificity).ravel()
        e = stats.corrected(
            told,
            groups,
            sensitivity=rng.binomial(labelled, sensitivity) / labelled,
            positives=labelled,
            specificity=rng.binomial(labelled, specificity) / labelled,
            negatives=labelled,
        )
        hits += e.low <= rate <= e.high
    assert hits / 400 >= 0.93


def test_debiased_bootstrap_takes_off_what_noise_adds():
    """|mean| of noise is pushed above 0; the percentile interval would not reach it."""
    rng = np.random.default_rng(0)
    groups = [str(i) for i in range(40)]

    def away(x):
        return float(abs(x.mean()))

    found, plain = [], []
    for i in range(100):
        x = rng.normal(0, 1, 40)
        found.append(stats.debiased_bootstrap(away, [x], groups, seed=i, rounds=200, least=0.0))
        plain.append(stats.cluster_bootstrap(away, [x], groups, seed=i, rounds=200))
    assert all(0 <= e.low <= e.value <= e.high for e in found)
    assert np.mean([e.value for e in found]) < 0.85 * np.mean([e.value for e in plain])
    assert sum(e.low == 0 for e in found) >= 85
    assert not any(e.low == 0 for e in plain)


def test_debiased_bootstrap_of_an_unbiased_statistic_is_that_statistic():
    x = np.random.default_rng(0).normal(3, 1, 200)
    found = stats.debiased_bootstrap(lambda v: float(v.mean()), [x], [str(i) for i in range(200)], seed=0)
    assert found.value == pytest.approx(x.mean(), abs=0.01)
    assert found.high - found.low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.15)
