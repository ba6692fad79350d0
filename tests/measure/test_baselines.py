"""Baselines learn what little they can, from training pairs alone."""

import numpy as np
import pytest

from spiritlevel.errors import DataError
from spiritlevel.measure import baselines
from spiritlevel.types import Preference, user


def pairs(n: int, seed: int, make) -> list[Preference]:
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        chosen, rejected = make(rng)
        found.append(Preference(chat=user(f"{seed} {i}"), chosen=chosen, rejected=rejected, by="t", cluster=f"{seed}-{i}"))
    return found


def text(rng: np.random.Generator, n: int) -> str:
    return " ".join(rng.choice(["red", "green", "blue", "stone", "tree", "house"], n))


def shorter(rng: np.random.Generator) -> tuple[str, str]:
    n = int(rng.integers(3, 10))
    return text(rng, n), text(rng, n + int(rng.integers(1, 9)))


def polite(rng: np.random.Generator) -> tuple[str, str]:
    n = int(rng.integers(4, 12))
    return text(rng, n) + " please", text(rng, n) + " now"


def test_length_is_learnt_in_whichever_direction_it_counts():
    train, test = pairs(80, 0, shorter), pairs(50, 1, shorter)
    assert (baselines.fit_length(train)(test) > 0).all()
    assert (baselines.longer(test) < 0).all()


def test_words_are_learnt_where_length_says_nothing():
    train, test = pairs(80, 0, polite), pairs(50, 1, polite)
    assert (baselines.fit_words(train)(test) > 0).all()
    assert np.abs(baselines.fit_length(train)(test)).max() == 0


def test_turning_a_pair_round_turns_its_margin_round():
    train, test = pairs(80, 0, polite), pairs(20, 1, polite)
    turned = [p.model_copy(update={"chosen": p.rejected, "rejected": p.chosen}) for p in test]
    for fit in (baselines.fit_length, baselines.fit_words):
        assert fit(train)(turned) == pytest.approx(-fit(train)(test))


def test_labels_without_reason_teach_next_to_nothing():
    noise = pairs(200, 0, lambda rng: (text(rng, 6), text(rng, 6)))
    held = pairs(300, 1, lambda rng: (text(rng, 6), text(rng, 6)))
    right = (baselines.fit_words(noise)(held) > 0).mean()
    assert 0.4 < right < 0.6


def test_words_that_no_two_replies_share_make_no_baseline():
    train = pairs(30, 0, lambda rng: (f"w{rng.integers(10**9)}", f"v{rng.integers(10**9)}"))
    assert baselines.fit_words(train)(train).tolist() == [0.0] * 30


def test_what_is_held_out_teaches_no_baseline():
    train = pairs(40, 0, polite)
    held = train[:15]
    assert {p.cluster for p in baselines.apart(train, held)} == {f"0-{i}" for i in range(15, 40)}
    with pytest.raises(DataError, match="15 of 40 training pairs share no prompt group"):
        baselines.apart(train, train[:25])
