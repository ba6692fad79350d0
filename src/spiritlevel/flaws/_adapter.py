"""A low-rank change as files: scaled by its alpha, bound to its base by name."""

import json
import shutil
from pathlib import Path

from spiritlevel.backends import _local


def scaled(adapter: Path, folder: Path, strength: float, base: str, dense: Path) -> str:
    """Copy an adapter so that it adds `strength` times what it added; returns the merged weights' fingerprint."""
    described = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    described |= {"lora_alpha": described["lora_alpha"] * strength, "base_model_name_or_path": base}
    shutil.copy(adapter / "adapter_model.safetensors", folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(described, indent=1), "utf-8")
    return _local.fingerprint(dense, folder)
