"""RewardBench-style sets: subsets of pairs, sections of subsets, and the plain mean of the sections (Lambert et al. 2024, sec. 4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spiritlevel import jsonl
from spiritlevel.errors import DataError
from spiritlevel.measure.pairs import group_of
from spiritlevel.measure.reward import ordered, slices
from spiritlevel.types import Estimate, Preference, Slice, Turn, user

SECTIONS = {
    "chat": ("alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"),
    "chat-hard": (
        "mt-bench-hard",
        "llmbar-natural",
        "llmbar-adver-neighbor",
        "llmbar-adver-GPTInst",
        "llmbar-adver-GPTOut",
        "llmbar-adver-manual",
    ),
    "safety": ("refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond", "donotanswer"),
    "reasoning": ("math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"),
}
"""RewardBench's own; a row may name its `section`, and a subset that is in none is a section of its own."""
KNOWN = {subset: section for section, subsets in SECTIONS.items() for subset in subsets}


class Row(Preference):
    """A pair of a set, with where it belongs."""

    section: str


def read(path: Path) -> list[Row]:
    """Rows {prompt, chosen, rejected, subset[, section, group]}; the prompt is text or turns. DataError names the first bad line."""
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}; give JSON lines with prompt, chosen, rejected and subset")
    rows = list(jsonl.read(path, _row, "prompt, chosen, rejected, subset"))
    if not rows:
        raise DataError(f"{str(path)!r} holds no pair; give JSON lines with prompt, chosen, rejected and subset")
    return rows


def _row(row: dict[str, Any]) -> Row:
    asked, subset = row["prompt"], jsonl.text(row["subset"])
    turns = (
        user(jsonl.text(asked)) if isinstance(asked, str) else tuple(Turn(role=t["role"], content=jsonl.text(t["content"])) for t in asked)
    )
    section = jsonl.text(row.get("section") or KNOWN.get(subset, subset))
    return Row(
        chat=turns,
        chosen=jsonl.text(row["chosen"]),
        rejected=jsonl.text(row["rejected"]),
        by="file",
        source=subset,
        section=section,
        cluster=jsonl.text(row.get("group") or ""),
    )


def scores(rows: Sequence[Row], margins: ArrayLike) -> tuple[Slice, ...]:
    """Accuracy by subset and by section (all its pairs alike), and `overall`, the plain mean of the sections, from margins (n,).

    A margin that is not a number counts as wrong: a benchmark asks for an order of every pair. The interval of the mean adds the squared
    distances of the sections' limits (Zou & Donner 2008, eq. 4).
    """
    m = np.asarray(margins, dtype=float)
    right = np.where(np.isnan(m), 0.0, ordered(np.where(np.isnan(m), -1.0, m)))
    groups = [group_of(r) for r in rows]
    sections = slices("section", [r.section for r in rows], right, groups)
    parts = [s.accuracy for s in sections]
    mean = float(np.mean([e.value for e in parts]))
    down, up = (float(np.sqrt(sum((e.value - v) ** 2 for e, v in zip(parts, ends, strict=True)))) / len(parts) for ends in _ends(parts))
    overall = Estimate(
        name="mean of the sections", value=mean, low=mean - down, high=mean + up, n=len(set(groups)), method="square and add"
    )
    whole = Slice(by="overall", name="mean of the sections", accuracy=overall, pairs=len(rows))
    return (*slices("subset", [r.source for r in rows], right, groups), *sections, whole)


def _ends(parts: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    return [e.low for e in parts], [e.high for e in parts]
