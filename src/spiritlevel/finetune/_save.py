"""Saving a trained module."""

from pathlib import Path
from typing import Any, Literal

import torch


@torch.no_grad()
def save(module: Any, tokenizer: Any, folder: Path, dtype: Literal["float32", "bfloat16"]) -> None:
    """save_pretrained layout in `dtype`; tied weights stay tied and the module in hand is not changed."""
    number = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: t.to(number) if t.is_floating_point() else t for name, t in _untied(module).items()}
    before = module.config.dtype
    module.config.dtype = number
    try:
        module.save_pretrained(str(folder), state_dict=state)
    finally:
        module.config.dtype = before
    if tokenizer is not None:
        tokenizer.save_pretrained(str(folder))


def _untied(module: Any) -> dict[str, torch.Tensor]:
    """The state without second names of one tensor: casting would break the sharing that save_pretrained looks for."""
    seen: set[int] = set()
    out: dict[str, torch.Tensor] = {}
    for name, tensor in module.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            out[name] = tensor
        seen.add(tensor.data_ptr())
    return out
