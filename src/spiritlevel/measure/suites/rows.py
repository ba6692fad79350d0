"""A suite's rows: from JSON lines below a data folder, from the Hub, or from its own prose. What cannot be used is named by its row."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spiritlevel import jsonl
from spiritlevel.errors import DataError
from spiritlevel.measure.suites import forms
from spiritlevel.measure.suites.adapters import ADAPTERS
from spiritlevel.measure.suites.declared import declaration
from spiritlevel.measure.suites.licences import check
from spiritlevel.measure.suites.model import Item, Suite
from spiritlevel.raters.files import hub_rows
from spiritlevel.types import content_hash

KNOWN = ("id", "group", "question", "choices", "answer", "matching", "category", "dup_of", "split")


def load(path: Path, data: Path | None = None, accepted_by: str = "") -> Suite:
    """A suite with its rows. DataError: licence, no folder, no file, no rows, a bad row (out of range, twice, a group on two splits)."""
    suite = declaration(path)
    suite = suite.option(accepted_by=accepted_by or suite.accepted_by)
    check(suite.name, suite.licence, suite.accepted_by)
    found = tuple(item for name in suite.data for item in _read(suite, name, data)) if suite.data else forms.form(suite).own_rows(path)
    if not found:
        raise DataError(f"suite {suite.name!r} has no rows: nothing in {', '.join(suite.data) or str(path)} is as its `where` says")
    _checked(suite.name, found)
    return suite.option(items=found)


def _read(suite: Suite, name: str, data: Path | None) -> Iterator[Item]:
    if name.startswith("hf:"):
        rows: Iterable[tuple[int, dict[str, Any]]] = hub_rows(name.removeprefix("hf:"))
    else:
        if data is None:
            raise DataError(f"suite {suite.name!r} reads {name!r} from a data folder; name the folder that has it with --data")
        if not data.is_dir():
            raise DataError(f"the data folder {str(data)!r} does not exist; correct --data")
        if not (data / name).is_file():
            raise DataError(f"suite {suite.name!r}: there is no {name!r} in {str(data)!r}; put it there or leave the suite out")
        rows = jsonl.numbered(data / name, dict, "fields")
    adapt = ADAPTERS[suite.row] if suite.row else (lambda row: row)
    splits: dict[str, str] = {}
    for number, raw in rows:
        if any(str(raw.get(field)) not in wanted for field, wanted in suite.where.items()):
            continue
        try:
            row = adapt(raw)
            if row is None:
                continue
            item = _item(row)
            forms.form(suite).check(item)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise DataError(f"{name}:{number}: {_told(error)}; correct or remove the row") from None
        if raw.get("split") is not None and splits.setdefault(item.group, str(raw["split"])) != str(raw["split"]):
            raise DataError(f"{name}:{number}: the group {item.group!r:.60} lies on two splits; keep a group together")
        yield item


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the row lacks {error.args[0]!r}"
    return str(error) or "the row is not of this form"


def _item(row: dict[str, Any]) -> Item:
    """A row of our own form as an item. ValueError for an answer that is out of range, KeyError for a missing field."""
    question = jsonl.text(row["question"])
    choices = tuple(jsonl.text(one) for one in row.get("choices") or ())
    answer, target = row.get("answer"), ""
    if choices and answer is not None and (isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(choices)):
        raise ValueError(f"the answer {answer!r:.40} is out of range: there are {len(choices)} choices, counted from 0")
    if not choices:
        answer, target = None, "" if answer is None else str(answer)
    matching = tuple(row.get("matching") or ())
    if any(isinstance(one, bool) or not isinstance(one, int) or not 0 <= one < len(choices) for one in matching):
        raise ValueError(f"matching {list(matching)!r:.40} is out of range: there are {len(choices)} choices, counted from 0")
    tags = {key: str(value) for key, value in row.items() if key not in KNOWN and isinstance(value, str | int | float | bool)}
    return Item(
        id=str(row["id"]),
        group=str(row.get("group") or content_hash(question)[:16]),
        question=question,
        choices=choices,
        answer=answer,
        target=target,
        matching=matching,
        category=str(row.get("category") or ""),
        tags=tags,
    )


def _checked(name: str, items: tuple[Item, ...]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f"suite {name!r}: the id {item.id!r:.80} is there twice; give each row its own")
        seen.add(item.id)
