import numpy as np
import pytest

from spiritlevel.errors import ConfigError, ModelError
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.judges.reward import Together, aggregate, open_reward
from spiritlevel.judges.scores import Answer, scored, table
from spiritlevel.types import user


def said(text):
    return user("How are you?", prefill=text)


def test_heads_together():
    scores = [[1.0, 3.0], [2.0, 2.0]]
    assert aggregate(scores).tolist() == [2.0, 2.0]
    assert aggregate(scores, "worst").tolist() == [1.0, 2.0]
    assert aggregate(scores, "uncertainty", 0.5).tolist() == [1.5, 2.0]


def test_rules_are_what_they_say():
    journal = MemoryJournal()
    chats = [said("one two three"), said("Please do.")]
    assert np.allclose(open_reward("rule:length", journal).score(chats)[:, 0], [0.03, 0.02])
    assert np.allclose(open_reward("rule:length=3", journal).score(chats)[:, 0], [0, -0.01])
    assert open_reward("rule:keyword=please", journal).score(chats)[:, 0].tolist() == [0, 1]
    assert open_reward("rule:ended", journal).score(chats, [True, False])[:, 0].tolist() == [0, 1]
    assert open_reward("rule:length", journal).identity != open_reward("rule:length=3", journal).identity


def test_several_rewards_are_the_heads_of_one():
    both = open_reward("rule:length, rule:keyword=please", MemoryJournal())
    assert isinstance(both, Together)
    assert both.heads == 2
    assert np.allclose(both.score([said("please go")]), [[0.02, 1]])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "empty name"),
        ("nonsense", "unknown"),
        ("rule:nothing", "no 'nothing'"),
        ("rule:keyword", "needs its word"),
        ("rule:length=x", "number of words"),
        ("rule:ended=1", "no argument"),
    ],
)
def test_specs_that_cannot_be_understood(spec, words):
    with pytest.raises(ConfigError, match=words):
        open_reward(spec, MemoryJournal())


def test_a_folder_without_a_reward_model(tmp_path):
    with pytest.raises(ModelError, match="holds no reward model"):
        open_reward(f"path:{tmp_path}", MemoryJournal())


def test_what_was_scored_is_not_scored_again():
    journal = MemoryJournal()
    reward = open_reward("rule:length", journal)
    answers = [Answer(chat=said("a b")), Answer(chat=said("a b c")), Answer(chat=said("a b"))]
    assert np.allclose(table(journal, scored(journal, reward, answers)), [[0.02], [0.03], [0.02]])
    reward.rule = lambda text, cut: 1 / 0
    assert np.allclose(table(journal, scored(journal, reward, answers[:1])), [[0.02]])
