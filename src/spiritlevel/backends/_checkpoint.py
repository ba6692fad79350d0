"""Saving a trained module."""

from pathlib import Path
from typing import Any, Literal

import torch

from spiritlevel.backends._quiet import quiet


def save(module: Any, tokenizer: Any, folder: Path, dtype: Literal["float32", "bfloat16"]) -> None:
    """save_pretrained layout in `dtype` (safetensors); the module in hand ends as it was, bit for bit."""
    number = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    kept = [(t, t.data) for t in module.parameters() if t.is_floating_point()]
    before = module.config.dtype
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for tensor, data in kept:
            tensor.data = data.to(number)
        with quiet():
            module.save_pretrained(str(folder))
    finally:
        for tensor, data in kept:
            tensor.data = data
        module.config.dtype = before
    if tokenizer is not None:
        tokenizer.save_pretrained(str(folder))
