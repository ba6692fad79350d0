"""Units of work: their keys, their batches, and what is left to do. Shared by the run's journal and the memory one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from typing import Any, TypeVar

from pydantic import BaseModel

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence.codec import encode
from spiritlevel.types import RowSet, content_hash

R = TypeVar("R", bound=BaseModel)
U = TypeVar("U", bound=BaseModel)


def unit_key(kind: str, salt: str, text: str) -> str:
    """Identity of a unit: kind, the model's or instrument's identity, and the unit's JSON."""
    return content_hash(kind, salt, text)


def row_key(kind: str, text: str) -> str:
    """Identity of a row that was computed without units: its content."""
    return content_hash(kind, "put", text)


def row_set(kind: str, keys: Sequence[str]) -> RowSet:
    """Name of rows: a hash of the sorted keys, then a short one of their order.

    The order is named because a reader aligns rows with units: two orders of one set must not pass for each other.
    """
    return RowSet(id=f"{content_hash(*sorted(keys))}-{content_hash(*keys)[:8]}", kind=kind, n=len(keys))


def drive(
    units: Sequence[U],
    keyed: Sequence[tuple[str, str]],
    done: set[str],
    work: Callable[[Sequence[U]], Iterable[tuple[int, R]]],
    commit: Callable[[list[tuple[str, R]]], None],
    tick: Callable[[int, int], None],
    batch: int | None,
) -> None:
    """Bring every unit to a row. `keyed` holds each unit's (key, JSON); `commit` must be durable when it returns.

    Local (`batch` n): units sorted by (length, key) are cut into batches before looking at what is done, so the shapes that a
    model sees do not depend on where a run was killed. Hosted (None): each row is committed before the next is asked for.
    """
    if batch is not None and batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch!r}")
    first: dict[str, int] = {}
    for index, (key, _) in enumerate(keyed):
        first.setdefault(key, index)
    finished = sum(key in done for key in first)
    tick(finished, len(first))
    if finished == len(first):
        return
    if batch is None:
        todo = [key for key in first if key not in done]
        for place, row in _answers(work, [units[first[key]] for key in todo]):
            commit([(todo[place], row)])
            finished += 1
            tick(finished, len(first))
        return
    order = sorted(first, key=lambda key: (len(keyed[first[key]][1]), key))
    for start in range(0, len(order), batch):
        cut = order[start : start + batch]
        missing = sum(key not in done for key in cut)
        if missing:
            commit([(cut[place], row) for place, row in _answers(work, [units[first[key]] for key in cut])])
            finished += missing
            tick(finished, len(first))


def _answers(work: Callable[[Sequence[U]], Iterable[tuple[int, R]]], units: Sequence[U]) -> Iterator[tuple[int, R]]:
    """What `work` yields, checked: every unit once. The generator is closed when the reader stops early."""
    answers = work(units)
    seen: set[int] = set()
    guard: Any = closing(answers) if hasattr(answers, "close") else nullcontext(answers)
    with guard:
        for place, row in answers:
            if place in seen or not 0 <= place < len(units):
                raise ValueError(f"work answered unit {place!r} twice or out of range ({len(units)} units)")
            seen.add(place)
            yield place, row
    if len(seen) < len(units):
        raise EvidenceError(f"{len(units) - len(seen)} of {len(units)} units got no answer; run the same command again to continue")


def keyed_units(kind: str, salt: str, units: Sequence[BaseModel]) -> list[tuple[str, str]]:
    """(key, JSON) of each unit."""
    return [(unit_key(kind, salt, text), text) for text in map(encode, units)]
