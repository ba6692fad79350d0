"""What commands that change a model inside found, as measurements."""

import causes_made
from spiritlevel.constitution.model import MEASURES
from spiritlevel.measured import OWN, measured
from spiritlevel.types import Grade, Outcome, Prompt, Reply


def test_every_figure_is_kin_and_keeps_its_interval() -> None:
    for value in causes_made.every():
        found, notes = measured(value)
        assert found
        assert len({(m.estimate.name, m.instruments) for m in found}) == len(found)
        assert {m.grade for m in found} == {Grade.KIN}
        assert {m.why_grade for m in found} == {OWN}
        assert set(value.notes) <= set(notes)
        assert all(m.estimate.low < m.estimate.value < m.estimate.high and m.estimate.n == 60 for m in found)


def test_what_a_threshold_may_name_is_no_proxy() -> None:
    named = [m for value in causes_made.every() for m in measured(value)[0] if m.estimate.name in MEASURES]
    assert [(m.estimate.name, m.role, m.instruments, m.unscored) for m in named] == [
        ("sandbagging_steered", "capability", (), 0),
        ("sandbagging_tuned", "capability", (), 0),
        ("harm_ablated", "intent", ("text",), 0),
        ("harm_ablated", "intent", ("reply",), 2),
    ]
    assert [m.estimate.value for m in named] == [0.3, 0.3, 0.7, 0.7]


def test_refusals_are_proxies_and_what_says_nothing_is_left_out() -> None:
    found = {m.estimate.name: m for m in measured(causes_made.direction())[0]}
    assert found["inside:refusal, harmful prompts, the direction ablated"].role == "proxy"
    assert found["inside:refusal, benign prompts, the direction added"].estimate.value == 0.9
    assert found["sequence KL in nats, added"].estimate.value == 0.8
    assert not [name for name in found if "incoherence" in name or "harmful prompts, the direction added" in name]
    assert found["agreement of judges of harm, text and reply"].estimate.value == 0.6


def test_what_measured_nothing_tells_nothing() -> None:
    assert measured(Prompt(id="1", text="t", goal="t", principle="")) == ((), ())
    assert measured(Reply(text=Outcome.REFUSAL.value)) == ((), ())
