"""Several processes of one command, started by `torchrun`, `accelerate launch` or MPI."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MPI = ("PMI_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")
"""Beginnings of the names under which kinds of MPI tell rank and size; `accelerate launch --cpu` starts its processes by one."""


@contextmanager
def launched() -> Iterator[None]:
    """Rank 0 goes on and alone writes and prints; the others join its trainings and exit. Alone, nothing happens."""
    env = os.environ
    for kind in MPI:
        if "MASTER_ADDR" in env and "RANK" not in env and f"{kind}RANK" in env and f"{kind}SIZE" in env:
            env.update(RANK=env[f"{kind}RANK"], WORLD_SIZE=env[f"{kind}SIZE"])
            env.setdefault("LOCAL_RANK", env.get(f"{kind}LOCAL_RANK", env[f"{kind}RANK"]))
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= env.keys():
        if "MASTER_ADDR" in env and env.get("ACCELERATE_USE_CPU", "").lower() == "true":
            hint = "on CPUs accelerate starts one process unless given --mpirun_hostfile; torchrun starts more"
            print(f"spiritlevel: {hint}", file=sys.stderr)
        yield
        return
    if env["WORLD_SIZE"] == "1":
        yield
        return
    from spiritlevel.finetune import _ranks

    _ranks.join()
    if _ranks.rank():
        _ranks.serve()
    # what this process starts is no part of the launch
    for name in [n for n in env if n in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR") or n.startswith(MPI)]:
        del env[name]
    try:
        yield
    finally:
        _ranks.leave()
