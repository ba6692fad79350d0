"""The tables of a run and the few statements on them: SQLAlchemy Core on SQLite (write-ahead log) or PostgreSQL."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Float, Integer, MetaData, Table, Text

from spiritlevel.errors import EvidenceError, MissingExtra, RunLocked
from spiritlevel.evidence.faults import telling

TABLES = MetaData()
Table("rows", TABLES, Column("key", Text, primary_key=True), Column("kind", Text), Column("value", Text))
Table(
    "row_sets",
    TABLES,
    Column("id", Text, primary_key=True),
    Column("kind", Text),
    Column("n", Integer),
    Column("keys", Text),
)
Table(
    "steps",
    TABLES,
    Column("key", Text, primary_key=True),
    Column("label", Text),
    Column("subject", Text),
    Column("stage", Text),
    Column("type", Text),
    Column("value", Text),
    Column("parents", Text),
    Column("tag", Text),
    Column("finished", Float),
)
Table(
    "manifest",
    TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("label", Text),
    Column("subject", Text),
    Column("step", Text),
)
Table("blobs", TABLES, Column("hash", Text, primary_key=True), Column("step", Text), Column("bytes", sa.BigInteger))
Table(
    "uses",
    TABLES,
    Column("model", Text, primary_key=True),
    Column("atom", Text, primary_key=True),
    Column("how", Text, primary_key=True),
)
Table("lineages", TABLES, Column("hash", Text, primary_key=True), Column("weights", Text), Column("value", Text))
Table(
    "costs",
    TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("step", Text),
    Column("tokens_in", sa.BigInteger),
    Column("tokens_out", sa.BigInteger),
    Column("cpu_seconds", Float),
    Column("seconds", Float),
    Column("money", Float),
)
Table("sessions", TABLES, Column("seq", Integer, primary_key=True, autoincrement=True), Column("versions", Text))

INSERT_ONLY = ("rows", "row_sets", "steps", "manifest", "uses", "lineages", "costs", "sessions")
KEYS = {
    "rows": ("key",),
    "row_sets": ("id",),
    "steps": ("key",),
    "manifest": ("seq",),
    "blobs": ("hash",),
    "uses": ("model", "atom", "how"),
    "lineages": ("hash",),
    "costs": ("seq",),
}
"""Tables that are evidence, with their keys; a session's versions are not."""
CHUNK = 900
"""Keys in one IN list: below every SQLite's limit of bound values."""


class Store:
    """One connection to a run's tables. A writer is alone by its lock; a reader never locks and never waits."""

    def __init__(self, folder: Path, name: str, url: str | None, *, write: bool) -> None:
        self.where = folder if url is None else _parsed(url).render_as_string(hide_password=True)
        self.write, self.url = write, url
        self.postgres = url is not None
        with self.guard():
            self._engine = _postgres(url, name) if url is not None else _sqlite(folder / "evidence.db", write=write)
            self._connection = self._engine.connect()
            try:
                self._open(name)
            except BaseException:
                self.close()
                raise

    def _open(self, name: str) -> None:
        if self.postgres and self.write:
            lock = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
            # held by the session, freed by the server when the process is killed
            if not self.one("SELECT pg_try_advisory_lock(:lock) AS got", lock=lock)["got"]:
                raise RunLocked(f"another process is using run {name!r}; wait for it or choose another run")
        if self.write:
            with self._connection.begin():
                TABLES.create_all(self._connection)
                if not self.postgres:
                    for table in INSERT_ONLY:
                        for verb in ("UPDATE", "DELETE"):
                            self._connection.exec_driver_sql(
                                f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
                                "BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END"
                            )

    def guard(self) -> Any:
        """Context in which database and disk errors become one sentence."""
        return telling("the run's evidence", self.where)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All inserts inside commit together or not at all."""
        if not self.write:
            raise EvidenceError(f"the run in {str(self.where)!r} is open for reading only")
        with self.guard(), self._connection.begin():
            yield

    def insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows; one whose primary key is there already is left as it is."""
        if rows:
            self._connection.execute(_insertion(table, tuple(rows[0])), list(rows))

    def all(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a SELECT, as dictionaries."""
        with self.guard(), self._connection.begin():
            return [dict(row) for row in self._connection.execute(sa.text(statement), values).mappings()]

    def one(self, statement: str, **values: Any) -> dict[str, Any]:
        """First row of a SELECT; an empty dictionary when there is none."""
        found = self.all(statement, **values)
        return found[0] if found else {}

    def have(self, keys: Iterable[str]) -> set[str]:
        """Which of these unit keys have a row."""
        return set(self._among("SELECT key, '' AS value FROM rows WHERE key IN :keys", keys))

    def values(self, keys: Iterable[str]) -> dict[str, str]:
        """JSON of each row that is there."""
        return self._among("SELECT key, value FROM rows WHERE key IN :keys", keys)

    def _among(self, statement: str, keys: Iterable[str]) -> dict[str, str]:
        wanted = list(dict.fromkeys(keys))
        prepared = sa.text(statement).bindparams(sa.bindparam("keys", expanding=True))
        found: dict[str, str] = {}
        with self.guard(), self._connection.begin():
            for start in range(0, len(wanted), CHUNK):
                answer = self._connection.execute(prepared, {"keys": wanted[start : start + CHUNK]})
                found.update((row[0], row[1]) for row in answer)
        return found

    def set_keys(self, rows: str) -> list[str] | None:
        """Ordered unit keys of a row set; None when there is no such set."""
        found = self.one("SELECT keys FROM row_sets WHERE id = :id", id=rows)
        return list(json.loads(found["keys"])) if found else None

    def digest(self) -> str:
        """Hash over sorted keys, values and blob hashes. Times, costs, sessions and the order of lists are left out."""
        total = hashlib.sha256()
        for statement in (
            "SELECT key, value FROM rows",
            "SELECT DISTINCT substr(id, 1, 32), kind FROM row_sets",
            "SELECT key, value FROM steps",
            "SELECT hash, '' FROM blobs",
            "SELECT model, atom || ' ' || how FROM uses",
            "SELECT weights, value FROM lineages",
        ):
            with self.guard(), self._connection.begin():
                found = self._connection.execute(sa.text(statement)).all()
            # sorted here: databases differ in how they order text
            for key, value in sorted((str(k), str(v)) for k, v in found):
                for part in (key, value):
                    total.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
            total.update(b"\x1e")
        return total.hexdigest()[:32]

    def inventory(self) -> dict[tuple[str, str], str]:
        """(table, key) -> hash of every row of evidence: unlike `digest`, with times, costs and order."""
        found: dict[tuple[str, str], str] = {}
        for table, keys in KEYS.items():
            names = list(TABLES.tables[table].columns.keys())
            places = [names.index(key) for key in keys]
            chosen = ", ".join(f'"{n}"' for n in names)
            with self.guard(), self._connection.begin():
                for row in self._connection.execute(sa.text(f'SELECT {chosen} FROM "{table}"')):
                    text = json.dumps([repr(v) if isinstance(v, float) else v for v in row])
                    found[table, " ".join(str(row[i]) for i in places)] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return found

    def copy(self, file: Path, tables: Iterable[str]) -> None:
        """Write these tables to a new SQLite file, rows as they are."""
        engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.pool.StaticPool)
        with self.guard(), engine.begin() as other:
            TABLES.create_all(other)
            for table in tables:
                rows = self.all(f'SELECT * FROM "{table}"')
                if rows:
                    other.execute(_insertion(table, tuple(rows[0])), rows)
        engine.dispose()

    def close(self) -> None:
        """Give the connection back; never fails."""
        try:
            self._connection.close()
            self._engine.dispose()
        except sa.exc.SQLAlchemyError:
            pass


@lru_cache
def _insertion(table: str, names: tuple[str, ...]) -> sa.TextClause:
    """The statement, parsed once: a hosted campaign commits every reply by itself."""
    columns, values = ", ".join(f'"{n}"' for n in names), ", ".join(f":{n}" for n in names)
    return sa.text(f'INSERT INTO "{table}" ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING')


def _sqlite(path: Path, *, write: bool) -> sa.Engine:
    if not write and not path.is_file():
        raise EvidenceError(f"no evidence in {str(path.parent)!r}; name another run (spiritlevel runs lists them)")
    # a reader of a run on a read-only disk cannot make the log's index, and there nobody writes
    frozen = not write and not _writable(path.parent)
    query = "" if write else "?immutable=1&uri=true" if frozen else "?mode=ro&uri=true"
    location = str(path) if write else path.resolve().as_uri()
    engine = sa.create_engine(f"sqlite:///{location}{query}", connect_args={"timeout": 30.0}, poolclass=sa.pool.StaticPool)

    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is off: ours below says which kind
        if write:
            connection.execute("PRAGMA journal_mode=WAL")
            # a kill loses nothing that was committed; a power cut may lose the last commits, never the file
            connection.execute("PRAGMA synchronous=NORMAL")

    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)
    return engine


def _writable(folder: Path) -> bool:
    import os

    return os.access(folder, os.W_OK)


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as fault:
        raise EvidenceError("the evidence URL cannot be understood; write postgresql://USER@HOST/DATABASE") from fault
    if parsed.get_backend_name() != "postgresql":
        raise EvidenceError(f"evidence by URL needs PostgreSQL, not {parsed.drivername!r}; leave the URL out for SQLite")
    return parsed


def _postgres(url: str, name: str) -> sa.Engine:
    """Each run is a schema of its own in the team's database."""
    parsed = _parsed(url)
    try:
        engine = sa.create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=sa.pool.StaticPool)
    except ImportError as fault:
        raise MissingExtra("psycopg", "postgres") from fault
    schema = '"' + f"spiritlevel_{name}".replace('"', "") + '"'

    def connected(connection: Any, _: Any) -> None:
        before, connection.autocommit = connection.autocommit, True
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(f"SET search_path TO {schema}")
        connection.autocommit = before

    sa.event.listen(engine, "connect", connected)
    return engine
