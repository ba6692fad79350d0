"""What a stage holds of its run: every finished unit is durable before the next is asked for."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence.blobs import write_blob
from spiritlevel.evidence.codec import decode, encode
from spiritlevel.evidence.faults import telling
from spiritlevel.evidence.store import Store
from spiritlevel.evidence.units import drive, keyed_units, row_key, row_set
from spiritlevel.lineage import Ledger, Sketch, identify, read_sketch
from spiritlevel.types import Lineage, Reply, RowSet, Use, content_hash

R = TypeVar("R", bound=BaseModel)
U = TypeVar("U", bound=BaseModel)
Listener = Callable[[str, int, int], None]
"""Called with (label, done, total) as units finish."""


class RunJournal:
    """Implements types.Journal for one step of a run; notes what the step read and what it cost."""

    tag: Literal["capability", "safety"] = "safety"
    """What the step's cost counts as; a stage that adds capability sets it."""

    def __init__(self, store: Store, folder: Path, ledger: Ledger, step: str, label: str, listener: Listener | None) -> None:
        self._store, self._folder, self._ledger = store, folder, ledger
        self.step, self.label = step, label
        self._listener = listener
        self.parents: dict[str, None] = {}
        """Row sets and steps that this step read, in order."""
        self._made: set[str] = set()
        self._tokens_in = self._tokens_out = 0
        self._money = 0.0
        self._clock = (_cpu(), time.monotonic())

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
        """As types.Journal.map. Tokens of new `Reply` rows are counted; a row already there is kept as it is."""
        keyed = keyed_units(kind, salt, units)
        keys = [key for key, _ in keyed]

        def commit(rows: list[tuple[str, R]]) -> None:
            self._count(value for _, value in rows if isinstance(value, Reply))
            with self._store.transaction():
                self._store.insert("rows", [{"key": key, "kind": kind, "value": encode(value)} for key, value in rows])
                self._store.insert("costs", [self._spent()])

        def tick(done: int, total: int) -> None:
            if self._listener is not None:
                self._listener(label or kind, done, total)

        drive(units, keyed, self._store.have(keys), work, commit, tick, batch)
        with self._store.transaction():
            return self._name(kind, keys)

    def _name(self, kind: str, keys: Sequence[str]) -> RowSet:
        named = row_set(kind, keys)
        self._store.insert("row_sets", [{"id": named.id, "kind": kind, "n": named.n, "keys": json.dumps(list(keys))}])
        self._made.add(named.id)
        return named

    def rows(self, rows: RowSet, row: type[R]) -> list[R]:
        """As types.Journal.rows. EvidenceError when the set is of another run or a row does not fit `row`."""
        if rows.id not in self._made:
            self.parents[f"rows:{rows.id}"] = None
        return read_rows(self._store, rows.id, row)

    def put(self, kind: str, rows: Sequence[BaseModel]) -> RowSet:
        """As types.Journal.put: one transaction; equal rows share one."""
        texts = [encode(row) for row in rows]
        keys = [row_key(kind, text) for text in texts]
        with self._store.transaction():
            self._store.insert("rows", [{"key": k, "kind": kind, "value": t} for k, t in zip(keys, texts, strict=True)])
            return self._name(kind, keys)

    def blob(self, write: Callable[[Path], None]) -> str:
        """As types.Journal.blob. A checkpoint with its lineage.json is entered into the project's ledger, too."""
        name = write_blob(self._folder / "blobs", write)
        folder = self._folder / "blobs" / name
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        with self._store.transaction():
            self._store.insert("blobs", [{"hash": name, "step": self.step, "bytes": size}])
        known = read_sketch(folder)
        if known is not None:
            self._ledger.add_sketch(*known)
        return name

    def path(self, blob: str) -> Path:
        """As types.Journal.path."""
        folder = self._folder / "blobs" / blob
        if not folder.is_dir():
            raise EvidenceError(f"blob {blob!r} is missing from run {self._folder.name!r}; start again with --fresh")
        self.parents[f"blob:{blob}"] = None
        return folder

    def scratch(self, name: str) -> Path:
        """As types.Journal.scratch."""
        folder = scratch_home(self._folder, self.label) / self.step / re.sub(r"[^\w.-]", "_", name)
        with telling("training state", self._folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def spend(self, uses: Sequence[Use]) -> None:
        """As types.Journal.spend: in the run and in the project's ledger."""
        with self._store.transaction():
            self._store.insert("uses", [use.model_dump() for use in uses])
        self._ledger.spend(uses)

    def record(self, lineage: Lineage) -> None:
        """As types.Journal.record."""
        text = encode(lineage)
        with self._store.transaction():
            self._store.insert("lineages", [{"hash": content_hash(text), "weights": lineage.weights, "value": text}])
        self._ledger.record(lineage)

    def lineage(self, weights: str) -> Lineage | None:
        """As types.Journal.lineage: the project's ledger first, since it merges later uses; then this run."""
        known = self._ledger.lookup(weights)
        if known is None:
            found = self._store.all("SELECT value FROM lineages WHERE weights = :w ORDER BY hash", w=weights)
            known = decode(found[-1]["value"], Lineage) if found else None
        return known

    def identify(self, weights: str, *, sketch: BaseModel, beside: Lineage | None, family: str, base: bool) -> Lineage:
        """As types.Journal.identify."""
        sample = sketch if isinstance(sketch, Sketch) else None
        declared: Literal["base", "unknown"] = "base" if base else "unknown"
        return identify(self._ledger, weights, sketch=sample, family=family, beside=beside, declared=declared)

    def attempt(self, body: str, most: int) -> int:
        """As types.Journal.attempt. A step that was killed gets its number again: it is the same reading."""
        return self._ledger.attempt(body, self.step, most) or 0

    def progress(self, label: str, done: int, total: int) -> None:
        """As types.Journal.progress."""
        if self._listener is not None:
            self._listener(label, done, total)

    def spent_tokens(self, replies: Iterable[Reply]) -> None:
        """As types.Journal.spent_tokens; for replies that did not come through `map`, which counts its own."""
        self._count(replies)

    def _count(self, replies: Iterable[Reply]) -> None:
        for reply in replies:
            self._tokens_in += reply.tokens_in
            self._tokens_out += reply.tokens_out
            self._money += reply.money

    def _spent(self) -> dict[str, object]:
        """The cost since the last call, as a row: written with each batch, so a kill does not lose it."""
        cpu, now = _cpu(), time.monotonic()
        row = {
            "step": self.step,
            "tokens_in": self._tokens_in,
            "tokens_out": self._tokens_out,
            "cpu_seconds": cpu - self._clock[0],
            "seconds": now - self._clock[1],
            "money": self._money,
        }
        self._tokens_in = self._tokens_out = 0
        self._money = 0.0
        self._clock = (cpu, now)
        return row

    def settle(self) -> None:
        """Write the rest of the cost (inside the caller's transaction)."""
        self._store.insert("costs", [self._spent()])


def read_rows(store: Store, rows: str, row: type[R]) -> list[R]:
    """Rows of a set in its order. EvidenceError when set or row is missing."""
    keys = store.set_keys(rows)
    if keys is None:
        raise EvidenceError(f"no row set {rows!r} in this run; it belongs to another run")
    values = store.values(keys)
    read: dict[str, R] = {}
    for key in keys:
        if key not in read:
            if key not in values:
                raise EvidenceError(f"row {key!r} of set {rows!r} is missing; the run folder is damaged, start again with --fresh")
            read[key] = decode(values[key], row)
    return [read[key] for key in keys]


def scratch_home(folder: Path, label: str) -> Path:
    """Where a step's training state lies; every version of a step shares it, so an abandoned one can be found."""
    return folder / "scratch" / re.sub(r"[^\w.-]", "_", label)


def clear_scratch(folder: Path, label: str, *, keep: str) -> None:
    """Remove training state of a label, but that of step `keep`."""
    home = scratch_home(folder, label)
    for old in home.glob("*") if home.is_dir() else ():
        if old.name != keep:
            shutil.rmtree(old, ignore_errors=True)


def _cpu() -> float:
    """CPU seconds of this process and its finished children."""
    return sum(os.times()[:4])
