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


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: float | Tensor = 0.0, sure: float | Tensor = 1.0) -> Tensor:
    """Per pair -p log s(r_w - r_l - m) - (1-p) log s(r_l - r_w - m): Bradley-Terry with a soft label p and a margin m.

    Ouyang 2022, eq. 1; the margin as in Touvron 2023 (Llama 2), eq. 2. Inputs broadcast.
    """
    apart = chosen - rejected
    return -sure * logsigmoid(apart - margin) - (1 - sure) * logsigmoid(-apart - margin)


def centring(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Per pair (r_w + r_l)^2: holds scores about 0, which Bradley-Terry leaves free (Eisenstein 2023, eq. 2)."""
    return (chosen + rejected) ** 2
