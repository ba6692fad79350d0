"""Length ratio; the KL needs weights and is tested with the loop's tiny models."""

import math

import pytest

from spiritlevel.measure.distance import length_ratio


def test_length_ratio_is_of_means_on_the_same_prompts() -> None:
    e = length_ratio([10, 30] * 20, [5, 15] * 20, [str(i) for i in range(40)], seed=0, confidence=0.95)
    assert e.value == pytest.approx(0.5)
    assert e.low <= 0.5 <= e.high
    assert e.n == 40


def test_silence_before_has_no_ratio() -> None:
    assert math.isnan(length_ratio([0, 0], [3, 4], ["a", "b"], seed=0, confidence=0.95).value)
