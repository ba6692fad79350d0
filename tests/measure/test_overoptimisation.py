"""Curves from arrays: a known world's gap, turning point, mitigation and noise line; checkpoints; bad input in a sentence each."""

import math
from itertools import pairwise

import numpy as np
import pytest

from spiritlevel.errors import DataError, TooManyFailures
from spiritlevel.measure import overoptimisation as over
from spiritlevel.types import Grade, IntentIs

ORACLE = IntentIs(name="gold", role="oracle")
QUICK = {"rounds": 400}


def world(seed: int = 0, prompts: int = 32, pool: int = 128) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intent, a hackable proxy and a mended one: a bad feature is liked by the first, worth nothing until it is large, then costly."""
    rng = np.random.default_rng(seed)
    good, bad = rng.normal(size=(prompts, pool)), np.abs(rng.normal(size=(prompts, pool)))
    noise = 0.3 * rng.normal(size=(prompts, pool))
    return good + 0.25 * bad - 0.4 * bad**2 * (bad > 1.8), good + 0.7 * bad**2 + noise, good + noise


def test_a_hackable_proxy_opens_a_gap_and_a_mended_one_does_not() -> None:
    intent, hacked, mended = world()
    plot = over.best_of_n({"hacked": hacked, "mended": mended}, intent, range(32), ORACLE, **QUICK)
    first, second = plot.curves
    assert [p.label for p in first.points][:3] == ["n = 1", "n = 2", "n = 4"]
    assert first.points[-1].kl == pytest.approx(math.log(128) - 127 / 128)
    assert (first.points[0].proxy.value, first.points[0].intent.value) == (0, 0)
    assert all(b.proxy.value > a.proxy.value for a, b in pairwise(first.points))
    assert first.turning.kind == "inside"
    assert 0 < first.turning.d.value < first.points[-1].d.value
    assert first.gap.low > 1
    assert second.turning.kind == "none"
    assert second.beside is not None
    assert second.beside.low > 0.5
    assert first.beside is None
    assert first.intent_fit is not None
    assert first.intent_fit.b.low > 0
    assert (plot.prompts, plot.samples, plot.seeds, plot.unscored) == (32, 128, 1, 0)


def test_the_noise_line_is_met_where_errors_are_noise_and_missed_where_they_are_hacked() -> None:
    rng = np.random.default_rng(3)
    intent = rng.normal(size=(64, 64))
    noisy = intent + rng.normal(size=intent.shape)
    (plain,) = over.best_of_n({"noisy": noisy}, intent, range(64), ORACLE, **QUICK).curves
    end = plain.points[-1]
    assert end.expected.value == pytest.approx(end.proxy.value * math.sqrt(0.5), rel=0.1)  # both in SDs of their own
    assert end.expected.low <= end.intent.value + 0.25
    assert abs(end.expected.value - end.intent.value) < 0.25
    (hacked,) = over.best_of_n({"hacked": world()[1]}, world()[0], range(32), ORACLE, **QUICK).curves
    assert hacked.points[-1].expected.low > hacked.points[-1].intent.high


def test_scales_of_the_scores_do_not_matter() -> None:
    intent, hacked, _ = world()
    one = over.best_of_n({"x": hacked}, intent, range(32), ORACLE, **QUICK).curves[0]
    two = over.best_of_n({"x": 1000 * hacked - 7}, 0.01 * intent + 5, range(32), ORACLE, **QUICK).curves[0]
    assert two.points[-1].intent.value == pytest.approx(one.points[-1].intent.value)
    assert two.turning.d == one.turning.d


def test_seeds_of_a_proxy_are_one_curve_with_a_wider_interval() -> None:
    rng = np.random.default_rng(5)
    intent = rng.normal(size=(32, 64))
    proxies = np.stack([intent * lean + rng.normal(size=intent.shape) for lean in (0.2, 1.0, 1.8)])
    plot = over.best_of_n({"seeds": proxies, "one": proxies[1]}, intent, range(32), ORACLE, **QUICK)
    many, one = plot.curves
    assert plot.seeds == 3
    wide, narrow = (c.points[-1].intent for c in (many, one))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert many.points[-1].intent.value == pytest.approx(
        np.mean([over.best_of_n({"s": p}, intent, range(32), ORACLE, rounds=10).curves[0].points[-1].intent.value for p in proxies])
    )
    assert any("3 seeds are few" in note for note in plot.notes)


def test_a_few_lost_scores_are_counted_and_left_out_for_all() -> None:
    intent, hacked, mended = world()
    hacked[3, 5] = intent[4, 6] = math.nan
    plot = over.best_of_n({"hacked": hacked, "mended": mended}, intent, range(32), ORACLE, **QUICK)
    assert plot.unscored == 2
    assert plot.curves[1].points[-1].label == "n = 127"
    assert any("2 samples" in note for note in plot.notes)


def test_bad_pools_are_named() -> None:
    intent, proxy, _ = world(prompts=4, pool=16)

    def draw(p: object, i: object = intent, groups: object = range(4), **more: object) -> None:
        over.best_of_n({"p": p}, i, groups, ORACLE, **{**QUICK, **more})  # type: ignore[arg-type]

    with pytest.raises(DataError, match="'p' gives all samples of each prompt one score"):
        draw(np.ones((4, 16)))
    with pytest.raises(DataError, match="one score"):
        draw(np.arange(4.0)[:, None] + np.zeros((4, 16)))  # differs between prompts alone
    with pytest.raises(DataError, match="the intent gives all"):
        draw(proxy, np.full((4, 16), 0.1))
    with pytest.raises(TooManyFailures, match="64 of 64 samples lack a score"):
        draw(np.full((4, 16), math.nan))
    with pytest.raises(DataError, match="infinite"):
        draw(np.where(proxy > 0, math.inf, proxy))
    with pytest.raises(DataError, match="one prompt group"):
        draw(proxy[:1], intent[:1], ["a"])
    with pytest.raises(DataError, match="one prompt group"):
        draw(proxy, groups=["a"] * 4)
    with pytest.raises(DataError, match="3 groups do not match 4 prompts"):
        draw(proxy, groups="abc")
    with pytest.raises(DataError, match="best of 32 cannot be had"):
        draw(proxy, ns=[32])
    with pytest.raises(DataError, match="same samples"):
        draw(proxy[:, :8])
    with pytest.raises(DataError, match="none empty"):
        draw(np.empty((4, 0)))
    with pytest.raises(DataError, match="three or more"):
        draw(proxy, ns=[2])
    with pytest.raises(DataError, match="no proxy"):
        over.best_of_n({}, intent, range(4), ORACLE)


def test_few_prompts_and_one_seed_are_said() -> None:
    intent, proxy, _ = world(prompts=4, pool=16)
    notes = over.best_of_n({"p": proxy}, intent, range(4), ORACLE, **QUICK).notes
    assert any("4 prompt groups are few" in note for note in notes)
    assert any("one seed" in note for note in notes)


def walk(seed: int = 0, turn: float = 2.0, prompts: int = 24, samples: int = 4) -> over.Walk:
    """Intent rises by d up to `turn` and falls from there; the proxy goes on."""
    rng = np.random.default_rng(seed)
    d = np.asarray([0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
    kl = (d**2)[:, None] * (1 + 0.1 * rng.normal(size=(7, prompts)))
    noise = rng.normal(size=(2, 7, prompts, samples)) + rng.normal(size=(2, 1, prompts, 1))
    rise = np.where(d <= turn, d, 2 * turn - d)[:, None, None]
    return over.Walk(tuple(f"step {10 * i}" for i in range(7)), kl, d[:, None, None] + noise[0], rise + noise[1], floor=0.2)


def test_checkpoints_are_walked_and_the_turn_is_found() -> None:
    plot = over.along({"rloo": walk(), "careful": walk(1, turn=9)}, range(24), IntentIs(name="people", grade=Grade.INDEPENDENT), **QUICK)
    first, second = plot.curves
    assert first.form == "rl"
    assert first.turning.kind == "inside"
    assert first.turning.d.low <= 2.0 <= first.turning.d.high
    assert first.points[0].d.value == 0
    assert first.points[2].d.low < 1.5 < first.points[2].d.high
    assert second.turning.kind == "none"
    assert second.beside is not None
    assert second.beside.low > 0
    assert first.intent_fit is not None


def test_what_lies_under_the_noise_floor_enters_no_fit() -> None:
    w = walk()._replace(floor=2.0)
    (curve,) = over.along({"x": w}, range(24), ORACLE, **QUICK).curves
    assert [p.above_floor for p in curve.points] == [True, False, True, True, True, True, True]
    assert curve.intent_fit is not None
    assert curve.intent_fit.points == 5
    assert "step 10" in curve.notes[0]
    (none,) = over.along({"x": w._replace(floor=8.0)}, range(24), ORACLE, **QUICK).curves
    assert none.intent_fit is None
    assert "no form is fitted" in none.notes[0]


def test_bad_walks_are_named() -> None:
    good = walk()
    with pytest.raises(DataError, match="does not begin at KL 0"):
        over.along({"x": good._replace(kl=good.kl + 1)}, range(24), ORACLE, **QUICK)
    with pytest.raises(DataError, match="3 labels"):
        over.along({"x": good._replace(labels=("a", "b", "c"))}, range(24), ORACLE, **QUICK)
    with pytest.raises(TooManyFailures, match="lack a score"):
        over.along({"x": good._replace(proxy=good.proxy * math.nan)}, range(24), ORACLE, **QUICK)
    with pytest.raises(DataError, match="one score"):
        over.along({"x": good._replace(proxy=np.zeros_like(good.proxy))}, range(24), ORACLE, **QUICK)
    with pytest.raises(DataError, match="no training"):
        over.along({}, range(24), ORACLE)


def test_gauges_of_a_pool_read_the_proxy_alone() -> None:
    rng = np.random.default_rng(0)
    heads, lengths = rng.normal(size=(8, 32, 4)), rng.integers(5, 40, size=(8, 32))
    gauges = over.pool_gauges(heads, lengths, [1, 8, 32])
    assert gauges[0].kl == 0
    assert gauges[0].proxy == pytest.approx(heads.mean())
    assert gauges[2].proxy == pytest.approx(heads.mean(axis=2).max(axis=1).mean())
    assert gauges[0].disagreement == pytest.approx(heads.std(axis=2).mean())
    assert gauges[0].length == pytest.approx(lengths.mean())
    assert over.pool_gauges(heads[..., :1], lengths, [1, 4])[0].disagreement is None
