"""GGUF to dense safetensors."""

import os
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from spiritlevel.backends._quiet import quiet


def convert(file: Path, folder: Path) -> None:
    """Write the dequantised weights (rounded to bfloat16) and the tokenizer of a GGUF file into a folder."""
    where = str(file.parent)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=file.name, local_files_only=True)
        module = AutoModelForCausalLM.from_pretrained(
            where,
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),  # packed blocks stay packed otherwise
            dtype=torch.bfloat16,
            local_files_only=True,
        )
        module.config._name_or_path = ""
        module.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
