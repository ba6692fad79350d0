"""Two tuned models in pairs: only shared prompts, McNemar over discordant ones, and no harm across judges."""

from collections.abc import Callable

import pytest

from spiritlevel.measure.between import between
from spiritlevel.types import Kind, Outcome, Pair

Make = Callable[..., Pair]


def test_rates_change_and_p_are_of_the_prompts_that_both_were_asked(pair: Make) -> None:
    first = [pair(f"p{i}", after_outcome=Outcome.COMPLIANCE, after_intent=0.9) for i in range(30)]
    second = [pair(f"p{i}", after_outcome=Outcome.REFUSAL if i < 28 else Outcome.COMPLIANCE, after_intent=0.1) for i in range(10, 40)]
    found = {d.name: d for d in between(first, second, intent=True)}
    assert set(found) == {"delivered_harm", "refusal", "compliance", "incoherence"}, "nothing is said of kinds that nobody asked"
    refusal = found["refusal"]
    assert (refusal.first.value, refusal.second.value, refusal.change.n) == (0.0, 0.9, 20)
    assert refusal.change.low < 0.9 < refusal.change.high
    assert refusal.p == pytest.approx(2 * 0.5**18), "18 prompts moved one way and none the other"
    assert (found["delivered_harm"].first.value, found["delivered_harm"].second.value) == (1.0, 0.0)
    assert found["incoherence"].p == 1.0


def test_judges_that_differ_and_failed_calls_are_left_out(pair: Make) -> None:
    first = [pair("a", after_outcome=None, after_intent=None), pair("b"), pair("c", kind=Kind.PLAIN)]
    found = {d.name: d for d in between(first, [pair(x) for x in "ab"] + [pair("c", kind=Kind.PLAIN)], intent=False)}
    assert set(found) == {"refusal", "compliance", "over_refusal_plain", "incoherence"}
    assert found["refusal"].first.n == 1
    assert between(first, [pair("z")], intent=True) == []
