"""Stop rules never look ahead, keep what they say, and claim no early warning that their record does not show."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiritlevel.errors import DataError
from spiritlevel.stats import stopping
from spiritlevel.types import Gauge, StopRule, StopRun

EVERY = (*stopping.RULES, stopping.NEVER, StopRule(name="kl", kl=4.0))


def gauges(proxy: list[float], disagreement: list[float] | None = None, length: list[float] | None = None) -> tuple[Gauge, ...]:
    return tuple(
        Gauge(kl=float(i), proxy=p, disagreement=disagreement[i] if disagreement else None, length=length[i] if length else None)
        for i, p in enumerate(proxy)
    )


def test_each_sign_stops_where_it_says() -> None:
    kl = stopping.stop(StopRule(name="kl", kl=2.0), gauges([0, 1, 2, 3, 4]))
    assert (kl.kept, kl.fired) == (2, 3)
    assert "3 nats" in kl.why
    spread = stopping.stop(StopRule(name="d", disagreement=2.0), gauges([0, 1, 2, 3], [0.5, 0.9, 1.0, 1.1]))
    assert (spread.kept, spread.fired) == (2, 3)
    short = stopping.stop(StopRule(name="l", length=2.0), gauges([0, 1, 2], None, [40, 30, 19]))
    assert (short.kept, short.fired) == (1, 2)
    worse = stopping.stop(StopRule(name="p", pessimism=1.0, patience=2), gauges([0, 1, 1.5, 1.7, 2.0], [0.1, 0.1, 0.2, 0.6, 0.9]))
    assert (worse.kept, worse.fired) == (2, 4)
    assert stopping.stop(stopping.NEVER, gauges([0, -5, -9], [0, 9, 99])).fired is None


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 9), st.floats(-3, 3), st.floats(0.01, 5), st.floats(1, 99)), min_size=2, max_size=12),
    st.integers(1, 11),
)
def test_what_comes_later_never_changes_a_stop(rows: list[tuple[float, float, float, float]], cut: int) -> None:
    all_ = [Gauge(kl=k, proxy=p, disagreement=s, length=n) for k, p, s, n in rows]
    for rule in EVERY:
        whole, early = stopping.stop(rule, all_), stopping.stop(rule, all_[:cut])
        assert 0 <= whole.kept < len(all_)
        if early.fired is not None:
            assert early == whole
        elif whole.fired is not None:
            assert whole.fired >= min(cut, len(all_))


def world(rng: np.random.Generator, telling: bool) -> StopRun:
    """Intent turns at a KL that differs by run. Disagreement jumps there (`telling`), or at a checkpoint of its own."""
    at = float(rng.uniform(2, 8))
    jump = at if telling else float(rng.uniform(2, 8))
    kl = np.arange(11.0)
    intent = np.where(kl < at, kl, at - (kl - at))
    spread = np.where(kl > jump, 1.5, 0.5)
    return StopRun(
        name=f"{at:.2f}",
        gauges=tuple(Gauge(kl=k, proxy=k, disagreement=s, length=20.0) for k, s in zip(kl.tolist(), spread.tolist(), strict=True)),
        intent=tuple(intent.tolist()),
    )


def test_a_sign_that_foretells_the_turn_is_credited_and_one_that_does_not_is_not() -> None:
    rng = np.random.default_rng(0)
    rule = (StopRule(name="disagreement", disagreement=2.0),)
    good = stopping.record([world(rng, True) for _ in range(20)], rule)
    assert good.turned == 20
    (line,) = good.lines
    assert line.warns
    assert line.regret.value < 0.6
    assert line.saved.low > 0
    assert line.beside_kl.low > 0
    assert line.warned.value == 1
    assert "is shown by disagreement" in good.says
    (bad,) = (other := stopping.record([world(rng, False) for _ in range(20)], rule)).lines
    assert not bad.warns
    assert bad.before + bad.at + bad.after == 20
    assert "No rule shows" in other.says


def test_a_rule_that_knows_nothing_is_seldom_credited() -> None:
    rng = np.random.default_rng(1)
    rule = (StopRule(name="disagreement", disagreement=2.0),)
    assert sum(stopping.record([world(rng, False) for _ in range(8)], rule, rounds=300, seed=i).lines[0].warns for i in range(60)) <= 2


def test_a_fixed_kl_is_no_better_than_the_best_fixed_kl() -> None:
    rng = np.random.default_rng(2)
    (line,) = stopping.record([world(rng, True) for _ in range(12)], (StopRule(name="kl", kl=4.0),)).lines
    assert line.beside_kl.value <= 1e-9
    assert not line.warns
    runs = [world(rng, True) for _ in range(12)]
    best = stopping.record(runs, (stopping.NEVER,)).fixed_kl
    assert best is not None
    (same,) = stopping.record(runs, (StopRule(name="best", kl=best),)).lines
    assert same.beside_kl.value == pytest.approx(0)


def test_intents_that_never_turn_teach_nothing_of_warning() -> None:
    runs = [StopRun(name=str(i), gauges=gauges([0, 1, 2], [1, 1, 3]), intent=(0, 1, 2.0 + i)) for i in range(4)]
    found = stopping.record(runs, (StopRule(name="d", disagreement=2.0), stopping.NEVER))
    assert found.turned == 0
    assert "in none of 4" in found.says
    early, never = found.lines
    assert (early.before, early.at) == (4, 0)
    assert early.regret.value == pytest.approx(2.5)
    assert (never.at, never.regret.value) == (4, 0)
    assert early.regret.confidence == pytest.approx(0.975)  # two rules share the error budget


def test_regret_by_hand() -> None:
    runs = [StopRun(name=str(i), gauges=gauges([0, 1, 2, 3]), intent=(0, 3, 1, 0)) for i in range(3)]
    (line,) = stopping.record(runs, (StopRule(name="kl", kl=2.0),)).lines
    assert (line.regret.value, line.saved.value, line.after) == (2, 1, 3)
    assert line.warned.value == 0


def test_bad_input_is_named() -> None:
    run = StopRun(name="a", gauges=gauges([0, 1]), intent=(0, 1))
    with pytest.raises(DataError, match="two runs or more"):
        stopping.record([run])
    with pytest.raises(DataError, match="'b' has 2 checkpoints and lacks"):
        stopping.record([run, StopRun(name="b", gauges=gauges([0, 1]), intent=(0,))])
    with pytest.raises(DataError, match="lacks an intent"):
        stopping.record([run, StopRun(name="c", gauges=gauges([0, 1]), intent=(0, math.nan))])
    with pytest.raises(DataError, match="no number"):
        stopping.stop(stopping.NEVER, gauges([0, math.nan]))
    with pytest.raises(DataError, match="without a checkpoint"):
        stopping.stop(stopping.NEVER, [])
