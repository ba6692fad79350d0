from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.stats.choices import adjusted, conditional_logit, holm, strengths


def test_the_lean_is_found_and_its_error_covers():
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(150):
        x = rng.normal(size=(240, 2))
        shared = np.repeat(rng.normal(size=60), 4) * 0.5
        y = rng.random(240) < 1 / (1 + np.exp(-(0.8 * x[:, 0] + shared)))
        found = conditional_logit(y, x, np.repeat(np.arange(60), 4))
        covered.append(abs(found.value[1]) < 2 * found.error[1])
    assert np.mean(covered) > 0.9
    assert found.clusters == 60
    assert found.value[0] > 0.4
    assert found.p[0] < 0.001


def test_a_feature_that_never_differs_and_perfect_separation():
    x = np.stack([np.ones(20), np.zeros(20)], axis=1)
    found = conditional_logit(np.ones(20), x, range(20))
    assert np.isfinite(found.value).all()
    assert found.value[1] == 0
    assert found.p[1] == 1
    assert np.isinf(found.error[1])


def test_bradley_terry_with_an_order_effect():
    rng = np.random.default_rng(0)
    truth, pull = np.array([1.0, 0.0, -1.0]), np.array([0.7, -0.7])
    i = rng.integers(3, size=20_000)
    j = (i + rng.integers(1, 3, size=20_000)) % 3
    r = rng.integers(2, size=20_000)
    won = rng.random(20_000) < 1 / (1 + np.exp(-(truth[i] - truth[j] + pull[r])))
    found = strengths(i.tolist(), j.tolist(), won, r.tolist())
    assert found[0] == pytest.approx(truth, abs=0.06)
    assert found[1] == pytest.approx(pull, abs=0.06)


def test_a_cycle_and_a_champion_stay_finite():
    circle, _ = strengths([0, 1, 2], [1, 2, 0], [1, 1, 1], [0, 0, 0])
    assert circle == pytest.approx([0, 0, 0], abs=1e-6)
    champion, _ = strengths([0] * 50, [1] * 50, [1] * 50, [0] * 50)
    assert np.isfinite(champion).all()
    assert champion[0] > champion[1]


def test_holm():
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05).tolist() == [True, False, False, True]
    assert holm([0.06], 0.05).tolist() == [False]


def test_adjusted_is_as_worked_by_hand():
    assert adjusted([0.01, 0.04, float("nan"), 0.03]) == pytest.approx([0.03, 0.06, float("nan"), 0.06], nan_ok=True)
    assert adjusted([]).tolist() == []


@examples(30)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_keeps_order_and_never_lowers(p):
    found = adjusted(p)
    assert all(a >= b for a, b in zip(found, p, strict=True))
    assert all(x <= 1 for x in found)
    order = np.argsort(p, kind="stable")
    assert all(found[a] <= found[b] for a, b in pairwise(order))
