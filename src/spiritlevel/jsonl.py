"""JSON lines from people: whatever cannot be read is named by its line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from spiritlevel.errors import DataError

T = TypeVar("T")


def read(path: Path, take: Callable[[dict[str, Any]], T], needs: str) -> Iterator[T]:
    """What `take` finds in each row, blank lines left out. DataError names the first line that is no JSON object with `needs`."""
    return (found for _, found in numbered(path, take, needs))


def numbered(path: Path, take: Callable[[dict[str, Any]], T], needs: str) -> Iterator[tuple[int, T]]:
    """The same, each with its line."""
    for number, line in enumerate(path.read_text("utf-8", errors="replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, take(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DataError(f"{path}:{number}: not a JSON object with {needs}; correct or remove the line") from None


def text(value: Any) -> str:
    """A string as UTF-8 can hold it, since a JSON escape can make a lone surrogate. TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError
    return value.encode("utf-8", "replace").decode()
