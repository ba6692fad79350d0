"""Pools from a file: what they hold, and every fault by its line or its prompt."""

import json
import math
from pathlib import Path

import pytest

from spiritlevel.errors import DataError
from spiritlevel.measure import pool_file


def lines(path: Path, rows: list[object]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


def test_samples_are_gathered_by_prompt_wherever_they_stand(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "group": "g", "p": 1, "scores": {"i": True}},
        {"prompt": [{"role": "user", "content": "b"}], "p": 2.5, "i": 0},
        "",
        {"prompt": [{"content": "b", "role": "user"}], "p": None, "i": 1},
        {"prompt": "a", "group": "g", "p": 3, "i": 2},
    ]
    found = pool_file.read(lines(tmp_path / "x.jsonl", rows), ["p", "i"])
    assert found.scores["p"][0].tolist() == [1, 3]
    assert found.scores["p"][1][0] == 2.5
    assert math.isnan(found.scores["p"][1][1])
    assert found.scores["i"].tolist() == [[1, 2], [0, 1]]
    assert found.groups[0] == "g"
    only = pool_file.read(lines(tmp_path / "y.jsonl", [{"group": i % 2, "p": i} for i in range(6)]), ["p"])
    assert only.scores["p"].tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"prompt": "a", "p": 1}, {"p": 2}], r":2: not a JSON object with a 'prompt' or 'group'"),
        ([{"prompt": "a", "q": 1}], r":1: .* under 'p'"),
        ([{"prompt": "a", "p": "high"}], r":1: "),
        ([{"prompt": "a", "p": 1}, "{"], r":2: "),
        ([[1]], r":1: "),
        ([], "holds no sample"),
        ([{"prompt": "a", "p": 1}, {"prompt": "a", "p": 1}, {"prompt": "b", "p": 1}], "'b' has 1 samples, another 2; .* --cut"),
        ([{"prompt": "a", "group": 1, "p": 1}, {"prompt": "a", "group": 2, "p": 1}], "two groups"),
    ],
)
def test_faults_are_named(tmp_path: Path, rows: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        pool_file.read(lines(tmp_path / "x.jsonl", rows), ["p"])


def test_a_missing_file_is_named_and_unequal_pools_can_be_cut(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        pool_file.read(tmp_path / "none.jsonl", ["p"])
    rows = [{"prompt": p, "p": i} for i, p in enumerate("aabab")]
    assert pool_file.read(lines(tmp_path / "x.jsonl", list(rows)), ["p"], cut=True).scores["p"].tolist() == [[0, 1], [2, 4]]
