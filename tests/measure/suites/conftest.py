"""A suite written to a folder, a scripted model, and readings by hand."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from spiritlevel.evidence import MemoryJournal
from spiritlevel.measure.suites import Suite, load

FRONT = {
    "title": "Small sums",
    "horizon": "near",
    "source": "our own",
    "licence": "MIT",
    "canary": "canary-0123456789abcdef",
    "form": "choice",
    "scores": "[accuracy]",
    "data": "[rows.jsonl]",
}


def sums(n: int = 24) -> list[dict[str, Any]]:
    """Questions whose right choice stands first as often as second."""
    return [
        {
            "id": f"s{i}",
            "group": f"g{i}",
            "question": f"What is {i} plus {i}?",
            "choices": [str(2 * i), "none"][:: 1 - 2 * (i % 2)],
            "answer": i % 2,
        }
        for i in range(n)
    ]


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write suite NAME.md and rows.jsonl; returns the suite's path. A field that is None is left out."""

    def write(rows: Sequence[Any] = (), name: str = "sums", **front: Any) -> Path:
        fields = {key: value for key, value in {**FRONT, **front}.items() if value is not None}
        path = tmp_path / f"{name}.md"
        path.write_text("---\n" + "".join(f"{key}: {value}\n" for key, value in fields.items()) + "---\nAbout.\n", "utf-8")
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (rows or sums())), "utf-8")
        return path

    return write


@pytest.fixture
def suite(written: Callable[..., Path], tmp_path: Path) -> Suite:
    return load(written(), tmp_path)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., str]:
    """A model that answers by rules: (pattern, reply) pairs and a default."""

    def write(default: str, *rules: tuple[str, str]) -> str:
        import yaml

        path = tmp_path / "script.yaml"
        path.write_text(yaml.safe_dump({"rules": [{"match": m, "replies": [r]} for m, r in rules], "default": [default]}), "utf-8")
        return f"scripted:{path}"

    return write
