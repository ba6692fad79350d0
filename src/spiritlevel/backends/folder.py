"""`path:DIR` and `blob:HASH`: a folder of full weights, or of a LoRA adapter that is merged into its base at load."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from spiritlevel.backends import cache
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ConfigError, ModelError
from spiritlevel.types import Journal, ModelRef, OpenWeights

PARTS = {".safetensors", ".json", ".jinja", ".txt", ".model"}


class Weights(NamedTuple):
    """Where a local model lies: dense weights, and an adapter to merge into them."""

    folder: Path
    adapter: Path | None = None


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """`path:DIR` to `path:DIR@TREE`, TREE being a hash of its files. A blob has no meaning outside its run: ConfigError."""
    asked = Spec.parse(spec)
    if asked.scheme == "blob":
        raise ConfigError(f"{spec!r} belongs to a run and cannot be named from outside; name its folder as path:DIR.")
    folder = _existing(asked)
    digest = tree(folder)
    if not digest.startswith(asked.pin):
        raise ModelError(f"The files of {asked.body!r} are not those of {spec!r} (now {digest[:12]}); name the folder without '@'.")
    return reference(Spec("path", asked.body, digest[:12], asked.dtype_or(dtype)), parts(folder), digest)


def open_ref(ref: ModelRef, journal: Journal) -> OpenWeights:
    """The model in memory. ModelError when the folder changed since it was resolved."""
    from spiritlevel.backends import _local

    asked = Spec.parse(ref.spec)
    folder, adapter = locate(asked, journal)
    if asked.pin and not tree(_existing(asked)).startswith(asked.pin):
        raise ModelError(f"The files of {asked.body!r} changed since {ref.spec!r} was resolved; start a new run.")
    return _local.load(ref, folder, asked.dtype, adapter)


def locate(asked: Spec, journal: Journal | None) -> Weights:
    """Where the weights lie; a blob needs the journal of its run."""
    if asked.scheme == "blob":
        if journal is None:
            raise ModelError(f"'blob:{asked.body}' is named as a base, but blobs belong to a run; use a merged model or a path: base.")
        return parts(journal.path(asked.body), journal)
    return parts(_existing(asked), journal)


def parts(folder: Path, journal: Journal | None = None) -> Weights:
    """Base and adapter of a folder, base None-adapter when it holds full weights. ModelError when the base is not to be had."""
    described = folder / "adapter_config.json"
    if not described.is_file() or (folder / "config.json").is_file():
        return Weights(folder)
    try:
        named = json.loads(described.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, KeyError, OSError) as error:
        raise ModelError(f"{str(described)!r} does not name a base model; write its base_model_name_or_path.") from error
    base = _base(str(named or ""), folder, journal)
    if base.adapter is not None:
        raise ModelError(f"The base {named!r} of the adapter {str(folder)!r} is an adapter itself; merge one of the two first.")
    return Weights(base.folder, folder)


def reference(spec: Spec, weights: Weights, digest: str) -> ModelRef:
    """A local model's reference, with the fingerprint of its weights (remembered under the hash of its files)."""
    from spiritlevel.backends import _local

    key = hashlib.sha256(f"{digest} {weights.adapter and weights.folder} 1".encode()).hexdigest()[:32]
    fingerprint = cache.remembered(f"fingerprints/{key}", lambda: _local.fingerprint(*weights))
    return ModelRef(spec=str(spec), kind="local", weights=fingerprint, family=_local.family(weights.folder))


def tree(folder: Path) -> str:
    """SHA-256 over names and bytes of a model folder's files; lineage.json, which describes them, is left out."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in PARTS and file.name != "lineage.json" and file.is_file())
    stats = [file.stat() for file in files]
    return _tree(folder, tuple(files), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


@lru_cache
def _tree(folder: Path, files: tuple[Path, ...], changed: tuple[tuple[int, int], ...]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(f"{file.relative_to(folder).as_posix()}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _existing(asked: Spec) -> Path:
    folder = Path(asked.body).expanduser()
    if not asked.body or not folder.is_dir():
        raise ModelError(
            f"There is no model folder {asked.body!r}; give path: and a folder with config.json and *.safetensors, or an adapter."
        )
    if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise ModelError(f"The folder {asked.body!r} has neither config.json nor adapter_config.json; save the model with save_pretrained.")
    return folder


def _base(named: str, folder: Path, journal: Journal | None) -> Weights:
    from spiritlevel.backends import bundled, hub, tiny

    if not named:
        raise ModelError(f"The adapter {str(folder)!r} names no base model; write base_model_name_or_path in its adapter_config.json.")
    asked = Spec.parse(named)
    for scheme, locate_base in (
        ("bundled", bundled.locate),
        ("tiny", tiny.locate),
        ("hf", hub.locate),
        ("path", locate),
        ("blob", locate),
    ):
        if asked.scheme == scheme and (":" in named or "@" in named or named == "bundled"):
            return locate_base(asked, journal)
    for place in (Path(named), folder / named):
        if place.is_dir():
            return parts(place, journal)
    try:
        return hub.locate(Spec.parse(f"hf:{named}"), journal)
    except ModelError as error:
        raise ModelError(
            f"The base {named!r} of the adapter {str(folder)!r} is neither a folder nor to be had from the hub ({error})"
        ) from error
