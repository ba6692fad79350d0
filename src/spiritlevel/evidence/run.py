"""A run: one folder, one process that writes, and steps that are done once."""

import json
import logging
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast

from pydantic import BaseModel

from spiritlevel.errors import EvidenceError, MissingStage
from spiritlevel.evidence.codec import canonical, class_path, code_hash, decode, decode_as, encode, load_class, result_type
from spiritlevel.evidence.journal import Listener, RunJournal, clear_scratch, read_rows, scratch_home
from spiritlevel.evidence.store import KEYS, Store
from spiritlevel.lineage import Ledger, Link
from spiritlevel.lineage.chain import sha256
from spiritlevel.types import Cost, Frozen, Journal, ModelRef, RowSet, Side, content_hash

P = ParamSpec("P")
R = TypeVar("R", bound=BaseModel)
LOG = logging.getLogger("spiritlevel.evidence")
FILES = ("run.json", "config.yaml")
"""Of the run's folder, evidence as well."""
MEASURING = ("measure", "interpret")
"""Stages whose steps are the evidence of a release."""
LIBRARIES = ("spiritlevel", "torch", "transformers", "peft", "numpy", "scikit-learn")


def stage_of(label: str) -> str:
    """The stage of a label: `elicit` of `elicit:open`, `measure` of `measure.compared`."""
    return label.split(":")[0].split(".")[0]


class Step(Frozen):
    """A finished step as the run knows it."""

    key: str
    label: str
    """Stage, with its side when it was given one: `elicit:open`."""
    subject: str
    """Key of the first model it was given; empty when none."""
    parents: tuple[str, ...]
    """`step:KEY`, `rows:ID` and `blob:HASH` that it read."""
    cost: Cost
    finished: float
    """Seconds since 1970."""

    @property
    def stage(self) -> str:
        """The stage that it belongs to."""
        return stage_of(self.label)

    @property
    def measures(self) -> bool:
        """Whether it is evidence of a release."""
        return self.stage in MEASURING


class Evidence:
    """An open run. Made by `open_run` and `open_existing`; holds no live model and no torch object."""

    def __init__(self, folder: Path, name: str, store: Store, ledger: Ledger, listener: Listener | None = None) -> None:
        self.folder, self.name, self.ledger = folder, name, ledger
        self._store, self._listener = store, listener
        self._origin: dict[str, str] = {}
        self._code: dict[str, str] = {}
        self._running = False
        if store.write:
            with store.transaction():
                store.insert("sessions", [{"versions": json.dumps(versions())}])

    @property
    def writable(self) -> bool:
        """False for a reader, whose steps only replay."""
        return self._store.write

    def step(self, stage: Callable[Concatenate[Journal, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `stage` once for each distinct input (values, configuration, code); later calls replay its value.

        A reader replays only: MissingStage when the step is not done.
        """
        if self._running:
            raise EvidenceError("a stage cannot start a step inside its own; return a value and let the loop call the next stage")
        given = (*args, *kwargs.values())
        label, subject = step_label(stage, given), _subject(given)
        key = self._step_key(stage, args, kwargs)
        found = self._store.one("SELECT value FROM steps WHERE key = :key", key=key)
        if found:
            value = cast(R, decode_as(found["value"], result_type(stage)))
            self._current(label, subject, key)
        elif not self.writable:
            raise self._missing(label)
        else:
            journal = RunJournal(self._store, self.folder, self.ledger, key, label, self._listener)
            journal.parents.update({f"step:{self._origin[text]}": None for text in map(canonical, given) if text in self._origin})
            clear_scratch(self.folder, label, keep=key)
            LOG.info("%s started (%s)", label, key[:10])
            self._running = True
            try:
                value = stage(journal, *args, **kwargs)
                self._finish(journal, stage, subject, value)
            except BaseException as fault:
                LOG.info("%s stopped: %s: %s", label, type(fault).__name__, fault)
                with suppress(EvidenceError), self._store.transaction():
                    journal.settle()
                raise
            finally:
                self._running = False
            LOG.info("%s finished", label)
        if self.writable:  # when it replays, too: a kill may have come between the step's last row and this line
            shutil.rmtree(scratch_home(self.folder, label) / key, ignore_errors=True)
        self._note(value, key, given)
        return value

    def done(self, stage: Callable[Concatenate[Journal, P], BaseModel], /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether `step` with these arguments would replay."""
        return bool(self._store.one("SELECT key FROM steps WHERE key = :key", key=self._step_key(stage, args, kwargs)))

    def _step_key(self, stage: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, Any]) -> str:
        name = f"{stage.__module__}.{stage.__qualname__}"
        if name not in self._code:
            self._code[name] = code_hash(stage)
        keyed = [f"{word}={canonical(kwargs[word])}" for word in sorted(kwargs)]
        return content_hash(name, self._code[name], *map(canonical, args), *keyed)

    def _finish(self, journal: RunJournal, stage: Callable[..., object], subject: str, value: BaseModel) -> None:
        text = encode(value)
        decode_as(text, result_type(stage))  # what cannot be replayed must not be stored
        row = {
            "key": journal.step,
            "label": journal.label,
            "subject": subject,
            "stage": f"{stage.__module__}.{stage.__qualname__}",
            "type": class_path(type(value)),
            "value": text,
            "parents": json.dumps(list(journal.parents)),
            "tag": journal.tag,
            "finished": time.time(),
        }
        with self._store.transaction():
            journal.settle()
            self._store.insert("manifest", [{"label": journal.label, "subject": subject, "step": journal.step}])
            self._store.insert("steps", [row])
        self.link(journal.label)

    def link(self, what: str) -> Link:
        """Enter the run as it stands into the project's chain."""
        return self.ledger.link(self.name, what, root_of(self.inventory()))

    def inventory(self) -> dict[tuple[str, str], str]:
        """(table, key) -> hash of everything that the run holds as evidence, its stamp and configuration included."""
        files = {("file", f.name): sha256(f.read_bytes()) for f in (self.folder / name for name in FILES) if f.is_file()}
        return files | self._store.inventory()

    def copy(self, folder: Path, *, rows: bool) -> None:
        """Write stamp, configuration and tables to a new folder, with what was said only if `rows`; no blobs."""
        for name in FILES:
            if (self.folder / name).is_file():
                shutil.copy(self.folder / name, folder / name)
        self.tables(folder / "evidence.db", [t for t in KEYS if rows or t != "rows"])

    def tables(self, file: Path, names: Iterable[str]) -> None:
        """Write these tables to a new SQLite file."""
        self._store.copy(file, names)

    def take_in(self, folder: Path) -> None:
        """All that a copy of this run, whose blobs are here already, holds besides. What is here stays as it is."""
        with closing(Store(folder, self.name, None, write=True)) as other:
            known = {row["key"] for row in self._store.all("SELECT key FROM steps")}
            found = {table: other.all(f'SELECT * FROM "{table}"') for table in KEYS}
        new = [row for row in found["steps"] if row["key"] not in known]
        with self._store.transaction():
            for table, rows in found.items():
                if KEYS[table] == ("seq",):  # a place in an order of its own
                    rows = [{name: value for name, value in row.items() if name != "seq"} for row in rows]
                self._store.insert(table, rows)
        for label in dict.fromkeys(row["label"] for row in new):
            self.link(label)

    def tick(self, label: str, done: int, total: int) -> None:
        """Tell whoever listens how far a label is."""
        if self._listener is not None:
            self._listener(label, done, total)

    def _current(self, label: str, subject: str, key: str) -> None:
        """Make a replayed step the current one of its label again; nothing is written when it is."""
        found = self._store.one("SELECT step FROM manifest WHERE label = :l AND subject = :s ORDER BY seq DESC LIMIT 1", l=label, s=subject)
        if self.writable and found.get("step") != key:
            with self._store.transaction():
                self._store.insert("manifest", [{"label": label, "subject": subject, "step": key}])

    def _note(self, value: BaseModel, key: str, given: tuple[object, ...]) -> None:
        """Remember which step a value, and the values in its fields, came from: they are the parents of what reads them."""
        taken = set(map(canonical, given))
        inner = (getattr(value, name) for name in type(value).model_fields)
        for part in (value, *(item for item in inner if isinstance(item, BaseModel))):
            text = canonical(part)
            if text not in taken:
                self._origin.setdefault(text, key)

    def _missing(self, label: str) -> MissingStage:
        return MissingStage(f"run {self.name!r} has no {label!r} yet; run: spiritlevel {stage_of(label)} --run {self.name}")

    def value(self, label: str, subject: str | None = None) -> BaseModel:
        """Current value of a label (`measure`, `elicit:open`), for one model key or whichever came last. MissingStage if none."""
        found = self._store.one(
            "SELECT s.type, s.value FROM manifest m JOIN steps s ON s.key = m.step WHERE m.label = :l "
            + ("" if subject is None else "AND m.subject = :s ")
            + "ORDER BY m.seq DESC LIMIT 1",
            **({"l": label} if subject is None else {"l": label, "s": subject}),
        )
        if not found:
            raise self._missing(label)
        return decode(found["value"], load_class(found["type"]))

    def made_by(self, step: Step) -> BaseModel:
        """The value of one step. EvidenceError when it does not fit its class any more."""
        found = self._store.one("SELECT type, value FROM steps WHERE key = :k", k=step.key)
        return decode(found["value"], load_class(found["type"]))

    def values(self, label: str) -> tuple[BaseModel, ...]:
        """Every value that a label ever had, of all models, in the order in which they were made."""
        rows = self._store.all(
            "SELECT s.type, s.value, MIN(m.seq) AS first FROM manifest m JOIN steps s ON s.key = m.step WHERE m.label = :l "
            "GROUP BY s.key, s.type, s.value ORDER BY first",
            l=label,
        )
        return tuple(decode(row["value"], load_class(row["type"])) for row in rows)

    def parts(self, value: BaseModel) -> tuple[BaseModel, ...]:
        """Values of the steps that a step's value was made of. MissingStage when no step of this run has it."""
        found = self._store.one(
            "SELECT parents FROM steps WHERE type = :t AND value = :v ORDER BY finished DESC LIMIT 1",
            t=class_path(type(value)),
            v=encode(value),
        )
        if not found:
            raise MissingStage(f"run {self.name!r} holds no step that made this {type(value).__name__!r}; the run folder is damaged")
        keys = [parent.removeprefix("step:") for parent in json.loads(found["parents"]) if parent.startswith("step:")]
        rows = [self._store.one("SELECT type, value FROM steps WHERE key = :k", k=key) for key in keys]
        return tuple(decode(row["value"], load_class(row["type"])) for row in rows if row)

    @property
    def url(self) -> str | None:
        """Where its tables lie when that is not its folder."""
        return self._store.url

    def latest(self, stage: Callable[Concatenate[Journal, ...], R], *, side: Side | None = None, model: ModelRef | None = None) -> R:
        """Current value of a stage, typed; `side` and `model` narrow it as its arguments did."""
        return cast(R, self.value(step_label(stage, () if side is None else (side,)), None if model is None else model.key))

    def steps(self, *, every: bool = False) -> tuple[Step, ...]:
        """Every current step in the order in which they became so, with its cost over all attempts.

        `every`: those too that another of the same label and model came after, as one suite after another does.
        """
        by = "step" if every else "label, subject"
        rows = self._store.all(
            "SELECT s.key, s.label, s.subject, s.parents, s.tag, s.finished FROM manifest m JOIN steps s ON s.key = m.step "
            f"WHERE m.seq IN (SELECT MAX(seq) FROM manifest GROUP BY {by}) ORDER BY m.seq"
        )
        return tuple(
            Step(
                key=row["key"],
                label=row["label"],
                subject=row["subject"],
                parents=tuple(json.loads(row["parents"])),
                cost=self.cost(row["key"], tag=row["tag"]),
                finished=row["finished"],
            )
            for row in rows
        )

    def cost_of(self, stage: Callable[Concatenate[Journal, P], BaseModel], /, *args: P.args, **kwargs: P.kwargs) -> Cost:
        """What the step with these arguments has cost so far."""
        return self.cost(self._step_key(stage, args, kwargs))

    def cost(self, step: str, *, tag: Literal["capability", "safety"] = "safety") -> Cost:
        """What a step has cost so far, interrupted attempts included."""
        found = self._store.one(
            "SELECT COALESCE(SUM(tokens_in), 0) AS tokens_in, COALESCE(SUM(tokens_out), 0) AS tokens_out, "
            "COALESCE(SUM(cpu_seconds), 0) AS cpu_seconds, COALESCE(SUM(seconds), 0) AS seconds, "
            "COALESCE(SUM(money), 0) AS money FROM costs WHERE step = :step",
            step=step,
        )
        return Cost(**found, tag=tag)

    def seconds(self) -> float:
        """Wall time of every step that was ever begun, interrupted attempts included."""
        return float(self._store.one("SELECT COALESCE(SUM(seconds), 0) AS seconds FROM costs")["seconds"])

    def counts(self) -> dict[str, int]:
        """How many rows of each kind there are, and `steps` and `blobs`."""
        kinds = self._store.all("SELECT kind, COUNT(*) AS n FROM rows GROUP BY kind ORDER BY kind")
        more = {t: self._store.one(f"SELECT COUNT(*) AS n FROM {t}")["n"] for t in ("steps", "blobs")}
        return {row["kind"]: row["n"] for row in kinds} | more

    def rows(self, rows: RowSet, row: type[R]) -> list[R]:
        """Rows of a set, for readers outside a step."""
        return read_rows(self._store, rows.id, row)

    def path(self, blob: str) -> Path:
        """Folder of a blob. EvidenceError when it is not in this run."""
        folder = self.folder / "blobs" / blob
        if not folder.is_dir():
            raise EvidenceError(f"blob {blob!r} is missing from run {self.name!r}; start again with --fresh")
        return folder

    def digest(self) -> str:
        """Equal for equal evidence: keys, values and blob hashes; no times, costs, attempts or host."""
        return self._store.digest()


def root_of(inventory: Mapping[tuple[str, str], str]) -> str:
    """One hash over an inventory."""
    return sha256(sorted([table, key, digest] for (table, key), digest in inventory.items()))


def step_label(stage: Callable[..., object], given: tuple[object, ...]) -> str:
    """`elicit:open`: the stage's package (with the function's name unless it is its main one) and its argument's or value's side."""
    parts = stage.__module__.split(".")
    package = parts[1] if parts[0] == "spiritlevel" and len(parts) > 1 else parts[-1]
    name = stage.__qualname__.rpartition(".")[2]
    base = package if name in ("run", "decide", "write") else f"{package}.{name}"
    sides = [side.value for side in given if isinstance(side, Side)]
    if not sides and "side" in getattr(result_type(stage), "model_fields", {}):
        # a stage whose value lies on a side takes it from what it reads
        sides = [side.value for item in given if isinstance(side := getattr(item, "side", None), Side)]
    return ":".join([base, *sides[:1]])


def _subject(given: tuple[object, ...]) -> str:
    return next((argument.key for argument in given if isinstance(argument, ModelRef)), "")


def versions() -> dict[str, str]:
    """What a session ran on; recorded, never part of the digest."""
    found = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


class _Quiet(logging.FileHandler):
    """A log must never stop a run: on a full disk its lines are dropped."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """Append what the package logs to the run's log.txt while the run is open."""
    logger = logging.getLogger("spiritlevel")
    before, level = logger.propagate, logger.level
    try:
        handler: logging.Handler = _Quiet(file, encoding="utf-8", errors="backslashreplace", delay=True)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = before
        with suppress(OSError):
            handler.close()
