"""The command line: parses, calls, prints. Anything heavy is imported inside a command."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Contended decoding crawls when idle threads spin; both must be set before torch loads its thread pool.
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def main() -> None:
    """Entry point: one sentence and exit 1 for an error that the user can mend, 130 when interrupted."""
    from spiritlevel.cli.commands import app
    from spiritlevel.errors import SpiritlevelError

    try:
        with _launch():
            app(prog_name="spiritlevel")
    except SpiritlevelError as error:
        print(f"spiritlevel: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nspiritlevel: interrupted; run the same command again to go on from here", file=sys.stderr)
        sys.exit(130)


@contextmanager
def _launch() -> Iterator[None]:
    """Under `torchrun` or `accelerate launch` with several processes: rank 0 goes on, the others join its trainings and exit."""
    world = os.environ.get("WORLD_SIZE", "")
    if "RANK" not in os.environ or not world.isdecimal() or int(world) < 2:
        yield
        return
    from spiritlevel.finetune import _ranks

    _ranks.join()
    if _ranks.rank():
        sys.exit(_ranks.serve())
    try:
        yield
    finally:
        _ranks.leave()
