"""Pools of scored samples from a file of JSON lines, whoever drew and scored them."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spiritlevel import jsonl
from spiritlevel.errors import DataError
from spiritlevel.measure.pools import Floats


class Pools(NamedTuple):
    """Scores by field, each (prompts, samples) with NaN where there was none, and each prompt's group."""

    scores: dict[str, Floats]
    groups: tuple[str, ...]


class _Row(NamedTuple):
    prompt: str
    group: str
    values: tuple[float, ...]


def read(path: Path, fields: Sequence[str], *, cut: bool = False) -> Pools:
    """Pools of `fields` by `prompt` (text or chat) or, without one, by `group`; a prompt with a group counts with its group.

    A field is a key of the row or of its `scores`; true and false are 1 and 0, null is not scored. `cut`: of each prompt the first as
    many samples as the smallest pool has. DataError: no file or rows, a row without prompt or field, a score that is no number, pools
    of unequal size without `cut`.
    """
    if not path.is_file():
        raise DataError(f"file {str(path)!r} does not exist; give a file of scored samples")
    needs = "a 'prompt' or 'group' and a number or null under " + ", ".join(repr(f) for f in fields)
    rows = list(jsonl.read(path, lambda row: _take(row, fields), needs))
    if not rows:
        raise DataError(f"{str(path)!r} holds no sample; give a line for each")
    held = Counter(row.prompt for row in rows)
    least = min(held.values())
    if not cut and least < max(held.values()):
        small = min(held, key=lambda p: held[p])
        raise DataError(
            f"pools are of unequal size: prompt {small!r:.60} has {least} samples, another {max(held.values())}; "
            "give each as many, or add --cut to use the first ones of each"
        )
    groups: dict[str, str] = {}
    tables: dict[str, list[tuple[float, ...]]] = {}
    for row in rows:
        if groups.setdefault(row.prompt, row.group) != row.group:
            raise DataError(f"prompt {row.prompt!r:.60} is in two groups, {groups[row.prompt]!r:.40} and {row.group!r:.40}; give it one")
        tables.setdefault(row.prompt, []).append(row.values)
    table = np.asarray([samples[:least] for samples in tables.values()], dtype=float)
    return Pools({field: table[:, :, i] for i, field in enumerate(fields)}, tuple(groups.values()))


def _take(row: dict[str, Any], fields: Sequence[str]) -> _Row:
    prompt, group = row.get("prompt"), row.get("group")
    if prompt is None and group is None:
        raise KeyError
    own = prompt if isinstance(prompt, str) else json.dumps(group if prompt is None else prompt, sort_keys=True)
    return _Row(own, own if group is None else str(group), tuple(_number(row, field) for field in fields))


def _number(row: dict[str, Any], field: str) -> float:
    value = row[field] if field in row else row["scores"][field]
    if value is None:
        return math.nan
    if not isinstance(value, int | float):
        raise TypeError
    return float(value)
