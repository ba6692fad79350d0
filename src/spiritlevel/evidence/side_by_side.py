"""Steps that need nothing of one another, done by several processes: each works in a copy of the run, which then takes in what is new."""

import multiprocessing
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spiritlevel.errors import RunLocked, SpiritlevelError
from spiritlevel.evidence.blobs import TEMPORARY
from spiritlevel.evidence.folder import locked
from spiritlevel.evidence.run import Evidence, step_label
from spiritlevel.evidence.store import Store
from spiritlevel.lineage import Ledger, Link

HOME = "beside"
"""Folder of the run in which the copies lie while they are worked in."""
BEFORE = ("rows", "row_sets", "steps", "blobs", "lineages")
"""Tables that a process is given. It begins without costs, uses and order: all that it has of them afterwards is its own."""
TICK = 0.5
"""Seconds between looks at the processes, and at whether the parent still lives."""


def side_by_side(evidence: Evidence, stage: Callable[..., Any], calls: Sequence[tuple[object, ...]], processes: int) -> None:
    """Do `stage(*args)` of every call that is not done; `evidence.step` then replays them. Nothing for one process, or PostgreSQL.

    What a process could not do is left undone, for the step itself to do or to fail at. A killed run first takes in what was finished.
    """
    _take_in(evidence)
    left = [args for args in calls if not evidence.done(stage, *args)]
    processes = min(processes, len(left))
    if processes < 2 or evidence.url is not None:
        return
    label, spawn = step_label(stage, left[0]), multiprocessing.get_context("spawn")
    finished: Any = spawn.Queue()
    workers = []
    with _threads(processes):
        for n in range(processes):
            folder = _copied(evidence, n)
            given = (folder, evidence.name, evidence.ledger.path, stage, left[n::processes], finished, os.getpid())
            workers.append(spawn.Process(target=_work, args=given, daemon=True))
            workers[-1].start()
    done = len(calls) - len(left)
    try:
        while any(worker.is_alive() for worker in workers) or not finished.empty():
            try:
                done += bool(finished.get(timeout=TICK))
                evidence.tick(label, done, len(calls))
            except queue.Empty:
                continue
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
        _take_in(evidence)


def _work(
    folder: Path, name: str, ledger: Path, stage: Callable[..., Any], calls: Sequence[tuple[object, ...]], finished: Any, parent: int
) -> None:
    """One process. It dies with its parent, so that nobody writes into a folder that another process takes in."""
    threading.Thread(target=_watched, args=(parent,), daemon=True).start()
    with locked(folder):
        store = Store(folder, name, None, write=True)
        part = _Part(folder, name, store, Ledger(ledger))
        for args in calls:
            try:
                part.step(stage, *args)
            except SpiritlevelError:  # told where the step is asked for
                return
            finally:
                finished.put(True)


class _Part(Evidence):
    """A copy of a run; the chain is told of the run alone, once it has taken the copy in."""

    def link(self, what: str) -> Link:
        return Link(seq=0, time=0.0, run=self.name, what=what, root="", previous="", hash="")


def _watched(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(TICK)
    os._exit(1)


def _copied(evidence: Evidence, n: int) -> Path:
    """A folder with the run's tables, and its blobs by reference."""
    folder = evidence.folder / HOME / str(n)
    (folder / "blobs").mkdir(parents=True)
    for blob in (evidence.folder / "blobs").glob("[!.]*"):
        (folder / "blobs" / blob.name).symlink_to(blob.resolve(), target_is_directory=True)
    evidence.tables(folder / "tables", BEFORE)
    (folder / "tables").rename(folder / "evidence.db")  # last: a copy with tables is whole
    return folder


def _take_in(evidence: Evidence) -> None:
    """All that copies hold and the run does not; each copy is removed once it is in. Does the same again after a kill anywhere."""
    for folder in sorted((evidence.folder / HOME).glob("*/")):
        with _held(folder):
            if (folder / "evidence.db").is_file():
                for blob in (folder / "blobs").glob("[!.]*"):
                    if not blob.is_symlink():
                        _linked(blob, evidence.folder / "blobs" / blob.name)
                evidence.take_in(folder)
            shutil.rmtree(folder)


def _linked(blob: Path, place: Path) -> None:
    """The same files under another name, whole or not at all; the copy keeps its own until the run has its rows."""
    if not place.exists():
        whole = place.with_name(f"{TEMPORARY}{place.name}")
        shutil.rmtree(whole, ignore_errors=True)
        shutil.copytree(blob, whole, copy_function=os.link)
        whole.rename(place)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The copy's lock, once a process whose parent was killed has seen that and is gone."""
    end = time.monotonic() + 60 * TICK
    while True:
        try:
            with locked(folder):
                yield
            return
        except RunLocked:
            if time.monotonic() > end:
                raise
            time.sleep(TICK)


@contextmanager
def _threads(processes: int) -> Iterator[None]:
    """Started processes share the processors: more threads than those would be in each other's way."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // processes))
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
