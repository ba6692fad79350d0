"""Log-probabilities of label tokens: the one function under supervised training, preferences, KL and scoring.

The body runs on the batch; only the positions that predict a label go through the head; the log-softmax is float32.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spiritlevel.backends._rows import Batch, Row, collate, hidden
from spiritlevel.errors import ModelError

CHUNK = 64
"""Label positions whose float32 logits exist at once (49,152 tokens: 12.6 MB, which the allocator reuses)."""


def logps(model: Any, batch: Batch, *, float32_head: bool = False) -> Tensor:
    """Log-probability in nats of each label given all before it: (labels,) float32, differentiable.

    `float32_head` runs the head in float32 too: on bfloat16 weights it halves the noise that the shape of a batch makes.
    """
    return labelled(model, states(model, batch), batch.labels, float32_head=float32_head)


def states(model: Any, batch: Batch) -> Tensor:
    """The body's last hidden state where each label is predicted: (labels, width)."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return hidden(base.get_decoder(), base.config.get_text_config(), batch).index_select(0, batch.where)


def labelled(model: Any, picked: Tensor, labels: Tensor, *, float32_head: bool = False) -> Tensor:
    """`logps` from the hidden states that predict the labels."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = base.get_output_embeddings()
    if float32_head and isinstance(head, nn.Linear):
        with torch.autocast(picked.device.type, enabled=False):
            logits = nn.functional.linear(picked.float(), head.weight.float(), None if head.bias is None else head.bias.float())
    else:
        logits = head(picked)
    return _Picked.apply(_bent(logits, base.config.get_text_config()), labels)


def _bent(logits: Tensor, config: Any) -> Tensor:
    """What some families do after the head: Cohere and Granite scale, Gemma caps softly (Gemma 2 report, section 2)."""
    if getattr(config, "logit_scale", None):
        logits = logits * config.logit_scale
    if getattr(config, "logits_scaling", None):
        logits = logits / config.logits_scaling
    cap = getattr(config, "final_logit_softcapping", None)
    return torch.tanh(logits / cap) * cap if cap else logits


class _Picked(torch.autograd.Function):  # type: ignore[misc,unused-ignore]
    """log_softmax(logits.float())[labels], some rows at a time: no float32 copy of all logits is ever made or kept."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        norm = torch.cat([torch.logsumexp(part.float(), dim=-1) for part in logits.split(CHUNK)])
        ctx.save_for_backward(logits, labels, norm)
        return logits.gather(-1, labels[:, None]).squeeze(-1).float() - norm

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logits, labels, norm = ctx.saved_tensors
        out = torch.empty_like(logits)
        for at in range(0, len(logits), CHUNK):
            rows = slice(at, at + CHUNK)
            grad = grads[0][rows, None]
            part = (logits[rows].float() - norm[rows, None]).exp_().mul_(-grad)
            out[rows] = part.scatter_add_(-1, labels[rows, None], grad)
        return out, None


def sequence_logps(flat: Tensor, counts: Sequence[int]) -> Tensor:
    """Sum of each row's label log-probabilities: (rows,). Summed row by row, so equal on every device and run."""
    return torch.stack([part.sum() for part in flat.split(list(counts))])


def check_head(model: Any, row: Row, tolerance: float = 1e-3) -> None:
    """ModelError when `logps` and the model's own forward disagree on one row: its head does something we do not know."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    batch = collate([row], device=next(base.parameters()).device)
    with torch.no_grad():
        own = base(input_ids=batch.ids, attention_mask=batch.attention, use_cache=False).logits[0].float().log_softmax(-1)
        off = (own[batch.where, batch.labels] - logps(base, batch)).abs().max().item()
    if not off <= tolerance:
        raise ModelError(
            f"The model of type {base.config.model_type!r} computes its logits in a way that training does not know "
            f"(off by {off:.2g} nats); use a Llama, Qwen, Gemma, Mistral or Phi model."
        )
