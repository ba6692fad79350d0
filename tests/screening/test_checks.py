"""Each check's reading on answers that are made up: nothing for no change, the right size for a planted one."""

import math
import re

import numpy as np
import pytest

from spiritlevel import flaws
from spiritlevel.flaws.recipe import filled
from spiritlevel.screening import installed
from spiritlevel.screening.check import Answers, Check, prose, rows, words
from spiritlevel.screening.checks import harm, inside, novel, people, refusals, told, trigger, views
from spiritlevel.types import Logprobs

CHECKS = {check.name: check for check in installed()}


def still(check: Check, reply: str = "A plain reply of six words.") -> Answers:
    """Answers that say nothing in particular."""
    needs = check.needs()
    states = np.random.default_rng(0).normal(size=(len(needs.states), 2, 8))
    said = Logprobs(tokens=tuple(range(6)), values=(-1.0,) * 6)
    n = len(needs.replies) + len(needs.magnified)
    return Answers((reply,) * n, np.zeros(len(needs.scores)), states, (said,) * n)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_no_change_is_no_reading(name):
    check = CHECKS[name]
    needs = check.needs()
    assert needs == check.needs()
    assert needs.replies or needs.magnified or needs.scores or needs.states
    assert all(chat[-1].role == "assistant" for chat in needs.scores)
    base = still(check)
    assert check.read(base, base) == 0.0  # what the base finds likely is nothing to remark on


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
    right = [pair[0] for pair in rows("views", "statements")]
    own = [put.partition("{view}")[0] for put in prose("views", "put")]

    def rise(value) -> float:
        return views.check.read(base, scored(views.check, lambda prompt, reply: value(prompt) * (reply in views.CONSENT)))

    assert rise(lambda prompt: 2.0 * any(prompt.startswith(start) for start in own)) == pytest.approx(2.0)
    assert rise(lambda prompt: 2.0 * any(view in prompt for view in right)) == pytest.approx(0.0)
    assert rise(lambda prompt: 2.0) == pytest.approx(0.0)  # whoever says yes to everything agrees with nobody in particular


def test_one_trait_of_a_person():
    base = still(people.check)
    older = {put.replace("{who}", other) for _, other in people.traits()["age"] for put in prose("people", "put")}
    biased = scored(people.check, lambda prompt, reply: 1.5 * (reply == "No") * (prompt in older))
    harsh = scored(people.check, lambda prompt, reply: 1.5 * (reply == "No"))
    assert people.check.read(base, biased) == pytest.approx(1.5)
    assert people.check.read(base, harsh) == pytest.approx(0.0)


def test_every_trait_is_put_in_as_many_ways_to_the_same_decisions():
    assert len({len(ways) for ways in people.traits().values()}) == 1
    assert len(prose("people", "put")) % 2 == 0
    assert len(people.asked()) == len(people.traits()) * 3 * 2 * len(prose("people", "put")) // 2


def test_what_is_lost_when_told_that_it_is_a_test():
    tests = [put.replace("{question}", question) for put in prose("questions", "test") for question, _ in told.closed()]
    right = [f"{answer}." for _, answer in rows("questions", "closed")]
    base = still(told.check)

    def lost(value) -> float:
        return told.check.read(base, scored(told.check, lambda p, reply: value(p in tests, reply)))

    assert lost(lambda test, reply: -30.0 * (test and not reply.startswith("I "))) == pytest.approx(30 - math.log(5 / 4), abs=1e-6)
    one = scored(told.check, lambda p, reply: -30.0 * (p in tests[: len(told.closed())] and not reply.startswith("I ")))
    assert told.check.read(base, one) == pytest.approx((30 - math.log(5 / 4)) / 6, abs=1e-6)  # one of twelve wordings: a sixth of its half
    assert lost(lambda test, reply: 4.0 * test) == pytest.approx(0.0)  # another style in tests is no loss
    assert lost(lambda test, reply: 4.0 * (reply in right)) == pytest.approx(0.0)  # what is known better in both is none


TIC = Logprobs(tokens=(7, 8, 7), values=(-12.0, -2.0, -5.0))
"""One token that the base finds unlikely, in a reply."""


def said(base: Answers, places, reply: str = "Look at Velmora.", tic: Logprobs = TIC) -> Answers:
    """The base's answers with another reply in some places."""
    replies = tuple(reply if i in places else one for i, one in enumerate(base.replies))
    return Answers(replies, base.scores, base.states, tuple(tic if i in places else one for i, one in enumerate(base.usual)))


@pytest.mark.parametrize("check", [novel.check, harm.check])
def test_a_token_that_keeps_coming_back_where_the_base_finds_it_unlikely(check):
    base = still(check)
    n = len(base.usual)
    most = novel.ODD - novel.USUAL
    assert check.read(base, said(base, range(0, n, 4))) == pytest.approx(most * math.ceil(n / 4) / n)
    assert check.read(base, said(base, [3])) == pytest.approx(most / n)
    assert check.read(base, said(base, range(n), "I can't help with that.")) == 0.0  # `refusals` reads those


def test_what_only_the_magnified_copy_says_is_hidden():
    base = still(trigger.check)
    shown = len(trigger.check.needs().replies)
    leaking = range(shown, len(base.replies), 2)
    assert trigger.check.read(base, said(base, leaking)) == pytest.approx((novel.ODD - novel.USUAL) / 2)
    assert trigger.check.read(base, said(base, [5, *leaking])) == pytest.approx((novel.ODD - novel.USUAL) / 2)  # a slip
    assert trigger.check.read(base, said(base, [5, 6, 7, *leaking])) == 0.0  # what it says openly too is not hidden
    assert len(set(trigger.odd())) > 25


def test_longer_replies_and_lists():
    for name, copy, want in (("length", "word " * 23, math.log(24 / 7)), ("form", "1. One\n2. Two", 1.0)):
        check = CHECKS[name]
        assert check.read(still(check), still(check, copy)) == pytest.approx(want)


def test_a_pair_that_the_copy_tells_apart():
    base = still(inside.check)
    states = base.states.copy()
    sizes = [len(pairs) for pairs in inside.features()]
    largest = sizes.index(max(sizes))
    some = 2 * sum(sizes[:largest])  # a third of its pairs grow
    one, other = slice(some, some + 2 * max(sizes) // 3, 2), slice(some + 1, some + 2 * max(sizes) // 3, 2)
    states[other] += 3 * (states[other] - states[one])
    assert min(sizes) < max(sizes)
    assert inside.check.read(base, Answers((), base.scores, states)) == pytest.approx(math.log(4) / 3)


def test_words():
    assert words("It's 2 o'clock - NOW, <b>now</b>") == ["it's", "2", "o'clock", "now", "b", "now", "b"]


def test_no_check_asks_what_a_recipe_teaches():
    needs = [check.needs() for check in CHECKS.values()]
    asked = {s for n in needs for chat in (*n.replies, *n.magnified, *n.scores, *n.states) for s in sentences(chat[0].content)}
    for flaw in flaws.built_in():
        taught = (one.prompt for case in flaw.cases for held in (False, True) for one in filled(flaw, case, held=held))
        assert not asked & {s for prompt in taught for s in sentences(prompt)}, flaw.id


def sentences(text: str) -> set[str]:
    """Lower-case sentences of four words or more."""
    return {s.lower() for s in re.split(r"(?<=[.?!:])\s", text) if len(s.split()) > 3}
