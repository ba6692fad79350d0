"""Calibration of margins: known temperatures, an error of zero for who is calibrated, intervals that hold the truth."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.measure import calibrating


def drawn(n: int, heat: float, seed: int) -> np.ndarray:
    """Margins `heat` times as large as the log-odds that the labels follow; the sign is that of the label."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, n)
    label = rng.random(n) < 1 / (1 + np.exp(-odds))
    return heat * np.where(label, odds, -odds)


def found(margins: np.ndarray, rounds: int = 200):
    return calibrating.reliabilities(margins, np.ones(len(margins)), [str(i) for i in range(len(margins))], seed=0, rounds=rounds)


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_is_what_the_margins_were_stretched_by(heat):
    e = found(drawn(4000, heat, 1)).temperature
    assert e.low < heat < e.high
    assert e.value == pytest.approx(heat, rel=0.1)


def test_the_fitted_slope_is_that_of_a_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    m = drawn(500, 2.0, 2)
    both = np.concatenate([m, -m])[:, None]
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(both, np.repeat([1, 0], 500))
    assert calibrating.slope(m, np.ones(500)) == pytest.approx(model.coef_[0, 0], rel=1e-4)


def test_soft_labels_are_fitted_to():
    m = np.full(100, 2.0)
    assert calibrating.slope(m, np.full(100, 1 / (1 + math.exp(-1)))) == pytest.approx(0.5, rel=1e-6)


def test_margins_that_are_no_use_have_no_temperature():
    rng = np.random.default_rng(0)
    wrong = found(-np.abs(rng.normal(0, 1, 60)) - 0.1)
    assert wrong.temperature.value == math.inf
    assert wrong.ece.value > 0.5
    none = found(np.zeros(60))
    assert math.isnan(none.temperature.value)


def test_bins_hold_all_pairs_once_and_rise():
    bins = found(drawn(307, 1.0, 3)).bins
    assert len(bins) == 10
    assert sum(b.pairs for b in bins) == 307
    assert all(a.predicted <= b.predicted for a, b in pairwise(bins))
    assert len(found(drawn(40, 1.0, 3)).bins) == 2
    assert len(found(drawn(3, 1.0, 3)).bins) == 1


def test_the_error_is_that_of_the_definition():
    m = np.asarray([math.log(9)] * 10 + [math.log(1.5)] * 10)
    m[:5] *= -1  # sure of 0.9, right in half; sure of 0.6, right always
    assert calibrating.ece(m, np.ones(20), 2) == pytest.approx((0.4 + 0.4) / 2)


@pytest.mark.parametrize(("heat", "n"), [(1.0, 300), (1.3, 300), (3.0, 120)])
def test_intervals_of_the_error_hold_the_truth(heat, n):
    truth = calibrating.ece(drawn(200_000, heat, 9), np.ones(200_000), 10)
    truth = 0.0 if heat == 1 else truth
    groups = [str(i) for i in range(n)]
    held = [
        calibrating.ece_estimate(drawn(n, heat, 100 + i), np.ones(n), groups, 10 if n > 150 else 8, seed=i, rounds=100) for i in range(60)
    ]
    inside = sum(e.low <= truth <= e.high for e in held)
    assert inside >= 51, "95 % intervals: 57 of 60 expected"
    assert np.mean([e.value for e in held]) == pytest.approx(truth, abs=0.04)
    assert all(e.low <= e.value <= e.high for e in held)


@examples(40)
@given(st.lists(st.floats(-20, 20), min_size=2, max_size=60))
def test_no_margins_break_it(values):
    e = found(np.asarray(values), rounds=20)
    assert 0 <= e.ece.value <= 1
    assert math.isnan(e.temperature.value) or e.temperature.value > 0
    assert sum(b.pairs for b in e.bins) == len(values)
