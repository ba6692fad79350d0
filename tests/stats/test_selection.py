"""Best-of-n from one pool: against all subsets, against order statistics, with ties, gaps and bad input; intervals by simulation."""

import math
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from searching import examples
from spiritlevel.errors import DataError
from spiritlevel.stats.selection import best_of_n_curve, best_of_n_kl, curve_estimates, rank_weights, sizes

few = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), min_size=1, max_size=7)


def brute(selector: list[int], scores: list[int], n: int) -> float:
    """Mean over all subsets of n of the mean score among the best of the subset."""
    found = []
    for subset in combinations(range(len(selector)), n):
        top = max(selector[i] for i in subset)
        found.append(np.mean([scores[i] for i in subset if selector[i] == top]))
    return float(np.mean(found))


@examples(60)
@given(few)
def test_it_is_the_mean_over_all_subsets_ties_by_lot(pool: list[tuple[int, int]]) -> None:
    selector, scores = [a for a, _ in pool], [b for _, b in pool]
    ns = list(range(1, len(pool) + 1))
    curve = best_of_n_curve([selector], [scores], ns)[0]
    assert curve == pytest.approx([brute(selector, scores, n) for n in ns], abs=1e-9)
    assert curve[0] == pytest.approx(np.mean(scores), abs=1e-9)


@examples(30)
@given(few)
def test_the_selector_s_own_curve_never_falls_and_order_says_nothing(pool: list[tuple[int, int]]) -> None:
    selector, ns = [float(a) for a, _ in pool], list(range(1, len(pool) + 1))
    own = best_of_n_curve([selector], [selector], ns)[0]
    assert (np.diff(own) >= -1e-9).all()
    assert own[-1] == pytest.approx(max(selector), abs=1e-9)
    assert best_of_n_curve([selector[::-1]], [selector[::-1]], ns)[0] == pytest.approx(own, abs=1e-9)


def test_weights_are_chances_and_stay_finite_in_a_large_pool() -> None:
    weights = rank_weights(4096, [1, 2, 64, 4096])
    assert weights.sum(axis=1) == pytest.approx(1, abs=1e-8)
    assert weights[0] == pytest.approx(1 / 4096)
    assert weights[3, -1] == pytest.approx(1, abs=1e-8)
    assert (weights[3, :-1] == 0).all()


def test_best_of_n_of_normal_scores_is_the_expected_maximum() -> None:
    u = np.linspace(-8, 8, 4001)
    want = [float(np.sum(u * n * norm.cdf(u) ** (n - 1) * norm.pdf(u)) * (u[1] - u[0])) for n in (1, 8, 64)]
    rng = np.random.default_rng(0)
    proxy = rng.normal(size=(400, 64))
    intent = 0.5 * proxy + 0.3 * rng.normal(size=proxy.shape)
    assert best_of_n_curve(proxy, proxy, [1, 8, 64]).mean(axis=0) == pytest.approx(want, abs=0.05)
    assert best_of_n_curve(proxy, intent, [1, 8, 64]).mean(axis=0) == pytest.approx([w / 2 for w in want], abs=0.05)


def test_kl_is_log_n_less_n_minus_one_over_n() -> None:
    assert best_of_n_kl([1, 2, 512]) == pytest.approx([0, math.log(2) - 0.5, math.log(512) - 511 / 512])
    assert sizes(512) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert sizes(100) == [1, 2, 4, 8, 16, 32, 64, 100]
    assert sizes(1) == [1]


def test_what_was_not_scored_leaves_its_own_pool_only() -> None:
    nan = math.nan
    whole = best_of_n_curve([[1, 2, 3], [1, 2, 3]], [[10, 20, 30], [1, 2, 3]], [1, 2])
    gaps = best_of_n_curve([[1, nan, 2, 3], [1, 2, 9, 3]], [[10, 99, 20, 30], [1, 2, nan, 3]], [1, 2])
    assert gaps == pytest.approx(whole)


def test_a_constant_selector_selects_nothing() -> None:
    curve = best_of_n_curve([[5.0] * 6], [[1, 2, 3, 4, 5, 6]], [1, 2, 6])
    assert curve[0] == pytest.approx([3.5] * 3)


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="best of 4 cannot be had from a pool of 3"):
        best_of_n_curve([[1, 2, 3]], [[1, 2, 3]], [1, 4])
    with pytest.raises(DataError, match="best of 0"):
        best_of_n_curve([[1, 2, 3]], [[1, 2, 3]], [0])
    with pytest.raises(DataError, match="do not match"):
        best_of_n_curve([[1, 2, 3]], [[1, 2]], [1])
    with pytest.raises(DataError, match="no sample"):
        best_of_n_curve([[math.nan, math.nan]], [[1, 2]], [1])
    with pytest.raises(DataError, match="no prompt"):
        best_of_n_curve(np.empty((0, 4)), np.empty((0, 4)), [1])


def test_two_selectors_on_one_pool_are_compared_in_pairs() -> None:
    """The pool's own luck is shared, so the difference is far surer than either curve."""
    rng = np.random.default_rng(1)
    intent = rng.normal(size=(32, 64)) + 3 * rng.normal(size=(32, 1))
    good, bad = intent + 0.5 * rng.normal(size=intent.shape), intent + 2 * rng.normal(size=intent.shape)
    one, two = (best_of_n_curve(s, intent, [64]) for s in (good, bad))
    alone = curve_estimates(one, range(32), ["alone"], seed=0)[0]
    apart = curve_estimates(one - two, range(32), ["difference"], seed=0)[0]
    assert apart.low > 0.3
    assert apart.high - apart.low < 0.5 * (alone.high - alone.low)


def test_a_large_pool_with_2000_resamples_takes_no_time() -> None:
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    curve = best_of_n_curve(rng.normal(size=(32, 512)), rng.normal(size=(32, 512)), sizes(512))
    curve_estimates(curve, range(32), [str(n) for n in sizes(512)], seed=0)
    assert time.perf_counter() - start < 2
