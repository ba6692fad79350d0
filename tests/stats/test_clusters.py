"""Limits of a share where one cluster is large: known answers and edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from searching import examples
from spiritlevel import stats
from spiritlevel.stats.clusters import icc, inverted, limits, wilson_limits


def test_one_sample_a_cluster_gives_the_mid_p_binomial_interval() -> None:
    low, high = inverted(0.3, np.ones(20, dtype=int), 0.002, 0.95)
    tails = binom.sf(6, 20, low) + binom.pmf(6, 20, low) / 2, binom.cdf(6, 20, high) - binom.pmf(6, 20, high) / 2
    assert tails == (pytest.approx(0.025, abs=1e-3), pytest.approx(0.025, abs=1e-3))


def test_two_clusters_give_the_beta_binomial_tail() -> None:
    """3 of 10 + 2 at icc 0.25: the total's chance by hand, from scipy's beta-binomial."""
    low, high = inverted(3 / 12, np.asarray([10, 2]), 0.25, 0.9)

    def total(p: float) -> np.ndarray:
        return np.convolve(*(betabinom.pmf(range(m + 1), m, 3 * p, 3 * (1 - p)) for m in (10, 2)))

    for p, tail in ((low, total(low)[4:].sum() + total(low)[3] / 2), (high, total(high)[:3].sum() + total(high)[3] / 2)):
        assert tail == pytest.approx(0.05, abs=2e-3), p


def test_equal_clusters_keep_wilson_and_a_large_one_widens_it() -> None:
    assert limits(0.4, np.full(5, 4), 0.0, 0.95) == wilson_limits(0.4, 20, 0.95)
    assert limits(0.4, np.full(5, 4), 1.0, 0.95) == wilson_limits(0.4, 5, 0.95)
    rng = np.random.default_rng(0)
    x = (rng.random(200) < 0.3).astype(float)
    one = stats.rate(x, [0] * 80 + [1 + i // 4 for i in range(120)])
    even = stats.rate(x, [i // 4 for i in range(200)])
    assert one.high - one.low > 1.5 * (even.high - even.low)


def test_a_change_is_wider_where_one_cluster_is_large() -> None:
    rng = np.random.default_rng(0)
    b, a = ((rng.random(200) < p).astype(float) for p in (0.6, 0.3))
    one = stats.paired_change(b, a, [0] * 80 + [1 + i // 4 for i in range(120)])
    even = stats.paired_change(b, a, [i // 4 for i in range(200)])
    assert one.low < even.low < one.value < even.high < one.high


def test_icc_known_answers() -> None:
    codes = np.asarray([0, 0, 1, 1])
    assert icc(np.asarray([0.0, 0, 1, 1]), codes) == 1
    assert icc(np.asarray([0.0, 1, 0, 1]), codes) == 0
    assert icc(np.asarray([1.0, 1, 1, 1]), codes) == 1  # nothing to judge by
    assert icc(np.asarray([0.0, 1]), np.asarray([0, 1])) == 0


@examples(60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_limits_hold_the_mean_and_are_never_a_point(sizes: list[int], mean: float, rho: float, confidence: float) -> None:
    low, high = limits(mean, np.asarray(sizes), rho, confidence)
    assert 0 <= low <= mean <= high <= 1
    assert low < high
