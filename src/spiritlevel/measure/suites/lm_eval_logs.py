"""Samples of lm-evaluation-harness (`--log_samples`: samples_TASK_*.jsonl), one row a question and filter, as readings."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spiritlevel import jsonl
from spiritlevel.errors import DataError
from spiritlevel.measure.suites.answered import Answered, Row
from spiritlevel.measure.suites.model import Item, Reading
from spiritlevel.types import Frozen, content_hash

FILE = re.compile(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT.*)?\.jsonl")
METRICS = ("acc", "acc_norm", "exact_match", "mc1", "em", "likelihood_diff", "pct_stereotype")
"""Figures of a row whose log is too old to name its own."""


class Sample(Frozen):
    """One question's figures under one filter."""

    id: str
    group: str
    filter: str
    values: tuple[tuple[str, float | None], ...]


def read(path: Path) -> Answered:
    """`suite:lm-eval/TASK/METRIC` for each metric and filter, a document a group. DataError names the line that is no sample."""
    named = FILE.fullmatch(path.name)
    if named is None or not path.is_file():
        raise DataError(f"{str(path)!r} is no samples_TASK.jsonl of lm-evaluation-harness; give the file that --log_samples wrote")
    rows = list(jsonl.read(path, row, "doc_id and figures such as acc"))
    if not rows:
        raise DataError(f"{str(path)!r} holds no sample; run the task again with --log_samples")
    found = answered(named[1], rows)
    if not found:
        raise DataError(f"{str(path)!r} has none of the figures {', '.join(METRICS)}; nothing can be told from it")
    return found


def row(sample: dict[str, Any]) -> Sample:
    """A sample's figures; what is no number (a pair that only the whole is computed from) is left out."""
    names = [name for name in sample.get("metrics") or METRICS if name in sample]
    values = [(str(name), float(sample[name])) for name in names if isinstance(sample[name], bool | int | float)]
    return Sample(
        id=str(sample["doc_id"]),
        group=content_hash(str(sample.get("doc_hash") or sample["doc_id"])),
        filter=str(sample.get("filter") or ""),
        values=tuple((name, value if math.isfinite(value) else None) for name, value in values),
    )


def answered(task: str, rows: Iterable[Sample]) -> dict[str, list[Row]]:
    """The rows of a task by figure; a filter that chooses among replies is part of the figure's name."""
    found: dict[str, list[Row]] = {}
    for one in rows:
        tail = "" if one.filter in ("none", "") else f"/{one.filter}"
        for metric, value in one.values:
            item = Item(id=one.id, group=one.group, question="-")
            found.setdefault(f"suite:lm-eval/{task}/{metric}{tail}", []).append((item, Reading(item=one.id, value=value)))
    return found
