"""The prediction-powered mean: by hand, against its authors' package, and at its edges."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.stats.ppi import rectified

NAN = float("nan")


def test_known_answers_by_hand() -> None:
    """Labels 0 1 0 1 (mean 1/2) with verdicts 0 1 1 1; verdicts of the rest 1 0 0 0 0 0 0 1 (mean 1/4): 1/2 + power (1/4 - 3/4)."""
    verdicts = np.asarray([0.0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1])
    labels = np.asarray([0.0, 1, 0, 1, *[NAN] * 8])
    full = rectified(verdicts, labels, np.arange(12), power=1.0)
    assert full.value == pytest.approx(0.0)
    # cov(label, verdict) / n = (1/8) / 4; var(verdict) / n + var / N = (3/16) / 4 + (3/16) / 8
    assert rectified(verdicts, labels, np.arange(12)).power == pytest.approx((1 / 32) / (3 / 64 + 3 / 128))
    # residuals label - verdict are 0 0 -1 0, variance 3/16
    assert full.variance == pytest.approx(12 / 11 * (3 / 64 + 3 / 128))
    assert rectified(verdicts, labels, np.arange(12), power=0.0).value == 0.5


def test_agrees_with_its_authors_package() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("ppi_py", exc_type=ImportError)
        rng = np.random.default_rng(0)
        n, rest = 400, 2000
        truth = (rng.random(n + rest) < 0.3).astype(float)
        told = np.where(rng.random(n + rest) < 0.85, truth, 1 - truth)
        labels = np.where(np.arange(n + rest) < n, truth, NAN)
        for power in (0.0, 0.5, 1.0):
            mine = rectified(told, labels, np.arange(n + rest), power)
            assert mine.value == pytest.approx(theirs.ppi_mean_pointestimate(truth[:n], told[:n], told[n:], lam=power)[0], abs=1e-12)
            low, high = (float(x[0]) for x in theirs.ppi_mean_ci(truth[:n], told[:n], told[n:], alpha=0.05, lam=power))
            assert 2 * 1.959964 * mine.variance**0.5 == pytest.approx(high - low, rel=2e-3)
        tuned = theirs.ppi_mean_pointestimate(truth[:n], told[:n], told[n:])[0]
        assert rectified(told, labels, np.arange(n + rest)).value == pytest.approx(tuned, abs=1e-3)


def test_a_judge_that_is_always_right_makes_labels_of_verdicts_and_a_blind_one_is_left_out() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(600) < 0.3).astype(float)
    labels = [float(y) if i % 6 == 0 else None for i, y in enumerate(truth)]
    right = stats.prediction_powered(truth, labels, range(600))
    alone = stats.rate(truth[::6], range(100))
    assert right.high - right.low < 0.6 * (alone.high - alone.low)
    blind = stats.prediction_powered(np.ones(600), labels, range(600))
    assert blind.value == pytest.approx(alone.value)
    assert blind.high - blind.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_clusters_count_and_not_transcripts() -> None:
    rng = np.random.default_rng(2)
    truth = (rng.random(60) < 0.4).astype(float)
    told = np.where(rng.random(60) < 0.8, truth, 1 - truth)
    labels = [float(y) if i < 30 else None for i, y in enumerate(truth)]
    one = stats.prediction_powered(told, labels, range(60))
    ten = stats.prediction_powered(np.repeat(told, 10), [y for y in labels for _ in range(10)], np.repeat(np.arange(60), 10))
    assert ten.n == one.n == 30
    assert ten.value == pytest.approx(one.value)
    assert ten.high - ten.low == pytest.approx(one.high - one.low, rel=0.1)


def test_no_violation_seen_is_not_certainty_and_no_label_says_nothing() -> None:
    none = stats.prediction_powered([0.0, 1.0] * 50, [0.0] * 40 + [None] * 60, range(100))
    assert (none.value, none.low) == (0, 0)
    assert 0.08 < none.high < 0.12  # 0 of 40
    empty = stats.prediction_powered([0.0, 1.0], [None, None], range(2))
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (0, 1)
    with pytest.raises(DataError, match="do not match"):
        stats.prediction_powered([0.0], [None, 1.0], range(2))
    with pytest.raises(DataError, match="outside 0 to 1"):
        stats.prediction_powered([NAN, 1.0], [None, 1.0], range(2))


@examples(80)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, None]), st.integers(0, 6)), min_size=1, max_size=40))
def test_an_interval_always_holds_its_value(rows: list[tuple[float, float | None, int]]) -> None:
    told, labels, groups = (list(column) for column in zip(*rows, strict=True))
    e = stats.prediction_powered(told, labels, groups)
    assert 0 <= e.low < e.high <= 1
    assert math.isnan(e.value) or e.low <= e.value <= e.high
