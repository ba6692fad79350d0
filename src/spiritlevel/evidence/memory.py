"""The journal without a run: dictionaries and a temporary folder, for tests and for fitting judges by themselves."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence.blobs import write_blob
from spiritlevel.evidence.codec import decode, encode
from spiritlevel.evidence.units import drive, keyed_units, row_key, row_set
from spiritlevel.types import Lineage, Reply, RowSet, Use

R = TypeVar("R", bound=BaseModel)
U = TypeVar("U", bound=BaseModel)


class MemoryJournal:
    """Implements types.Journal; forgets all when it is dropped. Rows make the same round trip through JSON as in a run."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="spiritlevel-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder = folder
        self.tag: Literal["capability", "safety"] = "safety"
        self.stored: dict[str, str] = {}
        self.sets: dict[str, list[str]] = {}
        self.uses: list[Use] = []
        self.lineages: dict[str, Lineage] = {}
        self.attempts: dict[str, int] = {}
        self.replies: list[Reply] = []
        """Replies whose tokens were counted: new ones from `map`, and those given to `spent_tokens`."""

    def map(
        self,
        kind: str,
        units: Sequence[U],
        work: Callable[[Sequence[U]], Iterable[tuple[int, R]]],
        row: type[R],
        *,
        batch: int | None = None,
        salt: str = "",
        label: str = "",
    ) -> RowSet:
        """As types.Journal.map."""
        keyed = keyed_units(kind, salt, units)

        def commit(rows: list[tuple[str, R]]) -> None:
            self.replies.extend(r for _, r in rows if isinstance(r, Reply))
            for key, value in rows:
                self.stored.setdefault(key, encode(value))

        drive(units, keyed, {key for key, _ in keyed if key in self.stored}, work, commit, lambda *_: None, batch)
        return self._name(kind, [key for key, _ in keyed])

    def _name(self, kind: str, keys: list[str]) -> RowSet:
        named = row_set(kind, keys)
        self.sets[named.id] = keys
        return named

    def rows(self, rows: RowSet, row: type[R]) -> list[R]:
        """As types.Journal.rows."""
        if rows.id not in self.sets:
            raise EvidenceError(f"no row set {rows.id!r} in this journal")
        return [decode(self.stored[key], row) for key in self.sets[rows.id]]

    def put(self, kind: str, rows: Sequence[BaseModel]) -> RowSet:
        """As types.Journal.put."""
        texts = [encode(row) for row in rows]
        keys = [row_key(kind, text) for text in texts]
        self.stored.update(zip(keys, texts, strict=True))
        return self._name(kind, keys)

    def blob(self, write: Callable[[Path], None]) -> str:
        """As types.Journal.blob."""
        return write_blob(self.folder / "blobs", write)

    def path(self, blob: str) -> Path:
        """As types.Journal.path."""
        folder = self.folder / "blobs" / blob
        if not folder.is_dir():
            raise EvidenceError(f"no blob {blob!r} in this journal")
        return folder

    def scratch(self, name: str) -> Path:
        """As types.Journal.scratch."""
        folder = self.folder / "scratch" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def spend(self, uses: Sequence[Use]) -> None:
        """As types.Journal.spend."""
        self.uses.extend(use for use in uses if use not in self.uses)

    def record(self, lineage: Lineage) -> None:
        """As types.Journal.record."""
        self.lineages[lineage.weights] = lineage

    def lineage(self, weights: str) -> Lineage | None:
        """As types.Journal.lineage."""
        return self.lineages.get(weights)

    def identify(self, weights: str, *, sketch: BaseModel, beside: Lineage | None, family: str, base: bool) -> Lineage:
        """As types.Journal.identify, without near copies."""
        known = self.lineages.get(weights) or beside
        return known or Lineage(weights=weights, body=weights, families=(family,), history="base" if base else "unknown")

    def attempt(self, body: str, most: int) -> int:
        """As types.Journal.attempt."""
        used = self.attempts.get(body, 0)
        if used >= most:
            return 0
        self.attempts[body] = used + 1
        return used + 1

    def progress(self, label: str, done: int, total: int) -> None:
        """As types.Journal.progress: nobody watches."""

    def spent_tokens(self, replies: Iterable[Reply]) -> None:
        """As types.Journal.spent_tokens."""
        self.replies.extend(replies)
