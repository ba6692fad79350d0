"""The project's ledger: what is known of every checkpoint, over all runs, and who has looked at what."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from spiritlevel.errors import EvidenceError
from spiritlevel.lineage.chain import Link, follow
from spiritlevel.lineage.weights import NEAR, Sketch, distance
from spiritlevel.types import Calibration, Instrument, Lineage, Use

Lookup = Callable[[str], Lineage | None]
"""Lineage of a model key; None when nothing is known."""

VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS lineages (weights TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS aliases (fingerprint TEXT PRIMARY KEY, weights TEXT);
CREATE TABLE IF NOT EXISTS sketches (weights TEXT, value TEXT, PRIMARY KEY (weights, value));
CREATE TABLE IF NOT EXISTS uses (model TEXT, atom TEXT, how TEXT, PRIMARY KEY (model, atom, how));
CREATE TABLE IF NOT EXISTS attempts (body TEXT, attempt INTEGER, reader TEXT, PRIMARY KEY (body, attempt));
CREATE TABLE IF NOT EXISTS looks (model TEXT, what TEXT, seen TEXT, PRIMARY KEY (model, what, seen));
CREATE TABLE IF NOT EXISTS calibrations (instrument TEXT, data TEXT, value TEXT, PRIMARY KEY (instrument, data));
"""
CHAIN = """
CREATE TABLE IF NOT EXISTS chain (seq INTEGER PRIMARY KEY, time REAL, run TEXT, what TEXT, root TEXT, previous TEXT, hash TEXT)
"""
"""Made when the first link is: a ledger from before the chain has none."""
KEPT = ("attempts", "uses", "looks")
"""Tables whose rows are entered once and never changed."""
_INFORMED = {"unknown": 0, "base": 1, "declared": 2, "known": 3}


class Ledger:
    """One SQLite file beside a project's runs. Each call is one short transaction, so many processes may share it."""

    def __init__(self, path: Path, *, write: bool = True) -> None:
        self.path, self.write = path, write

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if self.write:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            where = str(self.path) if self.write else f"{self.path.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(where, timeout=30.0, isolation_level=None, uri=not self.write)) as connection:
                found = int(connection.execute("PRAGMA user_version").fetchone()[0])
                if found not in (0, VERSION):
                    raise EvidenceError(f"the ledger {str(self.path)!r} is of version {found}, not {VERSION}; use that version")
                connection.execute("BEGIN IMMEDIATE" if self.write else "BEGIN")
                if self.write and not found:
                    for statement in filter(str.strip, SCHEMA.split(";")):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as fault:
            raise EvidenceError(
                f"cannot use the ledger {str(self.path)!r}: {fault}; free the disk or the file and run the same command again"
            ) from fault

    def record(self, lineage: Lineage, sketch: Sketch | None = None) -> None:
        """Enter weights. Entering them again only adds: no use, judge or parent is ever taken away.

        Its body becomes known as a base at once, so that a clean base is never taken for a near copy of its own descendant.
        """
        with self._open() as ledger:
            known = self._get(ledger, lineage.weights)
            merged = lineage if known is None else _merge(known, lineage)
            ledger.execute("INSERT OR REPLACE INTO lineages VALUES (?, ?)", (lineage.weights, merged.model_dump_json()))
            if lineage.body and lineage.body != lineage.weights:
                base = Lineage(weights=lineage.body, body=lineage.body, history="base")
                ledger.execute("INSERT OR IGNORE INTO lineages VALUES (?, ?)", (base.weights, base.model_dump_json()))
        if sketch is not None:
            self.add_sketch(lineage.weights, lineage.weights, sketch)

    def add_sketch(self, weights: str, fingerprint: str, sketch: Sketch) -> None:
        """Let the model `weights` be found by the fingerprint of its files and by near copies."""
        with self._open() as ledger:
            if fingerprint != weights:
                ledger.execute("INSERT OR IGNORE INTO aliases VALUES (?, ?)", (fingerprint, weights))
            ledger.execute("INSERT OR IGNORE INTO sketches VALUES (?, ?)", (weights, sketch.model_dump_json()))

    def spend(self, uses: Iterable[Use]) -> None:
        """Write uses; those of a model whose lineage is entered (now or later) join it."""
        with self._open() as ledger:
            ledger.executemany("INSERT OR IGNORE INTO uses VALUES (?, ?, ?)", [(u.model, u.atom, u.how) for u in uses])

    def lookup(self, fingerprint: str) -> Lineage | None:
        """What is known of exactly these weights; None when nothing."""
        if not self.path.is_file():
            return None
        with self._open() as ledger:
            alias = ledger.execute("SELECT weights FROM aliases WHERE fingerprint = ?", (fingerprint,)).fetchone()
            return self._get(ledger, fingerprint) or (self._get(ledger, alias[0]) if alias else None)

    @staticmethod
    def _get(ledger: sqlite3.Connection, weights: str) -> Lineage | None:
        found = ledger.execute("SELECT value FROM lineages WHERE weights = ?", (weights,)).fetchone()
        if found is None:
            return None
        lineage = Lineage.model_validate_json(found[0])
        rows = ledger.execute("SELECT model, atom, how FROM uses WHERE model = ? ORDER BY atom, how", (weights,)).fetchall()
        later = [Use(model=model, atom=atom, how=how) for model, atom, how in rows]
        return lineage.model_copy(update={"uses": tuple(dict.fromkeys((*lineage.uses, *later)))})

    def near(self, sketch: Sketch) -> tuple[Lineage, ...]:
        """Every known checkpoint within NEAR of the sketch, and every known descendant of those.

        Descendants count because an adapter leaves no sketch that its merged copy could be held against.
        """
        if not self.path.is_file():
            return ()
        with self._open() as ledger:
            close = {
                weights
                for weights, value in ledger.execute("SELECT weights, value FROM sketches")
                if distance(sketch, Sketch.model_validate_json(value)) < NEAR
            }
            everyone = [Lineage.model_validate_json(value) for (value,) in ledger.execute("SELECT value FROM lineages")]
            grown = True
            while grown:
                born = {one.weights for one in everyone if close & {*one.parents, one.body}} if close else set()
                grown, close = not born <= close, close | born
            return tuple(found for weights in sorted(close) if (found := self._get(ledger, weights)) is not None)

    def attempt(self, body: str, reader: str, limit: int) -> int | None:
        """Number (from 1) of this reading of the sealed set by what descends from `body`; None when `limit` are used up.

        Durable before it returns. The same `reader` (a step's key) gets its number again, so a killed one does not pay twice.
        """
        with self._open() as ledger:
            mine = ledger.execute("SELECT attempt FROM attempts WHERE body = ? AND reader = ?", (body, reader)).fetchone()
            if mine is not None:
                return int(mine[0]) if mine[0] <= limit else None
            used = int(ledger.execute("SELECT COUNT(*) FROM attempts WHERE body = ?", (body,)).fetchone()[0])
            if used >= limit:
                return None
            ledger.execute("INSERT INTO attempts VALUES (?, ?, ?)", (body, used + 1, reader))
            return used + 1

    def look(self, model: str, what: str, seen: str) -> int:
        """Note one look at the results of `model` on an open set; returns how many there are now.

        `seen` identifies the results: the same ones shown again teach nobody anything new.
        """
        with self._open() as ledger:
            ledger.execute("INSERT OR IGNORE INTO looks VALUES (?, ?, ?)", (model, what, seen))
        return self.looks([model], what)

    def looks(self, models: Sequence[str], what: str | None = None) -> int:
        """Looks at the results of any of `models`, on one set or on all."""
        if not self.path.is_file():
            return 0
        with self._open() as ledger:
            rows = ledger.execute("SELECT model, what FROM looks").fetchall()
        return sum(model in models and what in (None, seen) for model, seen in rows)

    def calibrate(self, calibration: Calibration) -> None:
        """Note how a judge did against a set of labels; the same set again replaces what was noted."""
        with self._open() as ledger:
            row = (calibration.instrument, calibration.data, calibration.model_dump_json())
            ledger.execute("INSERT OR REPLACE INTO calibrations VALUES (?, ?, ?)", row)

    def calibrations(self) -> tuple[Calibration, ...]:
        """Every calibration of every judge, by instrument and data."""
        if not self.path.is_file():
            return ()
        with self._open() as ledger:
            rows = ledger.execute("SELECT value FROM calibrations ORDER BY instrument, data").fetchall()
        return tuple(Calibration.model_validate_json(value) for (value,) in rows)

    def link(self, run: str, what: str, root: str) -> Link:
        """Append a link to the project's chain; durable before it returns."""
        with self._open() as ledger:
            ledger.execute(CHAIN)
            last = ledger.execute("SELECT * FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
            made = follow(_link(last) if last else None, time.time(), run, what, root)
            ledger.execute("INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?, ?)", tuple(made.model_dump().values()))
            return made

    def links(self) -> list[Link]:
        """The project's chain, in order."""
        if not self.path.is_file():
            return []
        with self._open() as ledger:
            there = ledger.execute("SELECT name FROM sqlite_master WHERE name = 'chain'").fetchone()
            return [_link(row) for row in ledger.execute("SELECT * FROM chain ORDER BY seq")] if there else []

    def kept(self) -> set[str]:
        """Rows that are entered once: readings of the sealed set, uses, looks; each as JSON with its table's name first."""
        if not self.path.is_file():
            return set()
        with self._open() as ledger:
            return {json.dumps([table, *row]) for table in KEPT for row in ledger.execute(f"SELECT * FROM {table}")}


def _link(row: Sequence[object]) -> Link:
    return Link.model_validate(dict(zip(Link.model_fields, row, strict=True)))


def _merge(old: Lineage, new: Lineage) -> Lineage:
    judges: dict[str, Instrument] = {judge.id: judge for judge in (*old.judges, *new.judges)}
    return Lineage(
        weights=old.weights,
        body=new.body or old.body,
        parents=tuple(dict.fromkeys((*old.parents, *new.parents))),
        uses=tuple(dict.fromkeys((*old.uses, *new.uses))),
        judges=tuple(judges.values()),
        families=tuple(dict.fromkeys((*old.families, *new.families))),
        history=max(old.history, new.history, key=_INFORMED.__getitem__),
        note=new.note or old.note,
    )


def ancestry(lineage: Lineage, lookup: Lookup) -> tuple[Lineage, ...]:
    """The lineage and all that it descends or learned from, nearest first; an ancestor nobody knows has history `unknown`."""
    found: dict[str, Lineage] = {lineage.weights: lineage}
    queue = [lineage]
    for one in queue:
        for weights in (*one.parents, one.body):
            if weights and weights not in found:
                parent = lookup(weights) or Lineage(weights=weights, body=weights, note="nothing is known of it")
                if parent.weights not in found:
                    queue.append(parent)
                found[weights] = found[parent.weights] = parent
    return tuple({id(one): one for one in found.values()}.values())


def identify(
    ledger: Ledger,
    weights: str,
    *,
    sketch: Sketch | None = None,
    family: str = "",
    beside: Lineage | None = None,
    declared: Literal["base", "unknown"] = "unknown",
) -> Lineage:
    """The lineage of weights that were just met, the surest source first.

    The ledger's exact entry; the lineage.json `beside` them; else near copies in the ledger, from all of which they then descend;
    else a base, if a person declared one (it is entered); else unknown. A declaration never outweighs a near copy.
    """
    known = ledger.lookup(weights)
    if known is not None:
        return known
    if beside is not None:
        ledger.record(beside, sketch)
        return ledger.lookup(beside.weights) or beside
    close = ledger.near(sketch) if sketch is not None else ()
    families = tuple(dict.fromkeys((*filter(None, [family]), *(name for one in close for name in one.families))))
    if close:
        names = ", ".join(one.weights[:10] for one in close)
        parents = tuple(one.weights for one in close)
        return Lineage(weights=weights, body=close[0].body, parents=parents, families=families, note=f"a near copy of {names}")
    found = Lineage(weights=weights, body=weights, families=families, history=declared)
    if declared == "base":
        ledger.record(found, sketch)
    return found
