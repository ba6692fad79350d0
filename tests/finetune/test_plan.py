import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.finetune import _plan


@examples(50)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(50, 400), st.integers(0, 5))
def test_every_row_is_in_one_batch_and_no_batch_is_too_large(lengths, step_tokens, seed):
    steps = _plan.plan(lengths, step_tokens, 90, seed)
    rows = [i for step in steps for batch in step.batches for i in batch]
    assert sorted(rows) == list(range(len(lengths)))
    assert all(batch and max(lengths[i] for i in batch) * len(batch) <= 90 for step in steps for batch in step.batches)
    assert all(len(rows) == 1 or sum(lengths[i] for i in rows) <= step_tokens for rows in _rows(steps))
    assert steps == _plan.plan(lengths, step_tokens, 90, seed)


@examples(50)
@given(st.lists(st.integers(11, 90), min_size=1, max_size=60), st.integers(1, 10))
def test_packed_batches_count_what_begins_alike_once(lengths, shared):
    steps = _plan.plan(lengths, 300, 120, 0, shared=shared)
    batches = [batch for step in steps for batch in step.batches]
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(shared + sum(lengths[i] - shared for i in batch) <= 120 for batch in batches)


def test_a_row_that_is_too_long_is_alone_and_lets_no_other_batch_grow():
    steps = _plan.plan([500, *[20] * 30], 1200, 100, 0, shared=5)
    sizes = [[(500, 20)[i > 0] for i in batch] for step in steps for batch in step.batches]
    assert [500] in sizes
    assert all(5 + sum(n - 5 for n in batch) <= 100 for batch in sizes if batch != [500])
    (step,) = _plan.plan([90, *[6] * 20], 1200, 200, 0, shared=5)
    assert [len(batch) for batch in step.batches] == [20, 1], "21 rows padded to 85 would be eight times the tokens that there are"


def _rows(steps):
    return [[i for batch in step.batches for i in batch] for step in steps]


def test_batches_of_a_step_are_sorted_and_even():
    (step,) = _plan.plan([10] * 12, 1000, 100, 0)
    assert [len(batch) for batch in step.batches] == [6, 6]
    (step,) = _plan.plan([50, 10, 30, 10], 1000, 60, 0)
    assert [sorted(batch) for batch in step.batches] == [[1, 3], [2], [0]]


def test_each_epoch_has_every_step_once_in_an_order_of_its_own():
    order = _plan.order(20, 2, 0)
    assert sorted(order[:20]) == sorted(order[20:]) == list(range(20))
    assert order[:20] != order[20:]
    assert order != _plan.order(20, 2, 1)


def test_rate_rises_then_falls_to_nothing():
    rates = [_plan.rate(i, 100, 0.1, "cosine") for i in range(100)]
    assert rates[0] == pytest.approx(1 / 11)
    assert max(rates) == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5)
    assert _plan.rate(55, 100, 0.1, "linear") == pytest.approx(0.5)
    assert _plan.rate(99, 100, 0.0, "constant") == 1.0
    assert _plan.rate(0, 1, 0.1, "cosine") > 0, "a single step still learns"
