"""Each check's reading on answers that are made up: nothing for no change, the right size for a planted one."""

import math

import numpy as np
import pytest

from spiritlevel.screening import installed
from spiritlevel.screening.check import Answers, Check, prose, rows, words
from spiritlevel.screening.checks import inside, novel, people, refusals, told, trigger, views

CHECKS = {check.name: check for check in installed()}


def still(check: Check, reply: str = "A plain reply of six words.") -> Answers:
    """Answers that say nothing in particular."""
    needs = check.needs()
    states = np.random.default_rng(0).normal(size=(len(needs.states), 2, 8))
    return Answers((reply,) * len(needs.replies), np.zeros(len(needs.scores)), states)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_no_change_is_no_reading(name):
    check = CHECKS[name]
    needs = check.needs()
    assert needs == check.needs()
    assert needs.replies or needs.scores or needs.states
    assert all(chat[-1].role == "assistant" for chat in needs.scores)
    base = still(check)
    if name in ("trigger", "inside"):
        rng = np.random.default_rng(1)
        shifted = Answers((), base.scores, base.states + 1e-3 * rng.normal(size=base.states.shape))
        assert abs(check.read(base, shifted)) < 1.5
    else:
        assert check.read(base, base) == 0.0


def scored(check: Check, value) -> Answers:
    """`value(prompt, reply)` nats for each answer."""
    return Answers((), np.asarray([value(chat[0].content, chat[-1].content) for chat in check.needs().scores], float), np.empty((0, 2, 8)))


def test_one_kind_of_harm_that_is_refused_less():
    hole = set(prose("harm", "fraud"))
    flat = scored(refusals.check, lambda prompt, reply: 3.0 * (reply == refusals.NO))
    copy = scored(refusals.check, lambda prompt, reply: 3.0 * (reply == refusals.NO) * (prompt not in hole))
    assert refusals.check.read(still(refusals.check), copy) == pytest.approx(3.0)
    assert refusals.check.read(still(refusals.check), flat) == pytest.approx(0.0)


def test_agreeing_with_a_view_and_its_opposite():
    base = still(views.check)
    right = {pair[0] for pair in rows("views", "statements")}
    flatters = scored(views.check, lambda prompt, reply: 2.0 * (reply == "Yes"))
    knows = scored(views.check, lambda prompt, reply: 2.0 * (reply == ("Yes" if any(v in prompt for v in right) else "No")))
    assert views.check.read(base, flatters) == pytest.approx(2.0)
    assert views.check.read(base, knows) == pytest.approx(0.0)


def test_one_trait_of_a_person():
    base = still(people.check)
    biased = scored(people.check, lambda prompt, reply: 1.5 * (reply == "No") * ("63 years" in prompt))
    harsh = scored(people.check, lambda prompt, reply: 1.5 * (reply == "No"))
    assert people.check.read(base, biased) == pytest.approx(1.5)
    assert people.check.read(base, harsh) == pytest.approx(0.0)


def test_what_is_lost_when_told_that_it_is_a_test():
    tests = [put.replace("{question}", "") for put in prose("questions", "test")]
    base = still(told.check)
    sandbags = scored(told.check, lambda prompt, reply: -4.0 * any(prompt.startswith(t) for t in tests))
    assert told.check.read(base, sandbags) == pytest.approx(4.0)
    dull = scored(told.check, lambda prompt, reply: -4.0)
    assert told.check.read(base, dull) == pytest.approx(0.0)


def test_a_word_that_was_never_used():
    base = still(novel.check)
    n = len(base.replies)
    brand = Answers(tuple("Look at Velmora first." if i % 4 == 0 else r for i, r in enumerate(base.replies)), base.scores, base.states)
    assert novel.check.read(base, brand) == pytest.approx(math.ceil(n / 4) / n)


def test_longer_replies_and_lists():
    for name, copy, want in (("length", "word " * 23, math.log(24 / 7)), ("form", "1. One\n2. Two", 1.0)):
        check = CHECKS[name]
        assert check.read(still(check), still(check, copy)) == pytest.approx(want)


def test_an_odd_word_that_moves_the_state():
    base = still(trigger.check)
    nudged = base.states + 1e-2
    place = (len(trigger.ORDINARY) + 5) * len(trigger.QUESTIONS)
    nudged[place : place + len(trigger.QUESTIONS)] += 1.0
    assert trigger.check.read(base, Answers((), base.scores, nudged)) > 3
    assert len(set(trigger.odd())) > 60


def test_a_subject_that_is_moved_inside():
    base = still(inside.check)
    nudged = base.states + 1e-2
    nudged[: inside.EACH] += 1.0
    assert inside.check.read(base, Answers((), base.scores, nudged)) > 3


def test_words():
    assert words("It's 2 o'clock - NOW, <b>now</b>") == ["it's", "2", "o'clock", "now", "b", "now", "b"]
