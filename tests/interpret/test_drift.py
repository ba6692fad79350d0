"""What training moved: known answers."""

import numpy as np
import pytest

from spiritlevel.interpret.drift import cka, cosine, direction, drift
from spiritlevel.interpret.probes import Contrast

N, D = 160, 40
WIDE = 300


def made(seed: int, axis: int = 3, signal: float = 4.0) -> tuple[np.ndarray, Contrast]:
    y = np.arange(N) % 2 == 0
    x = np.random.default_rng(seed).normal(size=(N, D))
    x[:, axis] += signal * y
    return x, Contrast(tuple(f"text {i}" for i in range(N)), y, tuple(str(i) for i in range(N)))


def gram(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(0)
    return x @ x.T


def test_cka_ignores_rotation_and_scale_and_is_not_fooled_by_width():
    x, _ = made(0)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(D, D)))[0]
    assert cka(gram(x), gram(x)) == pytest.approx(1)
    assert cka(gram(x), gram(3 * x @ turn + 7)) == pytest.approx(1)
    other = np.random.default_rng(2).normal(size=(N, WIDE))
    plain = np.random.default_rng(3).normal(size=(N, WIDE))
    k, m = gram(plain), gram(other)
    assert (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()) > 0.4  # the plain estimate calls noise alike
    assert abs(cka(k, m)) < 0.1
    assert np.isnan(cka(k, m, np.asarray([0, 0, 1, 1, 2])))  # three rows are too few


def test_cka_agrees_with_the_definition_on_four_rows():
    k, m = gram(np.random.default_rng(4).normal(size=(6, 3))), gram(np.random.default_rng(5).normal(size=(6, 3)))

    def hsic(a: np.ndarray, b: np.ndarray) -> float:  # Song 2012, the U-statistic over quadruples of distinct rows
        from itertools import permutations

        each = [a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q]) for i, j, q, r in permutations(range(len(a)), 4)]
        return float(np.mean(each))

    assert cka(k, m) == pytest.approx(hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m)))


def test_the_same_states_have_not_moved():
    x, c = made(0)
    found = drift(x, x, c, layer=1, c=0.01)
    assert found.cka.value == pytest.approx(1)
    assert found.cosine.value == pytest.approx(1)
    assert found.transfer.value == found.refitted.value > 0.95
    assert 0.2 < found.halves < 0.9


def test_a_direction_that_turned_away_is_told_from_one_that_stayed():
    x, c = made(0)
    kept = x + 0.3 * np.random.default_rng(6).normal(size=x.shape)
    stayed = drift(x, kept, c, layer=1, c=0.01)
    assert stayed.cosine.low > 0.8
    assert stayed.transfer.low > 0.9
    gone = x.copy()
    gone[:, 3] -= 4 * c.labels
    gone[:, 5] += 4 * c.labels  # as readable as before, elsewhere
    turned = drift(x, gone, c, layer=1, c=0.01)
    assert turned.cosine.high < 0.6
    assert turned.transfer.value < 0.75 < 0.95 < turned.refitted.value
    assert turned.cka.value > 0.5


def test_directions():
    y = np.asarray([True, False])
    np.testing.assert_array_equal(direction(np.asarray([[2.0, 1.0], [1.0, 1.0]]), y), [1.0, 0.0])
    assert np.isnan(direction(np.ones((2, 2)), np.asarray([True, True]))).all()
    assert cosine(np.asarray([1.0, 0.0]), np.asarray([1.0, 1.0])) == pytest.approx(0.5**0.5)
    assert np.isnan(cosine(np.zeros(2), np.ones(2)))
