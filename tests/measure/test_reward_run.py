"""A reward model scored through a journal and reported on."""

import re

import numpy as np
import pytest

from spiritlevel import firewall, stats
from spiritlevel.errors import DataError
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.measure import sets
from spiritlevel.measure.reward_run import Settings, measure_reward
from spiritlevel.types import Instrument, Preference, Prompt, Turn, user

FEW = Settings(rounds=50, edited=40)


class Longest:
    """Likes length in all its heads; the second head is a little deaf."""

    heads = 2

    def __init__(self, made_of: tuple[str, ...] = ()) -> None:
        self.identity = Instrument(id="longest", name="longest", made_of=made_of)
        self.seen: list[tuple[tuple[Turn, ...], bool]] = []

    def score(self, chats, truncated=None):
        self.seen += list(zip(chats, truncated or [False] * len(chats), strict=True))
        words = np.asarray([len(re.findall("[a-z]+", c[-1].content)) for c in chats], dtype=np.float32)
        return np.stack([words, words // 3], axis=1)


def pairs(n: int, start: int = 0) -> list[Preference]:
    said = "A line of words that is here to be read. "
    return [
        Preference(
            chat=user(f"what is number {i}, and why does it matter?"),
            chosen=said * (1 + i % 3) + f"It is {i}.",
            rejected=said * (1 + (i + 1) % 3) + f"It was {i}.",
            by="p",
            cluster=f"c{i}",
            chosen_truncated=i == 0,
        )
        for i in range(start, start + n)
    ]


def test_pairs_edits_and_sets_are_scored_once_and_reported():
    model, journal = Longest(), MemoryJournal()
    rows = [sets.Row(**p.model_dump() | {"section": "s", "source": "u"}) for p in pairs(10, 500)]
    found = measure_reward(journal, model, pairs(60), training=pairs(60, 100), files=rows, settings=FEW)
    assert found.accuracy.value == pytest.approx(20 / 60)
    assert [v.name for v in found.views] == ["head 1", "head 2", "worst", "uncertainty"]
    assert [b.name for b in found.baselines] == ["length", "bag of words"]
    assert found.alarms == ("padding",)
    assert [s.by for s in found.sections] == ["subset", "section", "overall"]
    assert (found.margin, found.heads, found.notes) == (0.2, 2, ())
    cut = [chat for chat, truncated in model.seen if truncated]
    assert [c[-1].content for c in cut] == [pairs(1)[0].chosen]
    before = len(model.seen)
    again = measure_reward(journal, model, pairs(60), training=pairs(60, 100), files=rows, settings=FEW)
    assert len(model.seen) == before, "what was scored once is not scored again"
    assert again.model_dump_json() == found.model_dump_json()


def test_what_the_model_was_trained_on_is_left_out():
    asked = [Prompt(id="", text=p.chat[0].content, goal=p.chat[0].content, principle="") for p in pairs(15)]
    found = measure_reward(MemoryJournal(), Longest(firewall.atoms_of(asked)), pairs(40), settings=Settings(rounds=20, edited=0))
    assert found.pairs == 25
    assert "15 pairs were left out: the reward model was trained on their prompts" in found.notes
    by_cluster = Longest(tuple(firewall.cluster(f"c{i}") for i in range(40)))
    with pytest.raises(DataError, match="no pair is left"):
        measure_reward(MemoryJournal(), by_cluster, pairs(40), settings=Settings(rounds=20, edited=0))


def test_without_training_pairs_the_baseline_is_named_as_unfitted():
    found = measure_reward(MemoryJournal(), Longest(), pairs(30), ceiling=stats.wilson(7, 10), settings=Settings(rounds=20, edited=0))
    assert [b.name for b in found.baselines] == ["longer"]
    assert found.baselines[0].accuracy.value == found.accuracy.value
    assert found.effects == ()
    assert any("longer is better stands in" in note for note in found.notes)
    assert found.ceiling is not None
    assert found.ceiling.value == 0.7


def test_no_pairs_is_an_error_in_one_sentence():
    with pytest.raises(DataError, match="no pair is left to report on"):
        measure_reward(MemoryJournal(), Longest(), [], settings=Settings(edited=0))
