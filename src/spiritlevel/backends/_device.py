"""Where and in which number format local weights run: device, memory check, timed choice of format."""

import hashlib
import json
import os
import platform
import sys
import time
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "0")  # read when torch loads OpenMP; contended decoding crawls otherwise

import psutil
import torch

from spiritlevel.backends.cache import folder as cache_folder
from spiritlevel.errors import ConfigError, TooSmall

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
TINY = 20_000_000
"""Below this many parameters `auto` is float32 without timing: nothing is gained, and results do not depend on the batch."""


def device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU; `SPIRITLEVEL_DEVICE` overrides."""
    asked = os.environ.get("SPIRITLEVEL_DEVICE", "")
    if asked:
        try:
            return torch.device(asked)
        except RuntimeError as error:
            raise ConfigError(f"SPIRITLEVEL_DEVICE={asked!r} is not a device; use cpu, cuda or mps.") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def sizes(weights: Path) -> tuple[int, int]:
    """(parameters, bytes) that the safetensors files of a folder declare, from their headers alone."""
    count = size = 0
    for file in sorted(weights.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        for name, entry in header.items():
            if name != "__metadata__":
                numbers = 1
                for side in entry["shape"]:
                    numbers *= side
                count += numbers
                size += entry["data_offsets"][1] - entry["data_offsets"][0]
    return count, size


def free_memory(where: torch.device) -> int:
    """Bytes free for a model: the device's, or the machine's within the limit of its control group."""
    if where.type == "cuda":
        return int(torch.cuda.mem_get_info(where)[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text().strip() for name in ("max", "current"))
        return free if limit == "max" else min(free, max(int(limit) - int(used), 0))
    except (OSError, ValueError):
        return free


def check_memory(name: str, need: int, where: torch.device, free: int | None = None) -> None:
    """Raise TooSmall, before anything is loaded, when `need` bytes do not fit."""
    free = free_memory(where) if free is None else free
    if need > free:
        raise TooSmall(
            f"{name!r} needs about {need / 2**30:.1f} GiB of memory on {where.type} and {free / 2**30:.1f} GiB is free; "
            f"free some, or choose a smaller model."
        )


def choose(asked: str, where: torch.device, count: int) -> torch.dtype:
    """The number format asked for; `auto` is the quicker of bfloat16 and float32, timed once a machine and remembered on disk."""
    if asked != "auto":
        if asked not in DTYPES:
            raise ConfigError(f"Number format {asked!r} is unknown; use auto, {', '.join(DTYPES)}.")
        return DTYPES[asked]
    if count < TINY:
        return torch.float32
    machine = [
        platform.node(),
        platform.machine(),
        platform.processor(),
        torch.__version__,
        torch.get_num_threads(),
        _chip(where),
    ]
    file = cache_folder() / "number-format" / f"{hashlib.sha256(json.dumps(machine).encode()).hexdigest()[:16]}.txt"
    try:
        return DTYPES[file.read_text().strip()]
    except (OSError, KeyError):
        chosen = _quicker(where)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x") as stream:
            stream.write(chosen)
    except FileExistsError:  # another process was first; all processes must agree
        return DTYPES.get(file.read_text().strip(), DTYPES[chosen])
    return DTYPES[chosen]


def _chip(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else f"{where.type} {torch.backends.cpu.get_cpu_capability()}"


def _quicker(where: torch.device) -> str:
    """Time about a second of a decode step's and a prefill's matrix products in both formats, by turns; least times count."""
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(1536, 576, generator=generator)
    few, many = torch.randn(32, 576, generator=generator), torch.randn(1024, 576, generator=generator)
    least = {"bfloat16": float("inf"), "float32": float("inf")}
    end = time.perf_counter() + 1.0
    while time.perf_counter() < end or float("inf") in least.values():
        for name in least:
            w, a, b = (part.to(where, DTYPES[name]) for part in (wide, few, many))
            try:
                began = time.perf_counter()
                for _ in range(8):
                    last = torch.nn.functional.linear(a, w)
                last = torch.nn.functional.linear(b, w)
                float(last[0, 0])  # waits for the device
                least[name] = min(least[name], time.perf_counter() - began)
            except RuntimeError:  # a device without this format
                least[name] = sys.float_info.max
    return min(least, key=lambda name: least[name])


def numerics(where: torch.device, dtype: torch.dtype, loop: str) -> str:
    """What besides weights and seed decides a local result."""
    import transformers

    threads = torch.get_num_threads() if where.type == "cpu" else 0
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    return f"{versions}, {_chip(where)}, {threads} threads, {str(dtype)[6:]}, {loop}"


def packs() -> bool:
    """Whether this processor multiplies bfloat16 weights in a packed layout, rightly."""
    try:
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        x, w = torch.ones(2, 32, dtype=torch.bfloat16), torch.eye(32, dtype=torch.bfloat16)
        packed = torch.ops.mkldnn._reorder_linear_weight(w, 2)
        return bool((torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "") == x).all())
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
