"""Resampling over prompts and seeds: known spreads, groups, seeds, and coverage by simulation."""

import math

import numpy as np
import pytest

from spiritlevel.stats.crossed import percentiles, resampled_means
from spiritlevel.stats.selection import curve_estimates


def test_the_spread_is_that_of_a_mean_over_prompts() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 1))
    drawn = resampled_means(values, range(200), seed=0, rounds=4000)
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.01)
    assert drawn.std() == pytest.approx(values.std(ddof=1) / math.sqrt(200), rel=0.05)


def test_copies_of_a_prompt_in_its_group_add_nothing() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(40, 2))
    once = curve_estimates(values, range(40), "ab", seed=3)
    thrice = curve_estimates(np.repeat(values, 3, axis=0), np.repeat(np.arange(40), 3), "ab", seed=3)
    assert [e.n for e in thrice] == [40, 40]
    assert [(e.value, e.low, e.high) for e in once] == [pytest.approx((e.value, e.low, e.high)) for e in thrice]


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    same = rng.normal(size=(1, 30, 1)) + np.zeros((3, 1, 1))
    apart = same + np.asarray([-2.0, 0.0, 2.0])[:, None, None]
    a, b = (curve_estimates(x, range(30), ["x"], seed=0)[0] for x in (same, apart))
    assert a.value == pytest.approx(b.value)
    assert b.high - b.low > 3 * (a.high - a.low)
    assert "3 seeds" in b.method


def test_one_group_has_no_interval() -> None:
    (e,) = curve_estimates([[1.0], [2.0]], ["a", "a"], ["x"], seed=0)
    assert e.value == pytest.approx(1.5)
    assert math.isnan(e.low)
    assert math.isnan(e.high)


def test_it_is_seeded_and_shapes_must_match() -> None:
    values = np.random.default_rng(0).normal(size=(10, 2))
    first, again = (resampled_means(values, range(10), seed=5) for _ in range(2))
    assert (first == again).all()
    with pytest.raises(ValueError, match="do not match"):
        resampled_means(values, range(9), seed=0)


def test_infinite_resamples_stay_in_the_interval() -> None:
    e = percentiles("x", 1.0, [*np.linspace(0, 1, 90), *[math.inf] * 10], 5)
    assert (e.low, e.high) == (pytest.approx(0.02, abs=0.02), math.inf)
    assert math.isnan(percentiles("x", 1.0, [math.nan, math.nan, 1.0], 5).low)


@pytest.mark.parametrize(("seeds", "prompts", "between"), [(1, 32, 0.0), (1, 6, 0.0), (3, 32, 0.5), (3, 32, 0.0), (5, 12, 0.3)])
def test_intervals_hold_the_true_mean(seeds: int, prompts: int, between: float) -> None:
    """300 draws of seed, prompt and pair effects; a true coverage of 95 % falls under 91 % once in 500."""
    rng, inside = np.random.default_rng(7), 0
    for i in range(300):
        values = rng.normal(size=(seeds, prompts, 1)) * 0.7 + rng.normal(size=(1, prompts, 1)) + between * rng.normal(size=(seeds, 1, 1))
        (e,) = curve_estimates(values, range(prompts), ["x"], seed=i, rounds=400)
        inside += e.low <= 0 <= e.high
    assert inside / 300 >= 0.91
