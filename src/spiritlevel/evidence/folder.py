"""Run folders: which run is meant, whose it is, and which version wrote it."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from pydantic import ValidationError

from spiritlevel.errors import ConfigError, EvidenceError, RunLocked
from spiritlevel.evidence.blobs import sweep
from spiritlevel.evidence.faults import telling
from spiritlevel.evidence.journal import Listener
from spiritlevel.evidence.run import Evidence, logging_to, versions
from spiritlevel.evidence.store import Store
from spiritlevel.lineage import Ledger
from spiritlevel.lineage.chain import BEGUN
from spiritlevel.types import Frozen

FORMAT = 1
"""Of the tables and the folder; raised when an older version could not read them."""
STAMP = "run.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Stamp(Frozen):
    """What a run folder says of itself."""

    format: int
    config: str
    """Hash of the resolved configuration."""
    version: str = ""
    remote: bool = False
    """Its tables lie in PostgreSQL."""


class RunInfo(Frozen):
    """One line of `spiritlevel runs`."""

    name: str
    config: str
    changed: float
    """Seconds since 1970."""
    readable: bool = True


@contextmanager
def open_run(
    root: Path,
    name: str | None,
    config_hash: str,
    config_text: str,
    *,
    fresh: bool = False,
    url: str | None = None,
    quiet: bool = False,
    listener: Listener | None = None,
) -> Iterator[Evidence]:
    """Open the run of this configuration for writing: continue it, or make it in `root`/runs.

    A name that another configuration has is an EvidenceError; `fresh` takes NAME-2, NAME-3 and so on. RunLocked when another
    process holds it. `url`: PostgreSQL instead of SQLite. `listener` is told of progress unless `quiet`.
    """
    home = root / "runs"
    chosen = _choose(home, name, config_hash, fresh=fresh)
    folder = home / chosen
    with telling("the run folder", folder), ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked(folder))
        stamp, new = read_stamp(folder), False
        if stamp is None:
            if url is not None:  # a wrong URL must not stamp the folder as remote
                Store(folder, chosen, url, write=True).close()
            stamp = Stamp(format=FORMAT, config=config_hash, version=versions().get("spiritlevel", ""), remote=url is not None)
            place(folder / "config.yaml", config_text)
            place(folder / STAMP, stamp.model_dump_json())
            new = True
        if stamp.config != config_hash:
            raise EvidenceError(
                f"run {chosen!r} was made with another configuration; start a new one with --fresh or another --name, "
                "or undo the change to continue it"
            )
        _same_place(chosen, stamp, url)
        evidence = stack.enter_context(_opened(folder, url, write=True, listener=None if quiet else listener))
        if new:
            evidence.link(BEGUN)
        yield evidence


@contextmanager
def open_existing(
    root: Path,
    name: str | None = None,
    *,
    write: bool = False,
    url: str | None = None,
    quiet: bool = False,
    listener: Listener | None = None,
) -> Iterator[Evidence]:
    """Open a run that is there (the latest when `name` is None). A reader, the default, locks nothing and only replays."""
    if name is None:
        found = [run for run in list_runs(root) if run.readable]
        if not found:
            raise EvidenceError(f"no runs in {str(root / 'runs')!r}; start one with: spiritlevel run")
        name = found[0].name
    folder = root / "runs" / _valid(name)
    if not folder.is_dir():
        raise EvidenceError(f"no run {name!r} in {str(root / 'runs')!r}; spiritlevel runs lists them")
    with telling("the run folder", folder), ExitStack() as stack:
        if write:
            stack.enter_context(locked(folder))
        stamp = read_stamp(folder)
        if stamp is None:
            raise EvidenceError(f"run {name!r} was never started; name another run (spiritlevel runs lists them)")
        _same_place(name, stamp, url)
        yield stack.enter_context(_opened(folder, url, write=write, listener=None if quiet else listener))


@contextmanager
def open_copy(folder: Path) -> Iterator[Evidence]:
    """A run in a bundle, to read: its tables lie in its folder wherever they lay before."""
    if read_stamp(folder) is None:
        raise EvidenceError(f"run {folder.name!r} has no {STAMP}; the bundle is not whole")
    with telling("the run folder", folder), _opened(folder, None, write=False, listener=None) as evidence:
        yield evidence


def open_beside(evidence: Evidence, name: str) -> AbstractContextManager[Evidence]:
    """Another run of the same project, to read."""
    return open_existing(evidence.folder.parent.parent, name, url=evidence.url)


def list_runs(root: Path) -> list[RunInfo]:
    """Runs of a project, the latest first; one of another version is listed as not readable."""
    found = []
    for folder in (root / "runs").glob("*/"):
        try:
            stamp = read_stamp(folder)
        except EvidenceError:
            stamp = Stamp(format=0, config="")
        if stamp is not None:
            changed = max(p.stat().st_mtime for p in (folder / STAMP, folder / "evidence.db", folder / "evidence.db-wal") if p.exists())
            found.append(RunInfo(name=folder.name, config=stamp.config, changed=changed, readable=stamp.format == FORMAT))
    return sorted(found, key=lambda run: (-run.changed, run.name))


@contextmanager
def _opened(folder: Path, url: str | None, *, write: bool, listener: Listener | None) -> Iterator[Evidence]:
    store = Store(folder, folder.name, url, write=write)
    try:
        ledger = Ledger(folder.parent / "ledger.db", write=write)
        if write:
            sweep(folder / "blobs", (row["hash"] for row in store.all("SELECT hash FROM blobs")))
        with ExitStack() as stack:
            if write:
                stack.enter_context(logging_to(folder / "log.txt"))
            yield Evidence(folder, folder.name, store, ledger, listener)
    finally:
        store.close()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it when the process dies in any way."""
    import fcntl

    with (folder / "lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise RunLocked(f"another process is using run {folder.name!r}; wait for it, or start another with --fresh") from fault
        yield


def read_stamp(folder: Path) -> Stamp | None:
    """The folder's stamp; None for a folder without one. EvidenceError when another version wrote it."""
    file = folder / STAMP
    if not file.is_file():
        if (folder / "evidence.db").exists():
            raise EvidenceError(f"run {folder.name!r} has no {STAMP}: it is of another version or damaged; start again with --fresh")
        return None
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        found = raw.get("format") if isinstance(raw, dict) else None
        if found != FORMAT:
            raise EvidenceError(
                f"run {folder.name!r} was written by another version (format {found!r}, this one reads {FORMAT}); "
                "use that version or start again with --fresh"
            )
        return Stamp.model_validate(raw)
    except (ValueError, ValidationError) as fault:
        raise EvidenceError(f"run {folder.name!r} has a damaged {STAMP}; start again with --fresh") from fault


def _same_place(name: str, stamp: Stamp, url: str | None) -> None:
    if stamp.remote and url is None:
        raise EvidenceError(f"run {name!r} keeps its evidence in PostgreSQL; give its URL")
    if not stamp.remote and url is not None:
        raise EvidenceError(f"run {name!r} keeps its evidence in its folder; leave the URL out or start again with --fresh")


def _valid(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ConfigError(f"run name {name!r} cannot be a folder; use letters, digits, '.', '_' and '-', at most 64")
    return name


def _choose(home: Path, name: str | None, config_hash: str, *, fresh: bool) -> str:
    """Folder name: as given, else the hash's first ten digits; without a name the youngest of NAME, NAME-2, ... is continued."""
    base = _valid(name if name is not None else config_hash[:10])
    pattern = re.compile(re.escape(base) + r"-(\d+)")
    taken = [int(found[1]) for f in home.glob(f"{base}-*") if (found := pattern.fullmatch(f.name))] if home.is_dir() else []
    exists = (home / base / STAMP).exists() or (home / base / "evidence.db").exists()
    if fresh and (exists or taken):
        return f"{base}-{max([1, *taken]) + 1}"
    if name is None and not fresh and taken:
        return f"{base}-{max(taken)}"
    return base


def place(file: Path, text: str) -> None:
    """Write whole or not at all."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
