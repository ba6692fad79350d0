"""The gap: open when only the proxy improves, closed when both do; noise; and pooling of what is too small."""

from collections.abc import Callable

import numpy as np
import pytest

from spiritlevel.constitution import Constitution
from spiritlevel.measure.gap import columns, gaps, noise_gap, scored
from spiritlevel.types import Gap, Kind, Pair

Make = Callable[..., Pair]


def found(
    law: Constitution, held: list[Pair], taught: list[Pair] | None = None, *, min_clusters: int = 20, rounds: int = 200
) -> tuple[Gap, ...]:
    return gaps(law, taught or [], held, min_clusters=min_clusters, seed=1, rounds=rounds, confidence=0.95, error_correlation=None)


def drawn(pair: Make, n: int, proxy_gain: float, intent_gain: float, principle: str = "no-fraud", seed: int = 0) -> list[Pair]:
    rng = np.random.default_rng(seed)
    clip = lambda x: float(np.clip(x, 0, 1))  # noqa: E731
    return [
        pair(
            f"{principle}{i}",
            principle,
            before_proxy=clip(0.8 + e[0]),
            after_proxy=clip(0.8 - proxy_gain + e[1]),
            before_intent=clip(0.8 + e[2]),
            after_intent=clip(0.8 - intent_gain + e[3]),
        )
        for i, e in enumerate(rng.normal(0, 0.08, (n, 4)))
    ]


def test_the_gap_opens_when_only_the_proxy_improves(law: Constitution, pair: Make) -> None:
    gap = found(law, drawn(pair, 60, 0.6, 0.0), drawn(pair, 40, 0.7, 0.0, seed=1))[0]
    assert gap.principle == "no-fraud"
    assert not gap.pooled
    assert gap.gap.low > 0.5
    assert gap.proxy_open.value == pytest.approx(0.6, abs=0.06)
    assert gap.intent_open.low < 0.05
    assert gap.proxy_teach.value == pytest.approx(0.7, abs=0.06)
    assert (gap.gap.n, gap.proxy_teach.n) == (60, 40)


def test_the_gap_is_closed_when_both_improve_alike(law: Constitution, pair: Make) -> None:
    gap = found(law, drawn(pair, 60, 0.5, 0.5))[0].gap
    assert gap.low < 0 < gap.high
    assert abs(gap.value) < 0.06


def test_the_gap_is_negative_when_the_meaning_gains_more(law: Constitution, pair: Make) -> None:
    assert found(law, drawn(pair, 40, 0.1, 0.5))[0].gap.high < -0.3


def test_gap_is_the_difference_of_its_own_bars(law: Constitution, pair: Make) -> None:
    gap = found(law, drawn(pair, 40, 0.4, 0.3))[0]
    assert gap.gap.value == pytest.approx(gap.proxy_open.value - gap.intent_open.value)


def test_noise_gap_formula() -> None:
    intent = np.array([0.0, 1.0, 0.0, 1.0])
    assert noise_gap(intent, intent, np.full(4, 0.5)) == pytest.approx(0)  # a perfect proxy opens none
    useless = np.array([0.0, 0.0, 1.0, 1.0])
    assert noise_gap(useless, intent, np.full(4, 0.5)) == pytest.approx(0.5)  # an unrelated one loses all it gained
    half = np.array([0.0, 1.0, 1.0, 2.0])
    r = np.corrcoef(half, intent)[0, 1] ** 2
    assert noise_gap(half, intent, np.array([0.2, 0.4, 0.2, 0.4])) == pytest.approx(0.3 * (1 - r))
    assert np.isnan(noise_gap(np.ones(4), intent, intent))  # a constant has no reliability


def test_selection_on_a_noisy_proxy_opens_just_the_noise_gap() -> None:
    """Best of two by proxy = intent + noise, fresh draws: what noise alone predicts is what is seen."""
    rng = np.random.default_rng(3)
    intent = rng.normal(size=(20_000, 2))
    proxy = intent + rng.normal(0, 0.8, (20_000, 2))
    best = proxy.argmax(1)
    rows = np.arange(len(best))
    gain_proxy, gain_intent = proxy[rows, best] - proxy[:, 0], intent[rows, best] - intent[:, 0]
    predicted = noise_gap(proxy[:, 0], intent[:, 0], gain_proxy)
    assert predicted == pytest.approx(float((gain_proxy - gain_intent).mean()), abs=0.02)


def test_small_principles_are_pooled_by_category_then_horizon_then_over_all(law: Constitution, pair: Make) -> None:
    near = [p.id for p in law.principles if p.horizon == "near"][:4]
    changed = tuple(p.model_copy(update={"category": "twin"}) if p.id in near[:2] else p for p in law.principles)
    law = law.model_copy(update={"principles": changed})
    held = [p for id, n in zip(near, (11, 12, 12, 13), strict=True) for p in drawn(pair, n, 0.4, 0.4, id)]
    big = next(p.id for p in law.principles if p.horizon == "long")
    held += drawn(pair, 25, 0.4, 0.4, big)
    result = {g.principle: g for g in found(law, held)}
    assert set(result) == {big, "category:twin", "horizon:near", ""}
    assert not result[big].pooled
    assert result["category:twin"].pooled
    assert result["category:twin"].gap.n == 23
    assert result["horizon:near"].gap.n == 25
    assert result[""].gap.n == 73
    over_all = found(law, held[:15])
    assert [(g.principle, g.pooled, g.gap.n) for g in over_all] == [("", True, 15)]


def test_clusters_count_and_not_prompts(law: Constitution, pair: Make) -> None:
    held = [pair(f"{i}", cluster=str(i % 10)) for i in range(60)]
    assert [g.principle for g in found(law, held)] == [""]


def test_only_harmful_pairs_that_both_could_score(law: Constitution, pair: Make) -> None:
    pairs = [
        pair("a"),
        pair("b", kind=Kind.PLAIN),
        pair("c", after_proxy=None),
        pair("d", before_intent=None),
        pair("e", kind=Kind.UNKNOWN),
    ]
    assert [p.prompt.id for p in scored(pairs)] == ["a", "e"]
    proxy, intent, groups = columns(scored(pairs))
    assert proxy.tolist() == pytest.approx([0.8, 0.8])
    assert intent.tolist() == pytest.approx([0.8, 0.8])
    assert groups == ["a", "e"]
    assert found(law, []) == ()


def test_it_is_seeded(law: Constitution, pair: Make) -> None:
    held = drawn(pair, 30, 0.4, 0.1)
    assert str(found(law, held)) == str(found(law, held))
