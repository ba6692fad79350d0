"""A project's labels: named sets of items and every label on them, in one append-only SQLite that many may write to at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Column, Integer, MetaData, Table, Text, UniqueConstraint

from spiritlevel.errors import DataError, EvidenceError
from spiritlevel.evidence.faults import telling
from spiritlevel.types import Item, Rating, content_hash

VERSION = 1
TABLES = MetaData()
ITEMS = Table(
    "items",
    TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("set", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("value", Text, nullable=False),
    UniqueConstraint("set", "id"),
)
RATINGS = Table(
    "ratings",
    TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("set", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("rater", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("value", Text, nullable=False),
    UniqueConstraint("set", "key"),
    sqlite_autoincrement=True,
)
WHAT = "the labels"


class SetSeen(NamedTuple):
    """One set at a glance; `ratings` counts each rater's later label on an item alone."""

    name: str
    items: int
    scale: bool
    ratings: int
    raters: tuple[str, ...]


class Labels:
    """One file beside a project's runs. Each call is one short transaction; what it returned from survives a kill and a power cut."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, name: str, items: Sequence[Item]) -> int:
        """Put items into a set, made if need be; returns how many are new.

        DataError, and nothing is written: no items, pairs and single replies mixed, an id that stands for something else.
        """
        checked(name, "set")
        if not items:
            raise DataError(f"there are no items for set {name!r}; give a file that holds some")
        with self._writing() as connection:
            known = {item.id: item for item in _items(connection, name)}
            kinds = {item.b is None for item in (*known.values(), *items)}
            if len(kinds) > 1:
                raise DataError(f"set {name!r} would mix pairs and single replies; put each kind into a set of its own")
            fresh: dict[str, Item] = {}
            for item in items:
                if known.setdefault(item.id, item) != item and _content(known[item.id]) != _content(item):
                    raise DataError(f"id {item.id!r:.80} stands for two different items in set {name!r}; give each its own id, or none")
                if known[item.id] is item:
                    fresh[item.id] = item
            rows = [{"set": name, "id": item.id, "value": item.model_dump_json()} for item in fresh.values()]
            if rows:
                connection.execute(sa.insert(ITEMS), rows)
        return len(fresh)

    def rate(self, name: str, ratings: Sequence[Rating]) -> int:
        """Write labels; returns how many are new. The same label again, time and all, is written once.

        A label without a time is dated now, unless it says what its rater's last one on the item says. DataError: an item not in the set.
        """
        for rater in {r.rater for r in ratings}:
            checked(rater, "rater")
        wrong = next((r for r in ratings if r.value is not None and not 0 <= r.value <= 1), None)
        if wrong is not None:
            raise DataError(
                f"rater {wrong.rater!r} gives item {wrong.item!r:.80} the value {wrong.value}; it lies between 0 and 1, or is null"
            )
        with self._writing() as connection:
            known = {row[0] for row in connection.execute(sa.select(ITEMS.c.id).where(ITEMS.c.set == name))}
            strange = next((r.item for r in ratings if r.item not in known), None)
            if strange is not None:
                raise DataError(f"item {strange!r:.80} is not in set {name!r}; import the items first")
            undated = any(not r.at for r in ratings)
            last = {slot(r): r for r in _ratings(connection, name)} if undated else {}
            before = _count(connection, name)
            for r in ratings:
                if not r.at:
                    said = last.get(slot(r))
                    if said is not None and _says(said) == _says(r):
                        continue
                    r = r.model_copy(update={"at": now()})
                last[slot(r)] = r
                row = {"set": name, "key": content_hash(r), "item": r.item, "rater": r.rater, "at": r.at, "value": r.model_dump_json()}
                connection.execute(sa.insert(RATINGS).prefix_with("OR IGNORE"), row)
            return _count(connection, name) - before

    def items(self, name: str) -> list[Item]:
        """Items of a set in the order in which they came. DataError when there is no such set."""
        with self._reading() as connection:
            found = _items(connection, name) if connection is not None else []
        if not found:
            have = ", ".join(repr(one.name)[:60] for one in self.sets()) or "none yet"
            raise DataError(f"there is no set {name!r:.80} (there is: {have}); make it with: spiritlevel raters import SET FILE")
        return found

    def ratings(self, name: str) -> list[Rating]:
        """Every label of a set, oldest first, so that the last of a rater on an item is the one that counts."""
        with self._reading() as connection:
            return _ratings(connection, name) if connection is not None else []

    def sets(self) -> list[SetSeen]:
        """All sets by name."""
        with self._reading() as connection:
            names = [] if connection is None else [row[0] for row in connection.execute(sa.select(ITEMS.c.set).distinct())]
            return [] if connection is None else [_seen(connection, name) for name in sorted(names)]

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with telling(WHAT, self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            engine = _engine(str(self.path), "BEGIN IMMEDIATE")
            with engine.begin() as connection:
                if not self._check(connection):
                    _make(connection)
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection | None]:
        if not self.path.is_file():
            yield None
            return
        with telling(WHAT, self.path), _engine(f"{self.path.resolve().as_uri()}?mode=ro&uri=true", "BEGIN").begin() as connection:
            # a file that a writer has only just made holds no table yet
            yield connection if self._check(connection) else None

    def _check(self, connection: sa.Connection) -> int:
        found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if found not in (0, VERSION):
            raise EvidenceError(f"the labels {str(self.path)!r} are of version {found}, not {VERSION}; use that version")
        return found


def checked(name: str, what: str) -> str:
    """A name of a set or a rater. DataError: empty, longer than 60, or with characters that cannot be printed."""
    if not name or name != name.strip() or len(name) > 60 or not name.isprintable():
        raise DataError(f"{what} {name!r:.80} is no name; write 1 to 60 printable characters without spaces around them")
    return name


def now() -> str:
    """UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def slot(rating: Rating) -> tuple[str, str, str]:
    """What one label stands for: item and rater, and of a model the order in which it was asked."""
    return rating.item, rating.rater, rating.first if rating.by == "model" else ""


def latest(ratings: Sequence[Rating]) -> list[Rating]:
    """The labels that count: the last of each slot."""
    return list({slot(r): r for r in ratings}.values())


def _make(connection: sa.Connection) -> None:
    TABLES.create_all(connection)
    for table in ("items", "ratings"):
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'labels are append-only'); END"
            )
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _engine(location: str, begin: str) -> sa.Engine:
    """No pool: a connection lives for one transaction, so that no reader ever holds the log back."""
    engine = sa.create_engine(f"sqlite:///{location}", connect_args={"timeout": 60.0}, poolclass=sa.pool.NullPool)

    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is off: ours below says which kind
        if begin != "BEGIN":
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")  # people's work: no power cut may take it back

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _items(connection: sa.Connection, name: str) -> list[Item]:
    found = connection.execute(sa.select(ITEMS.c.value).where(ITEMS.c.set == name).order_by(ITEMS.c.seq))
    return [Item.model_validate_json(value) for (value,) in found]


def _ratings(connection: sa.Connection, name: str) -> list[Rating]:
    query = sa.select(RATINGS.c.value).where(RATINGS.c.set == name).order_by(RATINGS.c.at, RATINGS.c.seq)
    return [Rating.model_validate_json(value) for (value,) in connection.execute(query)]


def _count(connection: sa.Connection, name: str) -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(RATINGS.c.set == name)).scalar_one())


def _seen(connection: sa.Connection, name: str) -> SetSeen:
    items = _items(connection, name)
    pairs = connection.execute(sa.select(RATINGS.c.item, RATINGS.c.rater).where(RATINGS.c.set == name).distinct()).all()
    return SetSeen(name, len(items), items[0].b is None, len(pairs), tuple(sorted({rater for _, rater in pairs})))


def _content(item: Item) -> tuple[object, ...]:
    return item.chat, item.a, item.b


def _says(rating: Rating) -> tuple[object, ...]:
    return rating.value, rating.note, rating.panel, rating.by, rating.instrument
