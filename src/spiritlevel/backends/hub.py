"""`hf:NAME@REVISION`: a model of the Hugging Face Hub, pinned to its commit; what is in the local cache is used first."""

import os
import re
from pathlib import Path

from spiritlevel.backends.folder import Weights, parts, reference
from spiritlevel.backends.network import forbidden
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ModelError
from spiritlevel.types import Journal, ModelRef, OpenWeights

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

FILES = ["*.safetensors", "*.json", "*.jinja", "tokenizer*", "*.model", "vocab.txt", "merges.txt"]
UNWANTED = ["original/*", "onnx/*", "consolidated*"]
COMMIT = re.compile(r"[0-9a-f]{40}")


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """`hf:NAME` or `hf:NAME@REVISION` to `hf:NAME@COMMIT`, downloaded. ModelError when it is not to be had."""
    asked = Spec.parse(spec)
    folder = snapshot(asked)
    commit = folder.name if COMMIT.fullmatch(folder.name) else asked.pin
    pinned = Spec("hf", asked.body, commit, asked.dtype_or(dtype))
    return reference(pinned, parts(folder), f"hf {asked.body} {commit}")


def open_ref(ref: ModelRef, journal: Journal) -> OpenWeights:
    """The model in memory."""
    from spiritlevel.backends import _local

    asked = Spec.parse(ref.spec)
    folder, adapter = locate(asked, journal)
    return _local.load(ref, folder, asked.dtype, adapter)


def locate(asked: Spec, journal: Journal | None) -> Weights:
    """Where the weights lie in the hub's cache, fetched if need be."""
    return parts(snapshot(asked), journal)


def snapshot(asked: Spec) -> Path:
    """Folder of a revision: from the cache, else (unless HF_HUB_OFFLINE or SPIRITLEVEL_NO_NETWORK) downloaded."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    constants.HF_HUB_DISABLE_TELEMETRY = True  # it may have been imported, and have read the environment, before
    name, revision = asked.body, asked.pin or "main"
    place = os.environ.get("HF_HUB_CACHE") or None

    def fetch(local: bool) -> Path:
        found = snapshot_download(
            name, revision=revision, cache_dir=place, allow_patterns=FILES, ignore_patterns=UNWANTED, local_files_only=local
        )
        return Path(found)

    try:
        folder = fetch(True)
        if _whole(folder):
            return folder
    except HFValidationError as error:
        raise ModelError(f"{name!r} is not a name on the hub; write hf:ORG/NAME.") from error
    except (LocalEntryNotFoundError, OSError, ValueError):
        pass
    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"} or forbidden():
        raise ModelError(f"'hf:{name}@{revision}' is not in the local cache and the network is switched off; download it first.")
    try:
        folder = fetch(False)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"'hf:{name}@{revision}' cannot be had from the hub ({first}); check its name, revision and access.") from error
    if not _whole(folder):
        raise ModelError(
            f"'hf:{name}@{revision}' has no config.json with *.safetensors; only such models are loaded (no pickles, no code)."
        )
    return folder


def _whole(folder: Path) -> bool:
    """Whether configuration and every shard that an index names are there."""
    import json

    if (folder / "adapter_config.json").is_file():
        return any(folder.glob("adapter_model*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if not (folder / "config.json").is_file():
        return False
    if index.is_file():
        return all((folder / shard).is_file() for shard in set(json.loads(index.read_text())["weight_map"].values()))
    return any(folder.glob("*.safetensors"))
