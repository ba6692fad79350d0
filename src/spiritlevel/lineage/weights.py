"""Weights by value: an exact fingerprint that re-saving keeps, and a sketch by which near copies are known."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from spiritlevel.errors import ModelError
from spiritlevel.types import Frozen, Instrument, Lineage, ModelRef, Use

NEAR = 0.5
"""Relative distance below which one checkpoint descends from the other. Unrelated weights of one shape lie near 1.4; fine-tuning,
merging an adapter, pruning or quantising moves them by some hundredths to some tenths."""
POSITIONS = 32
TENSORS = 400
"""A sketch holds at most this many tensors, so it stays below 60 kB."""
FILE = "lineage.json"

_WRAPPERS = re.compile(r"^(?:(?:base_model|model|module|_orig_mod|transformer|language_model)\.)+")
_BUFFERS = ("rotary_emb.inv_freq", "position_ids", "attn.bias", "attn.masked_bias")


class Sketch(Frozen):
    """A small sample of weights: for each matrix its name, shape, and values at fixed places (bfloat16 bits, base64)."""

    tensors: tuple[tuple[str, tuple[int, ...], str], ...]


class Gather:
    """Takes tensors one by one (a checkpoint need not fit in memory) and gives fingerprint and sketch.

    The fingerprint hashes the sorted set of (shape, values rounded to bfloat16). Names are left out and equal tensors count once,
    so renaming, re-sharding, re-saving in float32 or bfloat16, wrapping, and writing or leaving out a tied head all keep it.
    """

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()
        self._sample: dict[str, tuple[tuple[int, ...], str]] = {}

    def add(self, name: str, tensor: Any) -> None:
        """Take a numpy array or a torch tensor. Buffers that some versions save and others do not are left out."""
        if name.endswith(_BUFFERS):
            return
        shape, bits = tuple(int(n) for n in tensor.shape), _bits(tensor)
        if bits is None:
            return
        digest = hashlib.sha256(f"{shape}{bits.dtype.itemsize}".encode())
        digest.update(np.ascontiguousarray(bits).data)
        self._hashes.add(digest.digest())
        if len(shape) >= 2 and bits.size and bits.dtype == np.uint16:
            # places depend on the size alone, so the same tensor is sampled alike wherever it is met
            places = (np.arange(POSITIONS, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(40503)) % np.uint64(bits.size)
            sample = base64.b64encode(bits.reshape(-1)[places.astype(np.int64)].astype("<u2").tobytes()).decode()
            self._sample[_bare(name)] = (shape, sample)

    def fingerprint(self) -> str:
        """64 hex digits. ModelError when no weights were given."""
        if not self._hashes:
            raise ModelError("there are no weights to fingerprint; give a folder with *.safetensors or *.bin")
        return hashlib.sha256(b"".join(sorted(self._hashes))).hexdigest()

    def sketch(self) -> Sketch:
        """The sample so far."""
        names = sorted(self._sample)
        step = max(1, -(-len(names) // TENSORS))
        return Sketch(tensors=tuple((name, *self._sample[name]) for name in names[::step]))


def fingerprint(tensors: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    """Fingerprint of named arrays or torch tensors; see Gather."""
    return _gather(tensors).fingerprint()


def sketch(tensors: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Sketch:
    """Sketch of named arrays or torch tensors; see Gather."""
    return _gather(tensors).sketch()


def _gather(tensors: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Gather:
    found = Gather()
    for name, tensor in tensors.items() if isinstance(tensors, Mapping) else tensors:
        found.add(name, tensor)
    return found


def of_folder(folder: Path) -> tuple[str, Sketch]:
    """Fingerprint and sketch of the weights in a folder (safetensors, else torch's .bin), read one tensor at a time."""
    from spiritlevel.lineage._fingerprint import tensors

    found = _gather(tensors(folder))
    return found.fingerprint(), found.sketch()


def distance(one: Sketch, other: Sketch) -> float:
    """Median over shared matrices of |a - b| / sqrt((|a|^2 + |b|^2) / 2); infinite when under half of the matrices are shared."""
    left = {(name, shape): values for name, shape, values in one.tensors}
    right = {(name, shape): values for name, shape, values in other.tensors}
    shared = sorted(left.keys() & right.keys())
    if not shared or 2 * len(shared) < min(len(left), len(right)):
        return float("inf")
    apart = []
    for key in shared:
        a, b = _values(left[key]), _values(right[key])
        scale = float(np.sqrt((np.dot(a, a) + np.dot(b, b)) / 2))
        apart.append(float(np.linalg.norm(a - b)) / scale if scale > 0 else 0.0)
    return float(np.median(apart))


def derived(
    weights: str,
    model: ModelRef,
    parent: Lineage,
    uses: Sequence[Use],
    note: str,
    *,
    teachers: Sequence[Lineage] = (),
    judges: tuple[Instrument, ...] = (),
    families: Iterable[str] = (),
) -> Lineage:
    """Of weights that were made of `model`, whose lineage is `parent`, by what `uses` says; they are then of `weights`."""
    return Lineage(
        weights=weights,
        body=parent.body,
        parents=(model.key, *(one.weights for one in teachers)),
        uses=tuple(use.model_copy(update={"model": weights}) for use in uses),
        judges=judges,
        families=tuple(sorted({*parent.families, model.family, *families})),
        history="known" if parent.history in ("known", "base") else parent.history,
        note=note,
    )


def write(folder: Path, lineage: Lineage) -> None:
    """Write lineage.json beside the weights in `folder`, bound to them by their fingerprint."""
    beside, sample = of_folder(folder)
    text = json.dumps({"lineage": lineage.model_dump(mode="json"), "beside": beside, "sketch": sample.model_dump(mode="json")})
    (folder / FILE).write_text(text, encoding="utf-8")


def read(folder: Path) -> Lineage | None:
    """The lineage that lies beside these weights. None (unknown) when there is none, it is damaged, or it is of other weights."""
    found = _read(folder)
    if found is None or found[1] != of_folder(folder)[0]:
        return None
    return found[0]


def read_sketch(folder: Path) -> tuple[str, str, Sketch] | None:
    """(model key, fingerprint, sketch) as written beside the weights, not checked again; None when there is no lineage.json."""
    found = _read(folder)
    return None if found is None else (found[0].weights, found[1], found[2])


def _read(folder: Path) -> tuple[Lineage, str, Sketch] | None:
    try:
        raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Lineage.model_validate(raw["lineage"]), str(raw["beside"]), Sketch.model_validate(raw["sketch"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def _bare(name: str) -> str:
    """A tensor's name without what adapters, compilers and wrappers put around it."""
    return _WRAPPERS.sub("", name).replace(".base_layer.", ".")


def _values(sample: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
    bits = np.frombuffer(base64.b64decode(sample), dtype="<u2").astype(np.uint32) << np.uint32(16)
    return np.nan_to_num(bits.view(np.float32))


def _bits(tensor: Any) -> "np.ndarray[Any, Any] | None":
    """Values as bfloat16 bits (uint16, nearest even, no negative zero); packed integers as bytes; None for what is no weight."""
    if hasattr(tensor, "detach"):
        from spiritlevel.lineage._fingerprint import bits

        array = bits(tensor)
    else:
        array = np.asarray(tensor)
    if array.dtype.name == "bfloat16":
        array = array.view(np.uint16)
    elif array.dtype.kind == "f":
        wide = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
        # overflow of the addition cannot happen but for NaNs, whose exact bits do not matter
        array = ((wide + ((wide >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)) >> np.uint32(16)).astype(np.uint16)
    elif array.dtype.kind in "iu" and array.dtype.itemsize < 8 and array.dtype != np.uint16:
        return array.view(np.uint8) if array.dtype.itemsize == 1 else array
    elif array.dtype != np.uint16:
        return None
    return np.where(array == np.uint16(0x8000), np.uint16(0), array)
