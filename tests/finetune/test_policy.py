"""Policy optimisation end to end on tiny models."""

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.errors import DataError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune import _policy
from spiritlevel.finetune.policy import KlSettings, PolicySettings, RolloutSettings, ScoringSettings, optimise
from spiritlevel.lineage import read
from spiritlevel.types import Instrument, PolicyPoint, Prompt, Side, content_hash, user

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


def test_a_reward_that_is_no_number(ref):
    with pytest.raises(DataError, match="'told' gave no number for 16 of 16 answers at step 0"):
        optimise(MemoryJournal(), ref, PROMPTS, Told(lambda text: float("nan")), settings())
    told = Told(lambda text: letters(text) if told.calls < 3 else float("nan"))
    journal = MemoryJournal()
    found = optimise(journal, ref, PROMPTS, told, settings(steps=6))
    assert "gave no number for 16 of 16 answers at step 2" in found.stopped
    assert [c.step for c in found.checkpoints] == [0, 1, 2]
    assert found.ref == found.checkpoints[1].ref  # what step 2 is worth nobody could say
    assert np.isnan(went(journal, found)[-1].reward)


def test_a_reward_that_is_constant_is_named_in_time(ref):
    journal = MemoryJournal()
    found = optimise(journal, ref, PROMPTS, Told(lambda text: 1.0), settings(steps=20, kl=KlSettings(beta=0.0)))
    assert "was the same for all answers to each prompt over 5 steps up to step 4" in found.stopped
    assert found.ref == found.checkpoints[3].ref
    # without a difference of reward nothing has moved
    assert {c.ref.weights for c in found.checkpoints} == {ref.weights}


def test_a_policy_that_collapses_keeps_its_last_good_checkpoint(ref):
    journal = MemoryJournal()
    found = optimise(journal, ref, PROMPTS, Told(letters), settings(steps=40, lr=1e-2, kl=KlSettings(beta=0.0), rollouts=WIDE))
    assert "The policy collapsed at step" in found.stopped
    last = went(journal, found)[-1].step
    assert found.ref == found.checkpoints[last - 1].ref != found.checkpoints[last].ref


def test_a_loss_that_is_no_number(ref):
    journal = MemoryJournal()
    found = optimise(journal, ref, PROMPTS, Told(letters), settings(steps=6, lr=1e30))
    assert found.stopped
    assert found.ref.weights == ref.weights or found.ref in [c.ref for c in found.checkpoints]
    assert found.ref == ref


def test_over_its_budget_the_run_ends_within_it(ref):
    journal = MemoryJournal()
    kl = KlSettings(beta=0.0, budget=2.0)
    found = optimise(journal, ref, PROMPTS, Told(letters), settings(steps=30, kl=kl))
    points = went(journal, found)
    assert "over its budget of 2." in found.stopped
    assert points[-1].kl > 2
    assert found.ref == found.checkpoints[points[-2].step].ref
    assert points[-2].kl <= 2


def test_a_budget_may_steer_beta_instead(ref):
    def end(control):
        journal = MemoryJournal()
        kl = KlSettings(beta=0.3, budget=0.01, control=control)
        found = optimise(journal, ref, PROMPTS, Told(letters), settings(steps=10, kl=kl, checkpoint_every=10))
        return found, went(journal, found)[-1]

    found, last = end("adapt")
    assert found.stopped == ""
    assert last.step == 10


def test_what_is_logged_is_not_trained_on(ref):
    journal = MemoryJournal()
    plain = optimise(MemoryJournal(), ref, PROMPTS, Told(letters), settings())
    found = optimise(journal, ref, PROMPTS, Told(letters), settings(), logged=[Told(len, "length")])
    assert found.ref.weights == plain.ref.weights
    assert [name for name, _ in went(journal, found)[0].scores] == ["length"]
    assert went(journal, found)[0].scores[0][1] > 5
    assert "judge:" + content_hash("length") not in {use.atom for use in journal.uses}


def test_heads_are_aggregated(ref):
    def went_with(how):
        journal = MemoryJournal()
        told = Told(lambda text: [letters(text), letters(text) - 3], heads=2)
        found = optimise(journal, ref, PROMPTS, told, settings(steps=1, scoring=ScoringSettings(aggregate=how)))
        return went(journal, found)[0].reward

    assert went_with("mean") - went_with("worst") == pytest.approx(1.5, abs=1e-5)
    assert went_with("mean") - went_with("uncertainty") == pytest.approx(0.5 * 2.25, abs=1e-5)


def test_a_penalty_for_cut_answers_is_taught_and_not_reported(ref, monkeypatch):
    taught, real = [], _policy.Step

    def spy(*given):
        taught.append((given[3], given[4]))
        return real(*given)

    monkeypatch.setattr(_policy, "Step", spy)
    journal = MemoryJournal()
    how = settings(scoring=ScoringSettings(cut_penalty=3.0), rollouts=RolloutSettings(prompts=4, samples=8, max_tokens=48))
    found = optimise(journal, ref, PROMPTS, Told(lambda text: 1.0), how)
    assert {p.reward for p in went(journal, found)} == {1.0}
    drawn, rewards = taught[0]
    assert 0 < sum(one.cut for one in drawn) < len(drawn)
    assert rewards.view(-1).tolist() == [1.0 - 3.0 * one.cut for one in drawn]
    assert found.ref.weights != ref.weights


def test_only_the_teach_side_is_seen(ref):
    with pytest.raises(DataError, match="'open' side"):
        optimise(MemoryJournal(), ref, [Prompt(id="1", text="a", goal="a", principle="")], Told(letters), settings())
    with pytest.raises(DataError, match="no prompts"):
        optimise(MemoryJournal(), ref, [], Told(letters), settings())


def test_checkpoints_owe_themselves_to_prompts_and_reward(ref):
    journal = MemoryJournal()
    told = Told(letters)
    prompt = Prompt(id="1", text="the of", goal="the of", principle="", cluster="c1", side=Side.TEACH)
    found = optimise(journal, ref, [prompt], told, settings())
    assert {"cluster:c1", f"judge:{told.identity.id}"} <= {use.atom for use in found.lineage.uses}
    assert {use.model for use in found.lineage.uses} == {found.ref.weights}
    assert [c.step for c in found.checkpoints] == [0, 1, 2, 3]
    assert found.checkpoints[0].ref == ref
    for one in found.checkpoints[1:]:
        beside = read(journal.path(one.ref.spec.removeprefix("blob:")))
        assert beside == journal.lineage(one.ref.weights)
        assert beside.judges == (told.identity,)
        assert beside.parents == (ref.key,)
    assert {use.atom for use in journal.uses} >= {"cluster:c1", f"judge:{told.identity.id}"}


class Killed(BaseException):
    """As near to a SIGKILL as one process comes: nothing may catch it and tidy up."""


@pytest.mark.parametrize("changes", [{}, {"algorithm": "ppo"}, {"lora_rank": 2, "lr": 1e-2}, {"algorithm": "grpo", "epochs": 2}], ids=str)
@pytest.mark.parametrize("at", [1, 4])
def test_a_run_that_was_killed_goes_on_to_the_bit(ref, changes, at, monkeypatch):
    monkeypatch.setattr(_policy, "SAVE_EVERY", 2)
    how = settings(**{"steps": 5, "checkpoint_every": 3, **changes})
    whole, journal = MemoryJournal(), MemoryJournal()
    left_alone = optimise(whole, ref, PROMPTS, Told(letters), how)
    real, told = _policy._Loop._update, []

    def dies(self, loss):
        if self.way.step == at and not told:
            told.append(at)
            raise Killed
        return real(self, loss)

    monkeypatch.setattr(_policy._Loop, "_update", dies)
    with pytest.raises(Killed):
        optimise(journal, ref, PROMPTS, Told(letters), how)
    monkeypatch.setattr(_policy._Loop, "_update", real)
    began = []
    monkeypatch.setattr(
        _policy._Loop, "step", lambda self, learn, real=_policy._Loop.step: began.append(self.way.step) or real(self, learn=learn)
    )
    resumed = optimise(journal, ref, PROMPTS, Told(letters), how)
    assert began[0] == (0 if at == 1 else 4)
    assert resumed == left_alone
    assert went(journal, resumed) == went(whole, left_alone)


def test_adapters_leave_the_reference_as_it_was_and_answer_as_they_score(ref):
    journal = MemoryJournal()
    found = optimise(journal, ref, PROMPTS, Told(letters), settings(lora_rank=4, lr=3e-2, steps=4, kl=KlSettings(beta=0.0)))
    points = went(journal, found)
    assert points[0].kl == 0
    assert points[-1].kl > 0.1
    before, after = (backends.open_weights(one, journal).module.state_dict() for one in (ref, found.ref))
    changed = {name for name in before if not before[name].bfloat16().equal(after[name].bfloat16())}  # as checkpoints are saved
    assert changed
    assert all(name.split(".")[-2].endswith("_proj") for name in changed)


def test_a_family_that_cannot_be_packed(ref):
    journal = MemoryJournal()
    found = optimise(journal, backends.resolve("tiny:gemma2"), PROMPTS, Told(letters), settings())
    assert found.stopped == ""
    assert went(journal, found)[-1].kl > 0


@pytest.mark.parametrize("rank", [None, 4])
def test_in_bfloat16_policy_and_reference_begin_equal_to_the_bit(rank):
    journal, half = MemoryJournal(), backends.resolve("tiny:llama", dtype="bfloat16")
    found = optimise(journal, half, PROMPTS, Told(letters), settings(steps=1, lora_rank=rank))
    first = went(journal, found)[0]
    assert (first.kl, first.kl_low, first.kl_high) == (0, 0, 0)
    assert found.kl_floor > 1e-4  # other shapes do show the format's noise
