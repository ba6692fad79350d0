"""Weak-to-strong oversight, as a diagram: read states, train supervisors, ceilings and students, and tell what was recovered."""

from pathlib import Path
from typing import Any

from spiritlevel import backends, jsonl
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.evidence import Evidence
from spiritlevel.finetune import classify, weak_to_strong
from spiritlevel.finetune.classify import WORDS, ClassifySettings, Learner
from spiritlevel.measure import oversight as measuring
from spiritlevel.types import LabelledText, Oversight

FIRST = "first:"


def run(
    evidence: Evidence, texts: tuple[LabelledText, ...], weak: Learner, strong: Learner, seeds: int, settings: ClassifySettings
) -> Oversight:
    """All parts, each a step that replays. ConfigError and DataError for what could only end in figures that mean nothing."""
    if weak.key == strong.key:
        raise ConfigError(f"supervisor and student are the same, {weak.name!r}, so there is no gap to recover; choose a weaker supervisor")
    weak_to_strong.parts(texts, 0)
    read = [evidence.step(classify.states, one, texts, settings.depth) if settings.frozen and one.ref else None for one in (weak, strong)]
    overseen = evidence.step(weak_to_strong.run, texts, weak, strong, seeds, settings, *read)
    return evidence.step(measuring.run, overseen, settings.seed)


def learner(spec: str, strong: Learner | None = None) -> Learner:
    """`bag-of-words`, `first:N` (of the strong model's blocks), or a model. ConfigError otherwise."""
    if spec == WORDS:
        return Learner(name=spec)
    if spec.startswith(FIRST):
        number = spec.removeprefix(FIRST)
        if strong is None or strong.ref is None or not (number.isdecimal() and int(number) > 0):
            raise ConfigError(f"{spec!r} names no supervisor; give first:N with a number of the strong model's blocks, such as first:6")
        return Learner(name=spec, ref=strong.ref, first=int(number))
    ref = backends.resolve(spec)
    backends.check_weights(ref, "weak-to-strong training needs")
    return Learner(name=spec, ref=ref)


def read(path: Path) -> tuple[LabelledText, ...]:
    """Rows of `text`, `label` (0 or 1, false or true) and `group` (default: each text is its own). DataError names what is wrong.

    A text that comes again with the same label counts once; with the other label it is refused.
    """
    found: dict[str, LabelledText] = {}
    for line, one in jsonl.numbered(path, _row, "a text, and a label of 0 or 1"):
        if not one.text.strip():
            raise DataError(f"{path}:{line}: the text is empty, so nothing can be learned from it; remove the row")
        if found.setdefault(one.text, one).label is not one.label:
            raise DataError(f"{path}:{line}: the text {one.text[:60]!r} has both labels; keep the right one")
    if not found:
        raise DataError(f"{str(path)!r} holds no texts; give rows with text, label and group")
    return tuple(found.values())


def _row(row: dict[str, Any]) -> LabelledText:
    label, text = row["label"], jsonl.text(row["text"])
    if label not in (0, 1):
        raise ValueError
    group = row.get("group")
    return LabelledText(text=text, label=bool(label), group=text if group is None else str(group))
