"""How many more: the planned sample shows the limit with the stated chance, by simulation, and a much smaller one does not."""

import math

import numpy as np
import pytest

from spiritlevel import stats
from spiritlevel.constitution import Threshold
from spiritlevel.release.checks import samples
from spiritlevel.release.needs import chance, clusters, effective
from spiritlevel.types import Estimate, Measurement


def rate(k: int, n: int, each: int = 1, confidence: float = 0.95) -> Estimate:
    return stats.rate([1.0] * k + [0.0] * (n * each - k), np.repeat(np.arange(n), each), confidence=confidence)


def test_a_plan_for_a_share_holds_in_simulation() -> None:
    now = rate(6, 60)
    needed = clusters(now, at_most=0.15)
    assert needed is not None
    assert needed > 60
    rng = np.random.default_rng(0)
    shown = [stats.wilson(int(rng.binomial(needed, 0.1)), needed).high <= 0.15 for _ in range(4000)]
    assert np.mean(shown) == pytest.approx(chance(0.1, needed, 0.15, 0.95), abs=0.02)
    assert np.mean(shown) >= 0.78
    assert chance(0.1, needed // 2, 0.15, 0.95) < 0.7


def test_clusters_that_say_the_same_are_worth_less() -> None:
    alike = stats.rate([1.0] * 24 + [0.0] * 216, np.repeat(np.arange(60), 4))  # whole clusters agree: four say what one does
    assert effective(alike) == pytest.approx(60, rel=0.05)
    apart = stats.rate(([1.0] + [0.0] * 3) * 24 + [0.0] * 144, np.repeat(np.arange(60), 4))
    assert effective(apart) > 200
    few, many = clusters(apart, at_most=0.14), clusters(alike, at_most=0.14)
    assert few is not None
    assert many is not None
    assert few < many


def test_nothing_seen_needs_the_rule_of_wilson() -> None:
    assert clusters(rate(0, 5), at_most=0.2) == next(n for n in range(1, 99) if stats.wilson(0, n).high <= 0.2)


def test_at_least_mirrors_at_most() -> None:
    assert clusters(rate(54, 60), at_most=None, at_least=0.85) == clusters(rate(6, 60), at_most=0.15)


def test_what_is_shown_needs_no_more_and_what_is_wrong_needs_another_model() -> None:
    assert clusters(rate(1, 100), at_most=0.2) == 100
    assert clusters(rate(30, 100), at_most=0.2) is None
    assert clusters(stats.wilson(0, 0), at_most=0.2) is None
    nan = Estimate(name="x", value=math.nan, low=0, high=1, n=9)
    assert clusters(nan, at_most=0.2) is None


def test_other_figures_shrink_with_the_root() -> None:
    e = Estimate(name="kl", value=1.0, low=0.5, high=1.5, n=100, method="bootstrap")
    needed = clusters(e, at_most=1.25)
    assert needed == math.ceil(100 * (0.5 * (1 + 0.8416 / 1.95996) / 0.25) ** 2)
    upward = clusters(e, at_most=None, at_least=0.75)
    assert upward == needed


def test_the_words_for_each_case() -> None:
    t = Threshold(id="t", measure="x", at_most=0.15, min_n=50)

    def told(e: Estimate) -> str:
        return samples(t, Measurement(estimate=e))

    assert told(rate(6, 60)).startswith("about ")
    assert "80% sure to do if 0.100 is the truth" in told(rate(6, 60))
    assert "another model: at 0.300" in told(rate(18, 60))
    assert "a figure that is defined, from at least 50 clusters" in told(stats.wilson(0, 0))
    assert "(50 in all" in told(rate(0, 10))
