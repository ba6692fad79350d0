"""`tiny:ARCH` or `tiny:ARCH-SEED`: a randomly initialised tiny model, for tests and dry runs of the whole loop."""

from pathlib import Path

from spiritlevel.backends import cache
from spiritlevel.backends.folder import Weights, reference
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ConfigError
from spiritlevel.types import Journal, ModelRef, OpenWeights

ARCHITECTURES = ("llama", "qwen2", "qwen3", "gemma2", "gemma3", "mistral", "phi", "phi3")
FORM = 1
"""Raise when what is built changes, so that an older cache is not used."""


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """`tiny:llama` to `tiny:llama-0`, built. `dtype` auto is float32."""
    asked = Spec.parse(spec)
    arch, seed = _named(asked.body)
    pinned = Spec("tiny", f"{arch}-{seed}", "", asked.dtype_or(dtype))
    return reference(pinned, locate(pinned, None), f"tiny {FORM} {arch} {seed} {_versions()}")


def open_ref(ref: ModelRef, journal: Journal) -> OpenWeights:
    """The model in memory."""
    from spiritlevel.backends import _local

    asked = Spec.parse(ref.spec)
    return _local.load(ref, locate(asked, journal).folder, asked.dtype)


def locate(asked: Spec, journal: Journal | None) -> Weights:
    """Where the built model lies."""
    arch, seed = _named(asked.body)

    def build(folder: Path) -> None:
        from spiritlevel.backends import _tiny

        _tiny.build(folder, arch, seed)

    return Weights(cache.made(f"tiny/{arch}-{seed}-{FORM}-{_versions()}", build))


def _versions() -> str:
    from importlib.metadata import version

    return f"{version('transformers')}-{version('torch')}"


def _named(body: str) -> tuple[str, int]:
    arch, _, seed = body.partition("-")
    if arch not in ARCHITECTURES or not (seed or "0").isdigit():
        raise ConfigError(f"'tiny:{body}' is unknown; use tiny:ARCH or tiny:ARCH-SEED with ARCH of {', '.join(ARCHITECTURES)}.")
    return arch, int(seed or 0)
