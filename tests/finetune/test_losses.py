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
