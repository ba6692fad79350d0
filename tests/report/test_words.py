import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.report import card, words
from spiritlevel.types import Estimate


@pytest.mark.parametrize(
    ("value", "name", "phase", "said"),
    [
        (0.9412, "delivered_harm", "after", "94.1%"),
        (-0.7681, "delivered_harm", "change", "−76.8 points"),
        (0.0831, "over_refusal_plain", "change", "+8.3 points"),
        (-0.0001, "gap", "", "0.0 points"),
        (0.8742, "readout_auroc", "after", "0.874"),
        (3.4, "kl", "single", "3.40 nats"),
        (120.0, "length_ratio", "single", "120"),
        (12345.6, "anything", "", "12,346"),
        (float("nan"), "gap", "", "n/a"),
        (float("inf"), "kl", "", "n/a"),
    ],
)
def test_numbers(value, name, phase, said):
    assert words.number(value, name, phase) == said


def test_interval_tells_n_and_unusual_confidence():
    e = Estimate(name="refusal", value=0.5, low=0.381, high=0.6, n=1200, confidence=0.9833)
    assert words.told(e) == "50.0% (38.1 to 60.0 at 98.3%, n = 1,200)"


@examples(50)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_visible_text_is_plain_and_encodable(text):
    shown = words.visible(text)
    shown.encode("utf-8")
    assert all(c in "\n\t" or c.isprintable() or c.isspace() for c in shown)


@examples(50)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_escaped_markdown_stays_in_its_cell(text):
    cell = str(card.escaped(text))
    assert not set('<>|`[]*_\n"') & set(cell)


def test_long_text_is_cut_with_a_note():
    assert words.visible("y" * 100_000, 10) == "y" * 10 + " … [cut here: 99,990 more characters]"
