"""A reward model's report against answers that are known: scorers of one trait each, planted accuracy, hostile pairs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import stats
from spiritlevel.errors import DataError, TooManyFailures
from spiritlevel.measure import reward
from spiritlevel.types import Estimate, Instrument, Preference, RewardReport, user

WHO = Instrument(id="r", name="r")


def pair(i: int, chosen: str, rejected: str, **more: object) -> Preference:
    return Preference.model_validate(
        {"chat": user(f"question {i}"), "chosen": chosen, "rejected": rejected, "by": "people", "cluster": f"g{i}", **more}
    )


def told(n: int) -> str:
    return " ".join(["word"] * n)


def column(values: list[float]) -> np.ndarray:
    return np.asarray(values, dtype=float)[:, None]


def made(pairs: list[Preference], score, **more: object) -> RewardReport:
    scores = [column([score(getattr(p, side)) for p in pairs]) for side in ("chosen", "rejected")]
    return reward.report(WHO, pairs, *scores, rounds=200, **more)


LENGTHS = [(i % 7 + 3, (i * 5) % 11 + 2) for i in range(60)]
PAIRS = [pair(i, told(a), told(b) + "!", source=f"s{i % 2}", principle="p" if i % 3 else "q") for i, (a, b) in enumerate(LENGTHS)]


def test_a_scorer_of_length_is_as_right_as_the_longer_reply_is_chosen():
    found = made(PAIRS, lambda text: float(len(text.split())))
    longer = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in LENGTHS]
    assert found.accuracy.value == pytest.approx(np.mean(longer))
    assert found.accuracy.n == found.groups == found.pairs == 60
    assert found.length.value > 0.95, "words beside log words"


def test_what_length_explains_is_taken_out():
    found = made(PAIRS, lambda text: 3 * math.log1p(len(text.split())))
    assert found.adjusted.value == 0.5
    assert found.adjusted.low == found.adjusted.high == 0.5
    assert found.length.value == pytest.approx(1.0)


def test_a_scorer_that_is_right_about_longer_replies_is_not_taken_for_one_that_likes_length():
    rng = np.random.default_rng(0)
    longer = rng.normal(0.5, 0.5, 4000)
    margins = 1.0 + rng.normal(0, 0.8, 4000)  # right whatever the length, though the chosen one is mostly longer
    plain = float(np.mean(margins > 0))
    assert reward.adjusted(margins, longer) == pytest.approx(plain, abs=0.01)
    assert reward.adjusted(margins + 2 * longer, longer) == pytest.approx(plain, abs=0.02)


def test_matched_pairs_are_those_within_a_tenth():
    assert reward.matched(pair(0, told(10), told(9)))
    assert not reward.matched(pair(0, told(10), told(8)))
    assert reward.matched(pair(0, "", ""))
    found = made([pair(0, told(20), told(19)), pair(1, told(5), told(50)), pair(2, told(30), told(28))], lambda t: len(t.split()))
    assert (found.matched.n, found.matched.value) == (2, 1.0)
    assert found.accuracy.value == pytest.approx(2 / 3)


def test_slices_are_by_principle_and_by_source():
    found = {(s.by, s.name): s for s in made(PAIRS, lambda text: float(len(text.split()))).slices}
    assert set(found) == {("principle", "p"), ("principle", "q"), ("source", "s0"), ("source", "s1")}
    assert found["principle", "q"].pairs == 20
    assert sum(s.pairs for (by, _), s in found.items() if by == "source") == 60
    assert sum(s.pairs * s.accuracy.value for (by, _), s in found.items() if by == "source") == pytest.approx(
        60 * made(PAIRS, lambda text: float(len(text.split()))).accuracy.value
    )


def test_an_ensemble_is_shown_head_by_head_and_put_together():
    n = 40
    pairs = [pair(i, f"a{i}", f"b{i}") for i in range(n)]
    good, bad = np.ones(n), np.where(np.arange(n) < 10, -3.0, 1.0)
    chosen = np.stack([good, bad], axis=1)
    found = reward.report(WHO, pairs, chosen, np.zeros((n, 2)), rounds=200)
    views = {v.name: v for v in found.views}
    assert list(views) == ["head 1", "head 2", "worst", "uncertainty"]
    assert found.accuracy.value == 0.75, "a mean of -1 where the heads part"
    assert views["head 1"].accuracy.value == 1.0
    assert views["head 1"].gain.value == 0.25
    assert views["head 1"].gain.low > 0
    assert views["worst"].accuracy.value == views["head 2"].accuracy.value == 0.75
    assert made(pairs, lambda _: 0.0).views == ()


def test_baselines_stand_beside_on_the_same_pairs():
    n = 200
    pairs = [pair(i, f"a{i}", f"b{i}") for i in range(n)]
    right, rough = np.where(np.arange(n) < 160, 1.0, -1.0), np.where(np.arange(n) < 120, 1.0, -1.0)
    found = reward.report(WHO, pairs, right[:, None], np.zeros((n, 1)), baselines={"rough": rough, "blind": np.zeros(n)}, rounds=200)
    rough_, blind = found.baselines
    assert (rough_.accuracy.value, blind.accuracy.value) == (0.6, 0.5)
    assert rough_.gain.value == pytest.approx(0.2)
    assert 0.1 < rough_.gain.low < 0.2 < rough_.gain.high < 0.3
    assert blind.gain.value == pytest.approx(0.3)


def test_the_distance_to_the_ceiling_carries_both_intervals():
    ceiling = stats.wilson(63, 100, name="ceiling")
    found = made(PAIRS, lambda text: float(len(text.split())), ceiling=ceiling)
    apart = found.to_ceiling
    assert apart is not None
    assert apart.value == pytest.approx(0.63 - found.accuracy.value)
    assert apart.high - apart.low > max(ceiling.high - ceiling.low, found.accuracy.high - found.accuracy.low)


def test_the_distance_of_independent_shares_holds_the_truth():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        a, b = (stats.wilson(int(rng.binomial(n, p)), n) for n, p in ((80, 0.85), (150, 0.65)))
        found = reward.apart(a, b)
        inside += found.low <= 0.2 <= found.high
    assert 0.92 <= inside / 400 <= 0.985


def test_pairs_that_say_nothing_enter_no_figure():
    pairs = [*PAIRS[:20], pair(90, "same", "same"), pair(91, "a", "b", sure=0.5)]
    found = made(pairs, lambda text: float(len(text.split())))
    assert found.pairs == 20
    assert dict(found.left_out) == {"chosen and rejected are the same": 1, "undecided label": 1}
    with pytest.raises(DataError, match=r"no pair is left to report on .1 chosen and rejected are the same"):
        made([pair(0, "x", "x")], lambda _: 0.0)
    with pytest.raises(DataError, match="the file holds none"):
        reward.report(WHO, [], np.empty((0, 1)), np.empty((0, 1)))


def test_rewards_that_are_no_numbers_are_counted_and_too_many_end_the_report():
    scores = np.ones((20, 1))
    scores[:3] = np.nan
    found = reward.report(WHO, PAIRS[:20], scores, np.zeros((20, 1)), baselines={"b": np.ones(20)}, rounds=200)
    assert (found.pairs, dict(found.left_out)) == (17, {"not scored": 3})
    assert found.baselines[0].accuracy.n == 17
    scores[:5] = np.inf
    with pytest.raises(TooManyFailures, match="5 of 20 pairs have a reward that is not a number"):
        reward.report(WHO, PAIRS[:20], scores, np.zeros((20, 1)))


def test_a_constant_reward_and_pairs_told_both_ways_are_named():
    found = made([pair(0, "a", "b"), pair(0, "b", "a"), pair(2, "c", "")], lambda _: 7.0)
    assert found.accuracy.value == 0.5
    assert "the reward is the same for both replies of every pair: it orders nothing" in found.notes
    assert "1 pairs are labelled both ways: no scorer can be right about both" in found.notes
    assert "1 pairs have an empty reply" in found.notes
    assert math.isinf(found.calibration.temperature.value) or math.isnan(found.calibration.temperature.value)


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"give .pairs, heads."):
        reward.report(WHO, PAIRS, np.zeros(60), np.zeros(60))


@examples(40)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=3, max_size=30), st.floats(0.01, 100), st.floats(-10, 10))
def test_accuracy_knows_order_alone_and_turns_round_with_the_labels(values, scale, shift):
    pairs = [pair(i, f"a {i}", f"b {i}") for i in range(len(values))]
    c, r = column([round(a, 3) for a, _ in values]), column([round(b, 3) for _, b in values])
    found = reward.report(WHO, pairs, c, r, rounds=20)
    moved = reward.report(WHO, pairs, scale * c, scale * r, rounds=20)
    turned = reward.report(WHO, pairs, r, c, rounds=20)
    assert found.accuracy == moved.accuracy
    assert found.accuracy.value + turned.accuracy.value == pytest.approx(1.0)
    assert found.accuracy.low <= found.accuracy.value <= found.accuracy.high
    assert isinstance(found.accuracy, Estimate)
