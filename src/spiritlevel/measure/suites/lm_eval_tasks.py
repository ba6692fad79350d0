"""Run a task of lm-evaluation-harness, where it is installed, on weights in a folder."""

from pathlib import Path

from spiritlevel.errors import MissingExtra
from spiritlevel.types import Measurement


def run(task: str, folder: Path, *, limit: int | None = None) -> list[Measurement]:
    """`suite:lm-eval/TASK/METRIC` of one of its own tasks; what it needs from the Hub it fetches. MissingExtra without the package."""
    try:
        from spiritlevel.measure.suites import _lm_eval
    except ImportError:
        raise MissingExtra("lm-eval", "lm-eval") from None
    return _lm_eval.run(task, folder, limit)
