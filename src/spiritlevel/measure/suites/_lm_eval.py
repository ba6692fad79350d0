"""The call of lm-evaluation-harness; its samples take the way of its logs."""

import json
import tempfile
from pathlib import Path

import lm_eval  # type: ignore[import-not-found,unused-ignore]
import torch

from spiritlevel.errors import DataError
from spiritlevel.measure.suites.lm_eval_logs import measurements
from spiritlevel.types import Measurement


def run(task: str, folder: Path, limit: int | None) -> list[Measurement]:
    """As lm_eval_tasks.run. DataError for a task that it does not know, or cannot fetch."""
    try:
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args=f"pretrained={folder}",
            tasks=[task],
            limit=limit,
            log_samples=True,
            bootstrap_iters=0,
            device="cuda:0" if torch.cuda.is_available() else "cpu",
        )
    except Exception as error:  # whatever the library raises for a task that is not to be had
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(f"the task {task!r} cannot be run by lm-evaluation-harness: {first:.200}") from error
    every = []
    with tempfile.TemporaryDirectory() as home:
        for name, samples in (found or {}).get("samples", {}).items():
            path = Path(home) / f"samples_{name}.jsonl"
            path.write_text("".join(json.dumps(one, default=str) + "\n" for one in samples), "utf-8")
            every += measurements(path)
    return every
