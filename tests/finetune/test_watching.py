import numpy as np
import pytest
from scipy import stats

from spiritlevel.finetune import watching

NAN = float("nan")
VARIED = [(1, 2, 3, 4), (5, 6, 7, 8), (1, 2, 3, 5), (2, 2, 9, 4)]


def test_distinct_counts_answers_that_are_equal_to_no_other():
    assert watching.distinct([(1,), (1,), (2,), (3,)]) == 0.5
    assert watching.distinct(VARIED) == 1.0


def test_an_answer_of_one_token_is_told_from_a_short_one():
    assert watching.monotone([(7, 7, 7, 7, 7), (7, 7, 7), (7, 7, 7, 8)]) == pytest.approx(1 / 3)


def test_flat_is_without_a_difference_in_any_group():
    assert watching.flat(np.array([[1.0, 1.0], [2.0, 2.0]]))
    assert watching.flat(np.array([[1.0, NAN], [NAN, NAN]]))
    assert not watching.flat(np.array([[1.0, 1.0], [2.0, 2.1]]))


def test_one_reward_in_five_may_be_missing():
    few = np.array([[1.0, 2.0, 3.0, 4.0, NAN]])
    assert watching.unscored(few, "r", 3) == ""
    assert "'r' gave no number for 2 of 5 answers at step 3" in watching.unscored(np.array([[1.0, NAN, np.inf, 4.0, 2.0]]), "r", 3)


def test_a_reward_is_without_signal_after_five_steps_alike():
    assert watching.without_signal(4, "r", 9) == ""
    assert "over 5 steps" in watching.without_signal(5, "r", 9)


def test_a_collapse_is_seen_against_the_start():
    same = [(1, 2, 3, 4)] * 4
    assert "0% of its answers differ" in watching.collapsed(same, VARIED, 2)
    assert watching.collapsed(same, same, 2) == ""  # it began like that: short answers, say
    assert watching.collapsed(VARIED, VARIED, 2) == ""
    mumbling = [(n, n, n, n, n) for n in range(4)]
    assert "repeat a single token" in watching.collapsed(mumbling, VARIED, 2)


def test_the_budget_is_a_bound():
    assert watching.over_budget(9.0, None, 1) == ""
    assert watching.over_budget(2.0, 2.0, 1) == ""
    assert "2.10 nats at step 1, over its budget of 2." in watching.over_budget(2.1, 2.0, 1)


def test_the_interval_is_student_s_over_prompts():
    by_answer = np.array([[0.0, 2.0], [3.0, 5.0], [1.0, 0.0]])
    mean, low, high = watching.interval(by_answer)
    expected = stats.ttest_1samp([1.0, 4.0, 0.5], 0).confidence_interval()
    assert (mean, low, high) == pytest.approx((11 / 6, expected.low, expected.high))
    assert np.isnan(watching.interval(by_answer[:1])[1])


def test_the_interval_covers_as_often_as_it_says():
    draw = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        prompts = draw.normal(3.0, 2.0, (16, 1)) + draw.normal(0.0, 4.0, (16, 4))
        _, low, high = watching.interval(prompts)
        hits += low <= 3.0 <= high
    assert 0.93 <= hits / 1000 <= 0.97
