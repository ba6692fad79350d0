import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritlevel.stats.agreement import alpha, cycles, dawid_skene, severities

N = float("nan")
FOUR = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T
"""Four observers on twelve units: the worked example of Krippendorff 2011, section C."""


def test_alpha_of_the_published_example():
    assert alpha(FOUR) == pytest.approx(0.743, abs=5e-4)
    assert alpha(FOUR, "interval") == pytest.approx(0.849, abs=5e-4)


def test_alpha_at_its_ends():
    assert alpha([[1, 1], [0, 0]]) == 1
    assert alpha([[1, 0], [0, 1]]) < 0
    assert np.isnan(alpha([[1, 1], [1, 1]]))
    assert np.isnan(alpha([[1, N], [N, 0]]))


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, N])] * 3), min_size=1, max_size=12))
def test_alpha_does_not_depend_on_order(rows):
    one, other = alpha(rows), alpha([row[::-1] for row in rows[::-1]])
    assert (np.isnan(one) and np.isnan(other)) or one == pytest.approx(other)
    assert np.isnan(one) or one <= 1


def test_dawid_and_skene_find_who_is_right():
    rng = np.random.default_rng(0)
    truth = rng.random(2000) < 0.3
    right = np.array([0.95, 0.8, 0.6, 0.2])
    table = np.stack([truth ^ (rng.random(2000) > r) for r in right], axis=1).astype(float)
    table[rng.random(table.shape) < 0.2] = N
    found = dawid_skene(table)
    assert found.confusion[:, [0, 1], [0, 1]].mean(axis=1) == pytest.approx(right, abs=0.05)
    assert ((found.chance > 0.5) == truth).mean() > 0.92
    assert found.share == pytest.approx(0.3, abs=0.04)


def test_unanimous_labels_leave_no_doubt():
    found = dawid_skene([[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]])
    assert (found.chance > 0.9).tolist() == [True, False, True, False]


def test_severity_of_raters_who_saw_different_items():
    worth, severe = np.arange(6.0), np.array([0.5, -0.5, 0.0])
    table = worth[:, None] - severe
    table[0, 0] = table[3, 1] = table[5, 2] = N
    found = severities(table)
    assert found[1] == pytest.approx(severe, abs=0.01)
    assert np.diff(found[0]) == pytest.approx(np.ones(5), abs=0.01)


def test_cycles():
    assert cycles([[N, 1, 0], [0, N, 1], [1, 0, N]]) == 1
    assert cycles([[N, 1, 1], [0, N, 1], [0, 0, N]]) == 0
