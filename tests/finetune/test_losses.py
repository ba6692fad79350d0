import pytest
import torch

from spiritlevel.finetune import _losses

C, R, RC, RR = (torch.tensor([x]) for x in (-1.0, -3.0, -2.0, -2.0))


def test_sft_is_the_mean_over_labels_alone():
    logps = torch.tensor([[-1.0, -2.0], [-3.0, -9.0]])
    assert _losses.sft(logps, torch.tensor([[1.0, 0.0], [1.0, 0.0]])).item() == pytest.approx(2.0)
    assert _losses.sft(torch.tensor([-1.0, -3.0])).item() == pytest.approx(2.0)


def test_dpo_by_hand():
    # h = (-1 + 2) - (-3 + 2) = 2; -log sigmoid(0.5 * 2) = log(1 + 1/e)
    assert _losses.margin(C, R, RC, RR).item() == pytest.approx(2.0)
    assert _losses.dpo(C, R, RC, RR, 0.5).item() == pytest.approx(0.3132617)
    assert _losses.dpo(C, R, RC, RR, 0.5, 0.1).item() == pytest.approx(0.9 * 0.3132617 + 0.1 * 1.3132617)


def test_dpo_starts_at_log_two_whatever_beta():
    assert _losses.dpo(C, R, C, R, 0.7).item() == pytest.approx(0.6931472)


def test_dpo_pushes_by_beta_times_the_chance_of_a_wrong_order():
    # Rafailov 2023, section 4: the gradient's weight is beta * sigmoid(-beta h)
    chosen = C.clone().requires_grad_()
    _losses.dpo(chosen, R, RC, RR, 0.5).sum().backward()
    assert chosen.grad is not None
    assert chosen.grad.item() == pytest.approx(-0.5 * 0.2689414, rel=1e-5)


def test_smoothing_may_differ_by_pair():
    twice = [x.repeat(2) for x in (C, R, RC, RR)]
    mixed = _losses.dpo(*twice, 0.5, torch.tensor([0.0, 0.5]))
    assert mixed.tolist() == pytest.approx([0.3132617, 0.8132617])


def test_ipo_and_per_token_by_hand():
    assert _losses.ipo(C, R, RC, RR, 0.5).item() == pytest.approx(1.0)
    assert _losses.per_token(torch.tensor([-6.0, -5.0]), torch.tensor([3, 5])).tolist() == [-2.0, -1.0]


def test_rpo_adds_weighted_likelihood():
    assert _losses.rpo(torch.tensor([0.2, 0.4]), torch.tensor(2.0), 0.5).item() == pytest.approx(1.3)


NAN = float("nan")


def test_rloo_holds_each_answer_against_the_mean_of_the_others():
    # 3 - (1 + 2) / 2, 1 - (3 + 2) / 2, 2 - (3 + 1) / 2
    assert _losses.rloo(torch.tensor([[3.0, 1.0, 2.0]])).tolist() == [[1.5, -1.5, 0.0]]


def test_an_answer_without_a_score_is_in_no_baseline():
    assert _losses.rloo(torch.tensor([[3.0, NAN, 1.0], [5.0, NAN, NAN]])).tolist() == [[2.0, 0.0, -2.0], [0.0, 0.0, 0.0]]
    assert _losses.grpo(torch.tensor([[3.0, NAN, 1.0]]), scaled=False).tolist() == [[1.0, 0.0, -1.0]]


def test_grpo_divides_by_the_spread_of_the_group_and_dr_grpo_does_not():
    rewards = torch.tensor([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]])
    assert _losses.grpo(rewards)[0].tolist() == pytest.approx([-1.0, 0.0, 1.0], abs=2e-4)  # the sample's deviation is 1
    assert _losses.grpo(rewards)[1].tolist() == [0.0, 0.0, 0.0]
    assert _losses.grpo(rewards, scaled=False)[0].tolist() == [-1.0, 0.0, 1.0]
    # Liu 2025: without the division GRPO is RLOO but for k / (k - 1)
    assert (_losses.grpo(rewards, scaled=False) * 1.5).tolist() == _losses.rloo(rewards).tolist()


def test_the_clipped_ratio_by_hand():
    # ratio 1.5: a good answer earns 1.2 of it at most, a bad one pays all of it; ratio 0.5 the other way round
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5]).log()
    found = _losses.clipped(ratio, torch.zeros(4), torch.tensor([2.0, -2.0, 2.0, -2.0]))
    assert found.tolist() == pytest.approx([-2.4, 3.0, -1.0, 1.6])


def test_at_ratio_one_the_clipped_gradient_is_reinforce():
    logps, advantages = torch.tensor([-1.0, -2.0], requires_grad=True), torch.tensor([0.5, -3.0])
    one = torch.autograd.grad(_losses.clipped(logps, logps.detach(), advantages).sum(), logps)[0]
    other = torch.autograd.grad(_losses.reinforce(logps, advantages).sum(), logps)[0]
    assert one.tolist() == other.tolist() == [-0.5, 3.0]


def test_gae_by_hand():
    # deltas with gamma 0.5: 1 + 0.5*2 - 1 = 1 and 3 - 2 = 1; with lambda 0.5 the first is 1 + 0.25 * 1
    rewards, values = torch.tensor([1.0, 3.0]), torch.tensor([1.0, 2.0])
    assert _losses.gae(rewards, values, 0.5, 0.5).tolist() == [1.25, 1.0]
    # lambda 1, gamma 1: return minus value (Schulman 2016, eq. 18); lambda 0: the one-step error (eq. 17)
    assert _losses.gae(rewards, values, 1.0, 1.0).tolist() == [3.0, 1.0]
    assert _losses.gae(rewards, values, 1.0, 0.0).tolist() == [2.0, 1.0]


def test_the_value_loss_is_the_worse_of_clipped_and_not():
    # from 0 to 1 with the return at 1: unclipped 0, clipped (0.2 - 1)^2 / 2; away from it: unclipped is the worse
    found = _losses.value(torch.tensor([1.0, -1.0]), torch.zeros(2), torch.ones(2))
    assert found.tolist() == pytest.approx([0.32, 2.0])


def test_k1_and_k3_estimate_the_same_divergence():
    p, q = torch.tensor([0.6, 0.3, 0.1]), torch.tensor([0.2, 0.3, 0.5])
    true = (p * (p / q).log()).sum().item()
    for estimate in (_losses.k1, _losses.k3):
        assert (p * estimate(p.log(), q.log())).sum().item() == pytest.approx(true)
    assert _losses.k3(p.log(), q.log()).min() >= 0
    assert _losses.k1(p.log(), q.log()).min() < 0
    # with exp(x) - 1 in place of expm1 this small one would be rounded to zero or below
    assert _losses.k3(torch.tensor(-1.0), torch.tensor(-1.0 + 1e-3)).item() == pytest.approx(5e-7, rel=0.05)


def test_the_kl_weight_follows_its_target():
    assert _losses.adapted(0.5, 10.0, 1.0) == pytest.approx(0.51)
    assert _losses.adapted(0.5, 0.9, 1.0) == pytest.approx(0.495)
    assert _losses.adapted(0.5, -3.0, 1.0) == pytest.approx(0.49)
