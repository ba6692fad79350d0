"""Losses as pure functions of log-probabilities in nats. None knows of models, tokens or padding."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def sft(logps: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean negative log-likelihood per label token: -sum(m_t log p_t) / sum(m_t). Scalar; `mask` None = all are labels."""
    if mask is None:
        return -logps.mean()
    return -(logps * mask).sum() / mask.sum()


def margin(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor) -> Tensor:
    """Per pair h = log(pi/ref)(y_w) - log(pi/ref)(y_l), in nats; beta h is the implicit reward margin (Rafailov 2023, eq. 5)."""
    return (chosen - ref_chosen) - (rejected - ref_rejected)


def dpo(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    beta: float,
    label_smoothing: float | Tensor = 0.0,
) -> Tensor:
    """Per pair -(1-e) log s(beta h) - e log s(-beta h): Rafailov 2023, eq. 7; e as in conservative DPO (Mitchell 2023, eq. 3).

    Inputs are (pairs,) sequence log-probabilities: sums, or means per token (see `per_token`) for the length-normalised form.
    """
    scaled = beta * margin(chosen, rejected, ref_chosen, ref_rejected)
    return -(1 - label_smoothing) * logsigmoid(scaled) - label_smoothing * logsigmoid(-scaled)


def ipo(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float) -> Tensor:
    """Per pair (h - 1/(2 beta))^2: Azar 2023, eq. 17. Usually on means per token."""
    return (margin(chosen, rejected, ref_chosen, ref_rejected) - 1 / (2 * beta)) ** 2


def per_token(sequence_logps: Tensor, counts: Tensor) -> Tensor:
    """Mean log-probability per label: removes DPO's pull towards length (Meng 2024, SimPO, section 2.2; Lambert 2024, Tulu 3)."""
    return sequence_logps / counts.clamp(min=1)


def rpo(dpo_losses: Tensor, chosen_nll: Tensor, weight: float) -> Tensor:
    """Scalar mean DPO loss + weight * mean chosen NLL per token: Pang 2024 (iterative RPO), eq. 1, normalised per token."""
    return torch.mean(dpo_losses) + weight * chosen_nll


def rloo(rewards: Tensor) -> Tensor:
    """(prompts, k) rewards to advantages r_i - mean of the others': Kool 2019, section 3; Ahmadian 2024, section 2.2 (RLOO).

    NaN rewards (not scored) are in no baseline and get advantage 0, as does an answer without scored siblings.
    """
    scored = ~rewards.isnan()
    others = scored.sum(1, keepdim=True) - 1
    return (rewards - (rewards.nansum(1, keepdim=True) - rewards) / others).nan_to_num(0.0, 0.0, 0.0)


def grpo(rewards: Tensor, *, scaled: bool = True) -> Tensor:
    """(prompts, k) rewards to (r_i - mean) / (std + 1e-4): Shao 2024, section 4.1.2; unscaled: Dr. GRPO (Liu 2025, section 3.2).

    The standard deviation is the sample's (k - 1). NaN rewards as in `rloo`.
    """
    centred = rewards - rewards.nanmean(1, keepdim=True)
    if scaled:
        free = ((~rewards.isnan()).sum(1, keepdim=True) - 1).clamp(min=1)
        centred = centred / ((centred.square().nansum(1, keepdim=True) / free).sqrt() + 1e-4)
    return centred.nan_to_num(0.0, 0.0, 0.0)


def reinforce(logps: Tensor, advantages: Tensor) -> Tensor:
    """Elementwise -A log p, whose gradient is the policy gradient: Williams 1992, eq. 11."""
    return -advantages * logps


def clipped(logps: Tensor, old: Tensor, advantages: Tensor, epsilon: float = 0.2) -> Tensor:
    """Elementwise -min(r A, clip(r, 1 - e, 1 + e) A), r = exp(log p - log p_old): Schulman 2017 (PPO), eq. 7.

    On tokens for PPO and GRPO, on whole answers for RLOO. Where r = 1 its gradient is `reinforce`'s.
    """
    ratio = torch.exp(logps - old)
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - epsilon, 1 + epsilon) * advantages)


def gae(rewards: Tensor, values: Tensor, gamma: float = 1.0, lam: float = 0.95) -> Tensor:
    """(tokens,) advantages of one answer, sum of (gamma lam)^l delta_{t+l}: Schulman 2016 (GAE), eq. 16; the value after the end is 0."""
    out, ahead, after = torch.zeros_like(values), 0.0, 0.0
    for t in range(len(values) - 1, -1, -1):
        ahead = rewards[t] + gamma * after - values[t] + gamma * lam * ahead
        out[t], after = ahead, values[t]
    return out


def value(values: Tensor, old: Tensor, returns: Tensor, epsilon: float = 0.2) -> Tensor:
    """Elementwise max((v - R)^2, (v_old + clip(v - v_old, -e, e) - R)^2) / 2: the clipped value loss of PPO's own code.

    Schulman 2017's text (eq. 9) has the square alone; Engstrom 2020, section 3, writes down the clipped one.
    """
    near = old + (values - old).clamp(-epsilon, epsilon)
    return torch.maximum((values - returns).square(), (near - returns).square()) / 2


def k1(logps: Tensor, reference: Tensor) -> Tensor:
    """Elementwise log p - log p_ref on samples of p: unbiased for the KL in nats, of any sign (Schulman 2020, approximating KL)."""
    return logps - reference


def k3(logps: Tensor, reference: Tensor) -> Tensor:
    """Elementwise (q - 1) - log q, q = p_ref / p: unbiased too, never negative, less noisy (Schulman 2020); Shao 2024, eq. 4."""
    gap = reference - logps
    return torch.expm1(gap) - gap


def adapted(beta: float, kl: float, target: float) -> float:
    """The next KL weight, so that the KL tends to `target`: Ziegler 2019, section 2.2, with its gain of 0.1 and errors cut at 0.2."""
    return beta * (1 + 0.1 * min(0.2, max(-0.2, kl / target - 1)))


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: float | Tensor = 0.0, sure: float | Tensor = 1.0) -> Tensor:
    """Per pair -p log s(r_w - r_l - m) - (1-p) log s(r_l - r_w - m): Bradley-Terry with a soft label p and a margin m.

    Ouyang 2022, eq. 1; the margin as in Touvron 2023 (Llama 2), eq. 2. Inputs broadcast.
    """
    apart = chosen - rejected
    return -sure * logsigmoid(apart - margin) - (1 - sure) * logsigmoid(-apart - margin)


def centring(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Per pair (r_w + r_l)^2: holds scores about 0, which Bradley-Terry leaves free (Eisenstein 2023, eq. 2)."""
    return (chosen + rejected) ** 2
