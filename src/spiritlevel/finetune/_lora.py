"""Low-rank adapters (Hu 2021) through peft: attached to every linear layer, trained, merged back into the same module."""

import warnings
from pathlib import Path
from typing import Any

import torch


def attach(module: Any, rank: int, seed: int, task: str | None = "CAUSAL_LM") -> Any:
    """A peft model around `module`: rank `rank` on all linear layers but the head, alpha = 2 rank, seeded. It starts as a no-op.

    Adapters take the module's own number format (peft's default is float32, slower on a CPU); `masters` keeps them in float32.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", bias="none", task_type=task)
    # peft asks transformers for a name that it has deprecated
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.manual_seed(seed)
        return get_peft_model(module, config, autocast_adapter_dtype=False)


def merge(adapted: Any, adapter: Path | None = None) -> Any:
    """Fold the adapters into the module in place and return it; first save them alone in the folder `adapter`, if given."""
    if adapter is not None:
        adapted.save_pretrained(str(adapter), save_embedding_layers=False)
    module = adapted.merge_and_unload()
    # peft leaves its configuration on the module, and save_pretrained would then look for adapters
    for name in ("peft_config", "_hf_peft_config_loaded"):
        if name in vars(module):
            delattr(module, name)
    return module


def pour(adapted: Any, plain: Any) -> None:
    """Write the weights of `adapted`, adapters folded in, into a copy of the module that has none (for answering); rounded once."""
    from peft.tuners.lora import Linear

    layers = {name: layer for name, layer in adapted.get_base_model().named_modules() if isinstance(layer, Linear)}
    with torch.no_grad():
        for name, layer in layers.items():
            a, b = layer.lora_A["default"].weight.float(), layer.lora_B["default"].weight.float()
            target = plain.get_submodule(name).weight
            target.copy_(layer.base_layer.weight.float() + layer.scaling["default"] * (b @ a))
