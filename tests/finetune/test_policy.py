"""Policy optimisation end to end on tiny models."""

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune.policy import KlSettings, PolicySettings, RolloutSettings, optimise
from spiritlevel.types import Instrument, PolicyPoint, content_hash, user

PROMPTS = [user(text) for text in ("the of", "and to", "in is", "that you")]
SMALL = RolloutSettings(prompts=4, samples=4, max_tokens=12)
WIDE = RolloutSettings(prompts=4, samples=8, max_tokens=12)


class Told:
    """A reward that is any function of the answers' texts."""

    heads = 1

    def __init__(self, tell, name="told", heads=1):
        self.tell, self.heads, self.identity = tell, heads, Instrument(id=content_hash(name), name=name)
        self.calls = 0

    def score(self, chats, truncated=None):
        self.calls += 1
        found = np.asarray([self.tell(chat[-1].content) for chat in chats], dtype=np.float32)
        return found.reshape(len(chats), self.heads)


def letters(text):
    """Share of the letter e: something that a tiny model can learn to write more of."""
    return 10 * text.count("e") / max(len(text), 1)


def settings(**changes):
    return PolicySettings(**{"steps": 3, "lr": 3e-3, "rollouts": SMALL, "checkpoint_every": 1, **changes})


def went(journal, found):
    return journal.rows(found.curve, PolicyPoint)


@pytest.fixture(scope="module")
def ref():
    return backends.resolve("tiny:llama")


@pytest.mark.parametrize("algorithm", ["rloo", "grpo", "dr_grpo", "ppo"])
def test_what_is_rewarded_becomes_more(ref, algorithm):
    journal = MemoryJournal()
    how = settings(algorithm=algorithm, steps=12, lr=2e-3, checkpoint_every=12, kl=KlSettings(beta=0.0), rollouts=WIDE)
    found = optimise(journal, ref, PROMPTS, Told(letters), how)
    points = went(journal, found)
    assert found.stopped == ""
    assert [p.step for p in points] == list(range(13))
    assert np.mean([p.reward for p in points[-3:]]) > np.mean([p.reward for p in points[:3]]) + 0.1
    assert points[0].kl == 0 == points[0].kl_low == points[0].kl_high  # same weights, same shapes: no noise is left
    assert points[-1].kl > 0.2
