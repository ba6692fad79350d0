"""Train on one principle at a time, test on those left out: `python benchmarks/transfer.py [--k 1]`, with transfer.yaml beside it.

Delivered harm under plain requests by the judge of intent, and refused look-alikes, each with its paired interval.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from spiritlevel import transfer
from spiritlevel.cli import runs
from spiritlevel.cli.progress import bars
from spiritlevel.cli.transfer import points
from spiritlevel.evidence import open_run
from spiritlevel.types import TransferMatrix, content_hash

CONFIG = Path(__file__).parent / "transfer.yaml"


def measure(k: int = 1) -> list[dict[str, Any]]:
    """Rows of both matrices and their means."""
    config = runs.configured(CONFIG.parent.parent, str(CONFIG), {})
    work = Path(os.environ.get("SPIRITLEVEL_BENCHMARK_WORK") or Path(tempfile.gettempdir()) / "spiritlevel-benchmark")
    with bars(False) as listener, open_run(work, None, content_hash("transfer", k), "", quiet=True, listener=listener) as evidence:
        found = transfer.run(config, evidence, k=k)
        seconds = sum(step.cost.seconds for step in evidence.steps())
    rows = [*told(found.harm), *told(found.refused)]
    rows[0]["note"] = " ".join((f"Harm is read by {found.judge}, {found.grade.value}.", *found.notes))
    return [*rows, {"what": "time of all steps", "value": f"{seconds / 60:.1f} min", "n": f"{len(found.runs)} trainings"}]


def told(matrix: TransferMatrix) -> list[dict[str, Any]]:
    """Points of change."""
    cells = "; ".join(f"{'+'.join(c.taught)} on {c.tested}{'*' if c.own else ''} {c.change.value * 100:+.0f}" for c in matrix.cells)
    return [
        {"what": f"{matrix.what}, change in points (* = taught)", "value": cells, "n": f"{matrix.unscored} prompts unread"},
        {"what": f"{matrix.what}: principles where they were taught", "value": points(matrix.own)},
        {"what": f"{matrix.what}: principles where they were left out", "value": points(matrix.other)},
        {"what": f"{matrix.what}: what teaching a principle itself adds", "value": points(matrix.added)},
    ]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--k", type=int, default=1)
    for line in measure(**vars(options.parse_args())):
        print(f"{line['what']}: {line['value']}")
