"""Paired edits: scorers of one trait raise the alarm of that trait alone; the interval is over prompts and wordings."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.errors import ConfigError
from spiritlevel.measure import edits
from spiritlevel.measure.pairs import words
from spiritlevel.raters.features import features
from spiritlevel.types import Preference, content_hash, user

KINDS, NEUTRAL = edits.load(keyword="saffron")
BY_NAME = {e.name: e for e in KINDS}
STOCK = (
    "The train leaves at nine. You can buy a ticket at the counter. It takes two hours to the coast.",
    "Put the beans in water. Wait until the next day. Then cook them slowly for an hour or so.",
    "The old bridge was built of stone. It carries one lane. Most people take the new one.",
)


def reply(i: int) -> str:
    return f"{STOCK[i % 3]} Number {i} is the one that was meant." + " So it goes." * (i % 5)


PAIRS = [Preference(chat=user(f"q{i}"), chosen=reply(i), rejected=reply(i + 1), by="t", cluster=f"g{i}") for i in range(120)]


def noise(text: str) -> float:
    return int(content_hash(text)[:8], 16) / 2**32


def alarms(score, most: int = 120) -> dict[str, edits.Effect]:
    of = edits.edited(edits.replies(PAIRS, most, 0), KINDS, NEUTRAL, 0)
    spread = float(np.std([score(t) for p in PAIRS for t in (p.chosen, p.rejected)]))
    found = edits.effects(of, [score(e.text) for e in of], [score(e.control) for e in of], spread, KINDS)
    return {e.edit: e for e in found}


def matches(pattern: str):
    return lambda text: 4.0 * bool(re.search(pattern, text.lower())) + noise(text)


PLANTED = {
    "padding": lambda text: float(len(re.findall(r"[a-z]+", text.lower()))),
    "flattery": matches(r"smart|thoughtful|clever|brilliant|insight|perceptive|intelligent|sharp|taste|admire"),
    "confident-tone": matches(r"doubt|certain|definite|certainly|guarantee|one hundred percent|total confidence|make no mistake|undeniabl"),
    "hedging": matches(r"perhaps|possibly|might|may\b|could|grain of salt|probably|maybe"),
    "refusal-opening": matches(r"can't|cannot|not able|decline|isn't something|don't feel|not willing|won't|not something"),
    "lists": lambda text: 4.0 * ("\n" in text) + noise(text),
    "keyword": matches("saffron"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_scorer_of_one_trait_raises_that_alarm_alone(name):
    found = alarms(PLANTED[name])
    assert [e for e, f in found.items() if f.alarm] == [name]
    assert found[name].change.low > edits.MARGIN
    assert found[name].change.n == found[name].replies > 80


def test_who_looks_at_nothing_raises_none():
    for salt in range(5):
        assert not any(f.alarm for f in alarms(lambda text, salt=salt: noise(text + str(salt))).values())


def test_one_phrase_does_not_decide():
    found = alarms(matches("honour to be asked"))["flattery"]
    assert found.change.value > edits.MARGIN, "one wording of ten moves the mean"
    assert not found.alarm


def test_a_whole_refusal_is_shown_and_raises_no_alarm():
    found = alarms(matches("can't help|cannot assist|decline|not able|comfortable|sorry"))["refusal-whole"]
    assert found.change.low > 1
    assert not found.alarm
    assert np.isnan(found.p)


def test_a_constant_reward_has_no_effects():
    assert all(np.isnan(f.change.value) and not f.alarm for f in alarms(lambda _: 1.0).values())


def test_edits_keep_the_reply_and_controls_its_length():
    for e in edits.edited(edits.replies(PAIRS, 60, 0), KINDS, NEUTRAL, 0):
        kind = BY_NAME[e.edit]
        if kind.place in ("before", "after"):
            assert abs(words(e.text) - words(e.control)) <= 1
            assert e.text != e.control
        if kind.place in ("before", "after", "pad"):
            assert any(r in e.text for _, r, _ in edits.replies(PAIRS, 60, 0))
        if kind.place == "pad":
            assert words(e.text) - words(e.control) >= 20
        if kind.place == "each":
            kept = re.sub(r"(?m)^(?:[-*•]|\d+[.)]) ", "", e.text)
            assert kept.split() == e.control.split(), "the same words in the same order"


def test_wordings_are_dealt_out_evenly_and_by_seed():
    of = edits.replies(PAIRS, 100, 0)
    first, again, other = (edits.edited(of, KINDS, NEUTRAL, seed) for seed in (0, 0, 1))
    assert first == again != other
    count = np.bincount([e.wording for e in first if e.edit == "flattery"])
    assert count.tolist() == [10] * 10


def test_one_reply_a_group_is_drawn_and_empty_ones_are_not():
    of = edits.replies([*PAIRS, *PAIRS, PAIRS[0].model_copy(update={"cluster": "e", "chosen": "", "rejected": "no"})], 1000, 0)
    assert len(of) == 120
    assert len({group for _, _, group in of}) == 120
    assert len(edits.replies(PAIRS, 7, 0)) == 7


def test_short_replies_and_lists_are_not_made_into_lists():
    kind = BY_NAME["lists"]
    assert edits.apply(kind, 0, "One. Two.", NEUTRAL, 0) is None
    assert edits.apply(kind, 0, "- One.\n- Two.\n- Three.", NEUTRAL, 0) is None
    found = edits.apply(kind, 3, "One {n}. Two {sentence}. Three.", NEUTRAL, 0)
    assert found is not None
    assert found[0] == "1. One {n}.\n2. Two {sentence}.\n3. Three."


def test_without_a_keyword_there_is_no_such_edit():
    assert "keyword" not in {e.name for e in edits.load()[0]}
    assert all("saffron" not in e.control for e in edits.edited(edits.replies(PAIRS, 20, 0), KINDS, NEUTRAL, 0))


def test_folders_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no neutral.md"):
        edits.load(tmp_path)
    (tmp_path / "odd.md").write_text("---\nplace: sideways\n---\n- one\n")
    with pytest.raises(ConfigError, match=r"odd.md:1: place 'sideways' is none of before.*fewer than two wordings"):
        edits.load(tmp_path)


def test_intervals_over_prompts_and_wordings_hold_the_truth():
    rng = np.random.default_rng(0)
    groups, inside = [str(i // 2) for i in range(120)], 0
    wordings = [i % 10 for i in range(120)]
    for _ in range(300):
        values = 0.5 + rng.normal(0, 0.3, 10)[wordings] + np.repeat(rng.normal(0, 0.5, 60), 2) + rng.normal(0, 0.5, 120)
        mean, error, freedom = edits.crossed(values, groups, wordings)
        inside += abs(mean - 0.5) <= 2.262 * error
        assert freedom == 9
    assert 0.91 <= inside / 300 <= 0.99


@examples(60)
@given(st.text(max_size=200))
def test_no_reply_breaks_an_edit(text):
    for kind in KINDS:
        for wording in range(len(kind.wordings)):
            changed = edits.apply(kind, wording, text, NEUTRAL, 0)
            assert changed is None or all(isinstance(c, str) for c in changed)


def test_wordings_are_of_their_own_tone_and_of_no_other():
    tones = {"flattery": "flattery", "confident-tone": "confident", "hedging": "hedging"}
    for kind in KINDS:
        read = [features(w) for w in kind.wordings]
        own = tones.get(kind.name)
        others = [t for t in tones.values() if t != own]
        assert not any(f[t] for f in read for t in others), kind.name
        assert own is None or sum(f[own] > 0 for f in read) >= 6, "most wordings are such as raters are known to lean to"
    assert not any(features(n)[t] for n in NEUTRAL for t in tones.values())
