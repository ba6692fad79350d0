"""Training state on disk: two alternating slots and a manifest that is replaced last, so a kill at any byte leaves a whole one.

It is scratch, not evidence. A slot holds master weights, optimiser moments, random states and the place in the data.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch

from spiritlevel.errors import EvidenceError

MANIFEST = "manifest.json"


def save(folder: Path, identity: str, step: int, state: dict[str, Any]) -> None:
    """Write `state` to the slot that the manifest does not name, then name it. EvidenceError on a full disk; the last stays."""
    folder.mkdir(parents=True, exist_ok=True)
    last = _manifest(folder)
    slot = "slot-0.pt" if last is None or last["slot"] != "slot-0.pt" else "slot-1.pt"
    (folder / slot).unlink(missing_ok=True)
    _flushed(folder / slot, state)
    manifest = folder / (MANIFEST + ".new")
    with manifest.open("w", encoding="utf-8") as file:
        json.dump({"slot": slot, "identity": identity, "step": step, "bytes": (folder / slot).stat().st_size}, file)
        file.flush()
        os.fsync(file.fileno())
    manifest.replace(folder / MANIFEST)
    _sync(folder)


def load(folder: Path, identity: str) -> dict[str, Any] | None:
    """The last whole state of the same training, or None: none yet, or another training's."""
    last = _manifest(folder)
    if last is None or last["identity"] != identity:
        return None
    slot = folder / str(last["slot"])
    if not slot.is_file() or slot.stat().st_size != last["bytes"]:
        return None
    return read(slot)


def write(path: Path, value: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    _flushed(fresh, value)
    fresh.replace(path)
    _sync(path.parent)


def read(path: Path) -> dict[str, Any]:
    """A file that `write` made: tensors and plain values only."""
    value: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return value


def _flushed(path: Path, value: dict[str, Any]) -> None:
    try:
        with path.open("wb") as file:
            torch.save(value, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise EvidenceError(
            f"The training state could not be written to {str(path)!r} ({error}); free some disk space and run again, "
            "it continues from the last whole state."
        ) from error


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and {"slot", "identity", "step", "bytes"} <= value.keys() else None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
