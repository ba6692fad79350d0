"""Torch's side of fingerprints: tensors of a checkpoint one by one, and their bfloat16 bits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from spiritlevel.errors import ModelError

PATTERNS = (
    "model*.safetensors",
    "adapter_model*.safetensors",
    "*.safetensors",
    "pytorch_model*.bin",
    "adapter_model*.bin",
    "*.pt",
)


def tensors(folder: Path) -> Iterator[tuple[str, Any]]:
    """(name, tensor) of all shards of the first kind of checkpoint file found. ModelError when none is readable."""
    files = next((found for pattern in PATTERNS if (found := sorted(folder.glob(pattern)))), [])
    if not files:
        raise ModelError(f"no weights in {str(folder)!r}; give a folder with *.safetensors or pytorch_model.bin")
    for file in files:
        try:
            if file.suffix == ".safetensors":
                with safe_open(str(file), framework="pt") as shard:
                    for name in shard.keys():  # noqa: SIM118  (no mapping)
                        yield name, shard.get_tensor(name)
            else:
                yield from torch.load(file, map_location="cpu", weights_only=True, mmap=True).items()
        except (SafetensorError, EOFError, RuntimeError, OSError) as fault:
            raise ModelError(f"weights file {str(file)!r} cannot be read ({fault}); copy it again") from fault


def bits(tensor: Any) -> "np.ndarray[Any, Any]":
    """Floating tensors as bfloat16 bits in uint16; others as their own array."""
    still = tensor.detach().to("cpu")
    if still.is_floating_point():
        array: np.ndarray[Any, Any] = still.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(np.uint16)
        return array
    if still.dtype == torch.bool:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(still.contiguous().numpy())
