"""Result logs of lm-evaluation-harness (`--log_samples`): samples_TASK_*.jsonl, one row a question, as readings with our intervals."""

import math
import re
from pathlib import Path
from typing import Any

from spiritlevel import jsonl, stats
from spiritlevel.errors import DataError
from spiritlevel.types import Frozen, Grade, Measurement, content_hash

FILE = re.compile(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT.*)?\.jsonl")
METRICS = ("acc", "acc_norm", "exact_match", "mc1", "em", "likelihood_diff", "pct_stereotype")
"""Figures of a row that are read, where they lie between 0 and 1."""


class Row(Frozen):
    """One question's figures."""

    id: str
    group: str
    filter: str
    values: tuple[tuple[str, float], ...]


def measurements(path: Path) -> list[Measurement]:
    """`suite:lm-eval/TASK/METRIC` for each metric and filter, resampled by document. DataError names the line that is no sample.

    Who ran it, and on which weights, is that tool's word: the grade is kin.
    """
    named = FILE.fullmatch(path.name)
    if named is None or not path.is_file():
        raise DataError(f"{str(path)!r} is no samples_TASK.jsonl of lm-evaluation-harness; give the file that --log_samples wrote")
    rows = list(jsonl.read(path, _row, "doc_id and figures such as acc"))
    if not rows:
        raise DataError(f"{str(path)!r} holds no sample; run the task again with --log_samples")
    found = []
    for filter in sorted({row.filter for row in rows}):
        for metric in sorted({name for row in rows for name, _ in row.values}):
            kept = [(value, row.group) for row in rows if row.filter == filter for name, value in row.values if name == metric]
            if not kept:
                continue
            tail = "" if filter in ("none", "") else f"/{filter}"
            estimate = stats.rate([v for v, _ in kept], [g for _, g in kept], name=f"suite:lm-eval/{named[1]}/{metric}{tail}")
            why = "read from a log of another tool"
            found.append(Measurement(estimate=estimate, role="capability", grade=Grade.KIN, why_grade=why, instruments=("lm-eval",)))
    if not found:
        raise DataError(f"{str(path)!r} has none of the figures {', '.join(METRICS)}; nothing can be told from it")
    return found


def _row(row: dict[str, Any]) -> Row:
    values = tuple((name, float(row[name])) for name in METRICS if _share(row.get(name)))
    return Row(
        id=str(row["doc_id"]),
        group=content_hash(str(row.get("doc_hash") or row["doc_id"])),
        filter=str(row.get("filter") or ""),
        values=values,
    )


def _share(value: Any) -> bool:
    return isinstance(value, bool | int | float) and math.isfinite(value) and 0 <= value <= 1
