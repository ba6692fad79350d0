"""Float32 master weights under a bfloat16 working copy.

In bfloat16 alone an update below 2^-9 of a weight is lost; at a learning rate of 1e-5 that is nearly all of them. So the
optimiser moves float32 masters, gradients add up in float32, and the module computes with a rounded copy, refreshed each step.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

Precision = Literal["float32", "bfloat16"]


class Masters:
    """The trainable weights as the optimiser sees them; `names` align with `params`."""

    def __init__(self, names: list[str], params: list[nn.Parameter], working: list[nn.Parameter]) -> None:
        self.names, self.params, self._working = names, params, working

    def refresh(self) -> None:
        """Round the masters into the working copy (nothing to do in float32)."""
        pairs = [(w.data, p.data) for w, p in zip(self._working, self.params, strict=True) if w is not p]
        if pairs:
            torch._foreach_copy_([w for w, _ in pairs], [p for _, p in pairs])


@contextmanager
def masters(module: Any, precision: Precision) -> Iterator[Masters]:
    """Lend the module out in `precision`; on leaving, it holds the float32 masters again, also after an error."""
    trainable = {name: p for name, p in module.named_parameters() if p.requires_grad}
    for p in module.parameters():
        if p.is_floating_point():
            p.data = p.data.float()
    if precision == "float32":
        try:
            yield Masters(list(trainable), list(trainable.values()), list(trainable.values()))
        finally:
            for p in trainable.values():
                p.grad = None
        return
    whole = [(p, p.data) for p in module.parameters() if p.is_floating_point()]
    hooks = []
    copies: list[nn.Parameter] = []
    for p in trainable.values():
        master = nn.Parameter(p.data)
        copies.append(master)
        hooks.append(p.register_post_accumulate_grad_hook(_hand_over(master)))
    try:
        for p, data in whole:
            p.data = data.bfloat16()
        yield Masters(list(trainable), copies, list(trainable.values()))
    finally:
        for hook in hooks:
            hook.remove()
        for p, data in whole:
            p.grad = None
            p.data = data


def _hand_over(master: nn.Parameter) -> Any:
    """Move a finished gradient to its master, in float32, and free the bfloat16 one; the float32 memory is kept from step to step.

    It is taken before the first activation, for what lives long among what lives short keeps a C heap from being used again.
    """
    kept = torch.zeros_like(master)

    def hook(working: Tensor) -> None:
        grad = working.grad
        if grad is None:
            return
        if master.grad is not None:
            master.grad.add_(grad)
        else:
            master.grad = kept.copy_(grad)
        working.grad = None

    return hook


def adamw(params: Iterable[Any], lr: float) -> torch.optim.AdamW:
    """AdamW without weight decay, over parameters or groups of them. Its moments are there from the start, as the gradients' memory is."""
    optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    for group in optimizer.param_groups:
        group["fused"] = all(p.device.type in ("cpu", "cuda") for p in group["params"])
        for p in group["params"]:
            step = torch.zeros((), dtype=torch.float32, device=p.device if group["fused"] else "cpu")
            optimizer.state[p] = {"step": step, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
    return optimizer
