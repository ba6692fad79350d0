"""The agreement of judges: what is compared, what is left out, and which judges count as different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import judges
from spiritlevel.errors import ConfigError
from spiritlevel.types import Instrument, Judgement


def judge(name: str, family: str) -> Instrument:
    return Instrument(id=name, name=name, family=family)


def words(*ps: float | None) -> list[Judgement]:
    return [Judgement(transcript=str(i), principle="p", instrument="x", probability=p) for i, p in enumerate(ps)]


RULES, MINI, OTHER = judge("text", ""), judge("small", "minilm"), judge("big", "openai/gpt")


def test_what_either_could_not_judge_is_counted_and_left_out() -> None:
    one, two = words(0.9, 0.1, 0.8, None, 0.2, 0.7, None), words(0.8, 0.2, 0.7, 0.1, 0.6, None, None)
    (found,) = judges.agreement([(RULES, one), (MINI, two)], list("abcdefg"))
    assert (found.judges, found.judged, found.unscored) == (("text", "small"), 4, (2, 2))
    assert found.raw.value == 0.75
    assert found.kappa.value == pytest.approx(0.5)  # seen 3/4, by chance (2/4 * 3/4 + 2/4 * 1/4) = 1/2
    assert found.kappa.n == 4


def test_a_judge_that_always_says_yes_has_kappa_0_whatever_the_raw_agreement() -> None:
    (found,) = judges.agreement([(RULES, words(*[0.9] * 9, 0.1)), (MINI, words(*[0.9] * 10))], [str(i) for i in range(10)])
    assert (found.raw.value, found.kappa.value) == (0.9, pytest.approx(0.0))


def test_samples_of_one_prompt_widen_the_interval() -> None:
    one, two = words(*[0.9, 0.1] * 40), words(*[0.9, 0.1] * 30, *[0.1, 0.9] * 10)
    spread = []
    for size in (1, 8):
        (found,) = judges.agreement([(RULES, one), (MINI, two)], [str(i // size) for i in range(80)])
        spread.append(found.kappa.high - found.kappa.low)
    assert spread[1] > 1.3 * spread[0]


def test_three_judges_give_each_pair_of_families() -> None:
    told = [(j, words(0.9, 0.1)) for j in (RULES, MINI, OTHER, judge("big-2", "openai/gpt"))]
    assert [a.judges for a in judges.agreement(told, list("ab"))] == [
        ("text", "small"), ("text", "big"), ("text", "big-2"), ("small", "big"), ("small", "big-2"),
    ]  # fmt: skip


@pytest.mark.parametrize("who", [[], [RULES], [RULES, judge("other rules", "")], [OTHER, judge("big-2", "openai/gpt")]])
def test_one_family_is_refused(who: list[Instrument]) -> None:
    with pytest.raises(ConfigError, match="at least two families"):
        judges.agreement([(j, words(0.9, 0.1)) for j in who], list("ab"))


def test_judgements_of_other_transcripts_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same transcripts"):
        judges.agreement([(RULES, words(0.9, 0.1)), (MINI, words(0.9, 0.1)[::-1])], list("ab"))


def test_nothing_judged_by_both_is_no_agreement() -> None:
    (found,) = judges.agreement([(RULES, words(0.9, None)), (MINI, words(None, 0.1))], list("ab"))
    assert found.judged == 0
    assert found.kappa.value != found.kappa.value
    assert (found.raw.low, found.raw.high) == (0.0, 1.0)


@examples(30)
@given(st.lists(st.tuples(st.sampled_from([None, 0.1, 0.9]), st.sampled_from([None, 0.1, 0.9])), max_size=12))
def test_order_of_the_judges_does_not_matter(pairs: list[tuple[float | None, float | None]]) -> None:
    a, b, groups = words(*(x for x, _ in pairs)), words(*(y for _, y in pairs)), [str(i) for i in range(len(pairs))]
    (one,), (two,) = (judges.agreement(told, groups) for told in ([(RULES, a), (MINI, b)], [(MINI, b), (RULES, a)]))
    assert one.kappa.value == pytest.approx(two.kappa.value, nan_ok=True)
    assert (one.raw.value, one.judged) == (pytest.approx(two.raw.value, nan_ok=True), two.judged)
    assert one.unscored == two.unscored[::-1]
