"""Rates and paired changes at the effective sample size: known answers, edges and coverage."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import stats
from spiritlevel.types import Estimate


def test_effective_n_known_answers() -> None:
    assert stats.effective_n([0, 1, 0, 1], ["a", "b", "c", "d"]) == 4  # one sample a cluster: each counts
    assert stats.effective_n([0, 0, 0, 1, 1, 1], list("aaabbb")) == pytest.approx(2)  # copies of one answer count once
    assert stats.effective_n([0, 1, 0, 1, 0, 1, 0, 1], list("aabbccdd")) == 8  # clusters that differ by nothing: all samples
    assert stats.effective_n([0] * 6, list("aabbcc")) == pytest.approx(3)  # no variance to judge by
    assert stats.effective_n([0] * 100, ["big"] * 90 + [str(i) for i in range(10)]) == pytest.approx(100**2 / (90**2 + 10))
    assert stats.effective_n([0, 1], ["a", "a"]) == pytest.approx(1)  # one cluster says nothing of the others


@examples(50)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_effective_n_lies_between_full_and_no_correlation(rows: list[tuple[float, int]]) -> None:
    groups = [g for _, g in rows]
    sizes = np.unique(groups, return_counts=True)[1]
    found = stats.effective_n([x for x, _ in rows], groups)
    assert len(rows) ** 2 / (sizes**2).sum() - 1e-9 <= found <= len(rows) + 1e-9


def test_rate_known_answers() -> None:
    none = stats.rate([0.0] * 256, list(range(256)))
    assert (none.value, none.low, none.n) == (0, 0, 256)
    assert none.high == pytest.approx(0.0148, abs=2e-4)  # 0 of 256 is not 0 %
    assert stats.rate([1.0] * 256, list(range(256))).low == pytest.approx(1 - 0.0148, abs=2e-4)
    half, same = stats.rate([0, 1] * 5, list(range(10))), stats.wilson(5, 10)
    assert (half.low, half.high) == (pytest.approx(same.low), pytest.approx(same.high))
    empty = stats.rate([], [])
    assert math.isnan(empty.value)
    assert (empty.low, empty.high, empty.n) == (0, 1, 0)


def test_asking_the_same_prompt_again_buys_no_certainty() -> None:
    once = [float(i % 3 == 0) for i in range(30)]
    single, tenfold = stats.rate(once, list(range(30))), stats.rate(np.repeat(once, 10), np.repeat(np.arange(30), 10))
    assert tenfold.n == 30
    assert (tenfold.low, tenfold.high) == (pytest.approx(single.low), pytest.approx(single.high))


@examples(50)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=1, max_size=30), st.sampled_from([0.8, 0.95, 0.99]))
@example([(False, False, 0), (False, False, 0), (True, True, 0), (True, True, 0)], 0.8)
def test_intervals_hold_their_value_and_stay_in_range(rows: list[tuple[bool, bool, int]], confidence: float) -> None:
    b, a, groups = (list(column) for column in zip(*rows, strict=True))
    e = stats.rate([float(x) for x in a], groups, confidence=confidence)
    assert 0 <= e.low <= e.value <= e.high <= 1
    assert e.high > e.low
    d = stats.paired_change([float(x) for x in b], [float(x) for x in a], groups, confidence=confidence)
    assert -1 <= d.low <= d.value <= d.high <= 1
    assert d.high > d.low
    back = stats.paired_change([float(x) for x in a], [float(x) for x in b], groups, confidence=confidence)
    assert (back.low, back.high) == (pytest.approx(-d.high), pytest.approx(-d.low))


def test_more_confidence_is_a_wider_interval() -> None:
    x, groups = [0.0, 1.0, 0.0, 0.0] * 10, list(range(40))
    wide, narrow = stats.rate(x, groups, confidence=0.99), stats.rate(x, groups, confidence=0.9)
    assert wide.low < narrow.low
    assert narrow.high < wide.high
    assert wide.confidence == 0.99


@pytest.mark.parametrize("ones", [1, 5, 10, 19])
def test_that_nothing_changed_is_not_that_nothing_can(ones: int) -> None:
    same = [1.0] * ones + [0.0] * (20 - ones)
    few, many = (stats.paired_change(same * k, same * k, list(range(20 * k))) for k in (1, 50))
    assert few.value == many.value == 0
    assert few.low < -0.02
    assert few.high > 0.02
    assert many.low < 0 < many.high
    assert many.high - many.low < (few.high - few.low) / 10


def test_paired_change_agrees_with_newcombe_published_table() -> None:
    """Newcombe 1998, table II, method 10 without its continuity term: 36, 12, 2 and 0 of 50 pairs give 0.0569 to 0.3404."""
    b = [1.0] * 36 + [0.0] * 12 + [1.0] * 2
    a = [1.0] * 36 + [1.0] * 12 + [0.0] * 2
    e = stats.paired_change(b, a, list(range(50)))
    assert e.value == pytest.approx(0.2)
    assert (e.low, e.high) == (pytest.approx(0.0569, abs=0.01), pytest.approx(0.3404, abs=0.01))


def test_nothing_changed_is_not_certainty() -> None:
    e = stats.paired_change([0.0] * 40, [0.0] * 40, list(range(40)))
    assert e.value == 0
    assert e.low < -0.05
    assert e.high > 0.05
    empty = stats.paired_change([], [], [])
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (-1, 1)


def test_pairs_say_more_than_two_samples() -> None:
    b = [float(i % 2) for i in range(60)]
    a = [*b[:-2], 1 - b[-2], 1 - b[-1]]
    paired = stats.paired_change(b, a, list(range(60)))
    shuffled = stats.paired_change(b, [*a[1:], a[0]], list(range(60)))
    assert paired.high - paired.low < 0.6 * (shuffled.high - shuffled.low)


def test_mcnemar_known_answers() -> None:
    assert stats.mcnemar([0, 0, 1, 1], [0, 1, 0, 1]) == 1.0
    assert stats.mcnemar([0] * 6, [1] * 6) == pytest.approx(2 / 2**6)
    assert stats.mcnemar([0, 1], [0, 1]) == 1.0  # no pair changed
    assert stats.mcnemar([], []) == 1.0


def _clustered(rng: np.random.Generator, p: float, size: Sequence[int], icc: float) -> np.ndarray:
    if p in (0, 1):
        return np.full(sum(size), p)
    scale = (1 - icc) / icc
    return (rng.random(sum(size)) < np.repeat(rng.beta(p * scale, (1 - p) * scale, len(size)), size)).astype(float)


@pytest.mark.parametrize("p", [0.0, 0.01, 0.1, 0.5, 0.99])
def test_rate_covers_the_truth_under_clustering(p: float) -> None:
    rng, sims, hits = np.random.default_rng(11), 150, 0
    for _ in range(sims):
        size = rng.integers(1, 6, 50)
        e = stats.rate(_clustered(rng, p, size, 0.3), np.repeat(np.arange(50), size))
        hits += e.low <= p <= e.high
    assert hits / sims >= 0.93


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.0), (0.9, 0.2), (0.5, 0.5), (0.02, 0.1), (0.99, 0.99)])
def test_paired_change_covers_the_truth_under_clustering(before: float, after: float) -> None:
    rng, sims, hits = np.random.default_rng(12), 150, 0
    for _ in range(sims):
        size = rng.integers(1, 6, 50)
        b, a = _clustered(rng, before, size, 0.3), _clustered(rng, after, size, 0.3)
        if before == after:  # half of the clusters answer as they did
            a = np.where(np.repeat(rng.random(50) < 0.5, size), b, a)
        e = stats.paired_change(b, a, np.repeat(np.arange(50), size))
        hits += e.low <= after - before <= e.high
    assert hits / sims >= 0.93


def test_the_mean_of_estimates_is_worked_by_hand() -> None:
    parts = [Estimate(name="", value=v, low=v - a, high=v + b, n=10, method="x") for v, a, b in ((0.2, 0.1, 0.3), (0.6, 0.4, 0.2))]
    found = stats.mean_of(parts, name="m")
    assert (found.value, found.n, found.name) == (pytest.approx(0.4), 20, "m")
    assert found.low == pytest.approx(0.4 - np.hypot(0.1, 0.4) / 2)
    assert found.high == pytest.approx(0.4 + np.hypot(0.3, 0.2) / 2)
    one = stats.mean_of(parts[:1])
    assert (one.low, one.high) == (pytest.approx(parts[0].low), pytest.approx(parts[0].high))
    none = stats.mean_of([])
    assert np.isnan(none.value)
    assert (none.low, none.high) == (-1, 1)


def test_the_mean_of_rates_covers() -> None:
    rng, truth, inside = np.random.default_rng(0), (0.05, 0.3, 0.6), 0
    for _ in range(400):
        parts = [stats.rate((rng.random(40) < p).astype(float), range(40), name="") for p in truth]
        found = stats.mean_of(parts)
        inside += found.low <= np.mean(truth) <= found.high
    assert 0.92 <= inside / 400 <= 0.985
