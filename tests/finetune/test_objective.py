import copy

import pytest
import torch

from spiritlevel.backends._rows import Row
from spiritlevel.finetune import _losses, _rollouts
from spiritlevel.finetune._objective import Step
from spiritlevel.finetune._rollouts import Rollout
from spiritlevel.finetune.policy import KlSettings, PolicySettings, RolloutSettings

PROMPTS = [(1, 5, 9, 11), (1, 5, 7)]
ANSWERS = [[(7, 12, 2), (11, 12, 13), (20, 2)], [(14, 2), (15, 16, 17), (18, 19, 2)]]
DRAWN = [Rollout(Row(p + a, len(p)), "", a[-1] != 2) for p, group in zip(PROMPTS, ANSWERS, strict=True) for a in group]
REWARDS = torch.tensor([[1.0, 0.0, 3.0], [0.5, 2.5, -1.0]])


def settings(algorithm):
    return PolicySettings(algorithm=algorithm, kl=KlSettings(beta=0.3), rollouts=RolloutSettings(samples=3, max_tokens=3))


def moved(model):
    """A copy some way off, whose gradients are on."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return other.requires_grad_(True)


def critic_of(model):
    torch.manual_seed(1)
    return torch.nn.Linear(model.config.hidden_size, 1)


def went(tiny, algorithm, family="llama"):
    reference = tiny(family)
    model = moved(reference)
    critic = critic_of(model) if algorithm == "ppo" else None
    step = Step(model, reference, critic, DRAWN, REWARDS, 0.3, settings(algorithm))
    loss = step.accumulate(backward=True)
    return step, loss, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("algorithm", ["rloo", "grpo", "dr_grpo", "ppo"])
@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_divided_group_teaches_the_same(tiny, algorithm, family, monkeypatch):
    whole = went(tiny, algorithm, family)
    monkeypatch.setattr(_rollouts, "MOST_PACKED", 8)
    monkeypatch.setattr(_rollouts, "PADDED_TOKENS", 8)
    parts = went(tiny, algorithm, family)
    assert len(parts[0].places) > len(whole[0].places) == 2
    assert parts[1] == pytest.approx(whole[1], abs=1e-5)
    torch.testing.assert_close(parts[0].kl, whole[0].kl, atol=1e-4, rtol=1e-4)
    for name, grad in whole[2].items():
        torch.testing.assert_close(parts[2][name], grad, atol=1e-5, rtol=1e-3)


def test_the_kl_is_of_whole_answers(tiny):
    reference = tiny()
    model = moved(reference)
    step = Step(model, reference, None, DRAWN, REWARDS, 0.3, settings("rloo"))
    step.accumulate(backward=False)
    for place, one in enumerate(DRAWN):
        ids = torch.tensor([one.row.ids])
        with torch.no_grad():
            ours, theirs = (m(input_ids=ids).logits[0].log_softmax(-1) for m in (model, reference))
        expected = sum((ours - theirs)[i - 1, one.row.ids[i]].item() for i in range(one.row.start, len(one.row.ids)))
        assert step.kl.view(-1)[place].item() == pytest.approx(expected, abs=1e-4)


def test_rloo_takes_the_kl_off_the_reward_and_grpo_does_not(tiny):
    rloo, grpo = went(tiny, "rloo")[0], went(tiny, "dr_grpo")[0]
    torch.testing.assert_close(rloo.advantages, _losses.rloo(REWARDS - 0.3 * rloo.kl))
    torch.testing.assert_close(grpo.advantages, _losses.grpo(REWARDS, scaled=False))


def test_ppo_gives_the_score_to_the_last_token_and_the_kl_to_each(tiny):
    step = went(tiny, "ppo")[0]
    j, first = 0, step.batches[0].counts[0]
    old, reference, values = step.old[j][:first], step.reference[j][:first], step.values[j][:first]
    rewards = -0.3 * (old - reference)
    rewards[-1] += REWARDS[0, 0]
    torch.testing.assert_close(step.by_token[j][:first], _losses.gae(rewards, values))
    # with lambda = gamma = 1 it would be all that comes after, less the value: the sums agree at the last token
    assert step.by_token[j][first - 1].item() == pytest.approx((rewards[-1] - values[-1]).item(), abs=1e-6)


@pytest.mark.parametrize("algorithm", ["rloo", "grpo", "ppo"])
def test_an_answer_without_a_score_teaches_nothing(tiny, algorithm):
    reference = tiny()
    rewards = REWARDS.clone()
    rewards[0, 1] = float("nan")
    grads = []
    for answer in ((11, 12, 13), (30, 31, 32)):
        model = moved(reference)
        drawn = [*DRAWN[:1], Rollout(Row(PROMPTS[0] + answer, 4), "", True), *DRAWN[2:]]
        critic = critic_of(model) if algorithm == "ppo" else None
        step = Step(model, reference, critic, drawn, rewards, 0.0, settings(algorithm))
        assert step.accumulate(backward=True) == step.accumulate(backward=False)
        grads.append(model.model.layers[0].mlp.up_proj.weight.grad)
    if algorithm == "ppo":  # whitening counts its tokens, and its values are held where they are
        assert torch.isfinite(grads[0]).all()
    else:
        torch.testing.assert_close(grads[0], grads[1], atol=1e-6, rtol=1e-4)
