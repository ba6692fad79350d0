"""The copies of degrade.py."""

import copy
from pathlib import Path
from typing import Any

import torch

from spiritlevel.backends._quiet import quiet
from spiritlevel.errors import ConfigError


def write(model: Any, folder: Path, how: str, strength: float, seed: int) -> str:
    """As degrade.write. ConfigError for a strength that leaves nothing."""
    module = copy.deepcopy(model.module)
    if how == "pruned":
        _prune(module, int(strength))
    else:
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, part in module.named_parameters():
                if part.dim() == 2 and "embed" not in name and "lm_head" not in name:
                    part.copy_(_rounded(part, int(strength)) if how == "quantised" else _noised(part, strength, random))
    with quiet():
        module.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)
    return f"path:{folder}"


def _prune(module: Any, count: int) -> None:
    """Leave out `count` blocks from the middle (Gromov et al. 2024 find late ones to matter least; the middle is simplest)."""
    blocks = module.model.layers
    if not 0 < count < len(blocks):
        raise ConfigError(f"{count} of {len(blocks)} blocks cannot be left out; leave out at least one, and not all")
    first = (len(blocks) - count) // 2
    kept = [block for place, block in enumerate(blocks) if not first <= place < first + count]
    for place, block in enumerate(kept):
        block.self_attn.layer_idx = place
    module.model.layers = torch.nn.ModuleList(kept)
    module.config.num_hidden_layers = len(kept)
    if getattr(module.config, "layer_types", None):
        module.config.layer_types = module.config.layer_types[: len(kept)]


def _rounded(part: torch.Tensor, bits: int) -> torch.Tensor:
    """Each row of a matrix rounded to 2 ** bits - 1 levels about 0."""
    most = 2 ** (bits - 1) - 1
    if most < 1:
        raise ConfigError(f"{bits} bits hold no weight; use at least 2")
    scale = part.float().abs().amax(1, keepdim=True).clamp(min=1e-12) / most
    return ((part.float() / scale).round() * scale).to(part.dtype)


def _noised(part: torch.Tensor, strength: float, random: torch.Generator) -> torch.Tensor:
    noise = torch.randn(part.shape, generator=random).to(part.device)
    return (part.float() + strength * float(part.float().std()) * noise).to(part.dtype)
