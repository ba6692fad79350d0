import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.finetune import confidence, soft


def test_the_weight_rises_over_the_first_fifth_and_stays():
    assert [confidence.weight(done, 0.75) for done in (0, 0.05, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.1875, 0.375, 0.75, 0.75, 0.75])


def test_the_threshold_leaves_the_share_above_it():
    assert confidence.threshold([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert confidence.threshold([4.0, 1.0, 3.0, 2.0], 0.25) == 3.5
    assert confidence.threshold([4.0, 1.0, 3.0, 2.0], 0.0) == 4.0
    assert confidence.threshold([4.0, 1.0], 1.0) == -math.inf


@examples(50)
@given(st.lists(st.floats(-20, 20), min_size=1, max_size=30, unique=True), st.floats(0, 1))
def test_as_many_lie_above_as_were_asked_for(scores, share):
    above = sum(s > confidence.threshold(scores, share) for s in scores)
    assert above == round(share * len(scores))


def test_the_loss_is_burns_equation_1():
    z, weak, a = np.log([3.0, 1 / 3]), np.array([0.25, 0.5]), 0.4
    # f = (3/4, 1/4); one of two lies above the threshold, as near as the weak labels' share of 3/8 can be met
    taught = np.mean([-0.25 * math.log(0.75) - 0.75 * math.log(0.25), -0.5 * math.log(0.25) - 0.5 * math.log(0.75)])
    own = np.mean([-math.log(0.75), -math.log(0.75)])
    assert confidence.loss(z, weak, a, 0.375) == pytest.approx(0.6 * taught + 0.4 * own)
    assert confidence.loss(z, weak, 0.0, 0.375) == pytest.approx(taught)
    assert confidence.loss(z, weak, 1.0, 0.375) == pytest.approx(own)


def test_the_blend_has_the_gradient_of_the_two_losses():
    z = torch.tensor([1.5, -0.3, 0.2, -2.0], dtype=torch.float64, requires_grad=True)
    weak, a = torch.tensor([0.2, 0.7, 0.9, 0.4], dtype=torch.float64), 0.6
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    cut = confidence.threshold(z.detach().numpy(), 0.5)
    goal = torch.from_numpy(confidence.blended(z.detach().numpy(), weak.numpy(), cut, a))
    (one,) = torch.autograd.grad(bce(z, goal), z)
    (two,) = torch.autograd.grad((1 - a) * bce(z, weak) + a * bce(z, (z > cut).double()), z)
    assert torch.allclose(one, two)


def test_a_head_on_hard_labels_is_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5))
    y = x @ [1.0, -2, 0, 0, 0.5] + rng.normal(size=80) > 0
    known = LogisticRegression(C=0.3, tol=1e-10, max_iter=1000).fit(x, y)
    found = soft.fit(x, y.astype(float), 0.3)
    assert found == pytest.approx([*known.coef_[0], known.intercept_[0]], abs=1e-3)


def test_a_head_meets_soft_labels():
    x = np.repeat([[0.0], [1.0]], 200, axis=0)
    theta = soft.fit(x, np.repeat([0.2, 0.9], 200), 1e6)
    assert soft.probabilities(np.array([[0.0], [1.0]]), theta) == pytest.approx([0.2, 0.9], abs=1e-3)


def test_strength_is_chosen_on_whole_groups_that_are_held_out():
    rng = np.random.default_rng(1)
    groups = [f"g{i // 8}" for i in range(160)]
    own = np.repeat(np.eye(20), 8, axis=0)  # a feature for each group: it tells all there and nothing elsewhere
    labels = np.repeat(rng.random(20) > 0.5, 8).astype(float)
    assert soft.strength(own, labels, groups, (0.001, 100.0), 0) == 0.001
    true = np.column_stack([own, 4 * labels])
    assert soft.strength(true, labels, groups, (0.001, 100.0), 0) == 100.0


def test_the_confidence_loss_takes_a_head_away_from_doubt():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 4))
    weak = np.where(rng.random(300) < 0.7, x[:, 0] > 0, x[:, 0] <= 0) * 0.6 + 0.2
    plain, own = soft.fit(x, weak, 1.0), soft.sure(x, weak, 1.0, 0.75)
    share = float(weak.mean())
    assert np.abs(soft.scores(x, own)).mean() > 1.5 * np.abs(soft.scores(x, plain)).mean()
    assert confidence.loss(soft.scores(x, own), weak, 0.75, share) < confidence.loss(soft.scores(x, plain), weak, 0.75, share)
    assert np.allclose(soft.sure(x, weak, 1.0, 0.0), plain, atol=1e-3)
