"""Words of people onto names of things: the longest phrase wins, no word is read twice, what is unknown stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.report.ask.lexicon import load, one_off, proper, stem, stems, swapped, tokens

LEXICON = load()


def names(text: str) -> set[str]:
    return {name for m in LEXICON.read(text).mentions for name in m.names}


@pytest.mark.parametrize(
    ("one", "other"),
    [("refuses", "refused"), ("jailbreaking", "jailbreaks"), ("policies", "policy"), ("tuning", "tuned"), ("capability", "capable"),
     ("alignment", "aligned"), ("scamming", "scam"), ("divergence", "diverged")],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(one: str, other: str):
    assert stem(one) == stem(other)


def test_possessives_and_contractions_are_one_word():
    assert tokens("The model’s layer isn't 2.5-wide") == ["the", "model", "layer", "isnt", "2.5", "wide"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How often does it refuse harmful prompts?", {"often", "refuse", "harm", "prompts"}),
        ("How bad was the nonsense before we trained it?", {"before", "nonsense"}),
        ("What was it trained on?", {"data"}),
        ("Which judges trained it?", {"judge", "training"}),
        ("Is over-refusal gone?", {"refuse", "harmless"}),
    ],
)
def test_a_question_names_what_it_is_about(question: str, expected: set[str]):
    assert names(question) - {"count"} >= expected


def test_the_longest_phrase_wins():
    assert names("What is the learning rate?") == {"lr"}  # neither learning nor a rate
    assert "cost" not in names("How long did it take?")


def test_a_gap_leaves_what_is_in_it_to_be_read():
    assert LEXICON.read("before the gardening training").left == ("gardening",)


def test_an_article_after_a_joining_word_does_not_part_a_phrase():
    assert "gap" in names("Do the proxy and the intent differ?")
    assert "after" not in names("Which judges took part in training the model?")


def test_what_it_does_not_know_is_left():

    assert "zucchini" in LEXICON.read("Does it like zucchini?").left


def test_no_phrase_means_two_things_by_accident():
    """A form that two names share would make each question with it unanswerable; these few mean both on purpose."""
    both = {
        text: {name for m in meant for name in m.names}
        for known in LEXICON.phrases.values()
        for _, text, meant in known
        if len({name for m in meant for name in m.names}) > 1
    }
    assert all(
        two in ({"refuse", "harmless"}, {"before", "model"}, {"harm", "change"}, {"open", "prompts"}, {"teach", "prompts"})
        for two in both.values()
    ), both


@examples(50)
@given(st.text(max_size=200))
def test_any_text_is_read(text: str):
    read = LEXICON.read(text)
    assert set(read.left) <= set(tokens(text))
    assert len(stems(text)) == len(tokens(text))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Is teh model aproved?", "Is the model approve"),
        ("How much incoherance?", "How much incoherenc"),
        ("As the person who signs this: is it approved?", "is it approved?"),
        ("Is it approved, so that I can tell my aunt?", "Is it approved?"),
        ("What limits has RLHF?", "What limits has learning from human feedback?"),
        ("Does it know Danish?", "Does it know Danish?"),
        ("Who wrote the draft?", "Who wrote the draft?"),
        ("Is doping banned?", "Is doping banned?"),
    ],
)
def test_slips_abbreviations_and_who_asks_are_read_past(written: str, meant: str):
    assert LEXICON.read(LEXICON.spelt(written)) == LEXICON.read(meant)


def test_names_and_numbers_are_told_from_words():
    assert proper("Does it meet the EU AI Act of 2024 on base64?") == {"eu", "ai", "act", "2024", "base64"}


def test_one_letter_and_no_more_is_a_slip():
    assert one_off("aprove", "approve")
    assert one_off("harmfull", "harmful")
    assert swapped("teh", "the")
    assert not swapped("hte", "the")
    assert not one_off("harmful", "harm")
    assert not one_off("gambling", "sampling")
    assert not one_off("harm", "harm")
