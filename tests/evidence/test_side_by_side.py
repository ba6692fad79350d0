"""Steps of several processes are what one would have done; a kill, a fault or a copy that is left over loses nothing."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from spiritlevel.errors import DataError
from spiritlevel.evidence import Evidence, open_existing, open_run, side_by_side
from spiritlevel.evidence.run import root_of
from spiritlevel.evidence.side_by_side import HOME
from spiritlevel.types import Ask, Frozen, Journal, Reply, Use, user


class Squared(Frozen):
    square: int
    blob: str
    process: int = 0


def answer(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
    for place, ask in enumerate(units):
        yield place, Reply(text=ask.chat[-1].content)


def square(journal: Journal, n: int, nap: float = 0.0) -> Squared:
    if n < 0:
        raise DataError(f"{n} is below 0; give more")
    time.sleep(nap)
    asked = [Ask(chat=user(text)) for text in ("shared", str(n))]
    journal.map("reply", asked, answer, Reply)
    journal.spend([Use(model=f"m{n}", atom="a", how="train")])
    return Squared(square=n * n, blob=journal.blob(lambda folder: (folder / "n.txt").write_text(str(n)) and None))


def where(journal: Journal, n: int, blob: str) -> Squared:
    return Squared(square=int((journal.path(blob) / "n.txt").read_text()), blob=blob, process=os.getpid())


def listed(evidence: Evidence, calls: Sequence[tuple[int, float]], processes: int) -> list[Squared]:
    side_by_side(evidence, square, calls, processes)
    return [evidence.step(square, *one) for one in calls]


CALLS = [(n, 0.0) for n in range(5)]


def test_several_processes_leave_the_evidence_that_one_leaves(tmp_path):
    heard = []
    with open_run(tmp_path, "one", "c", "") as evidence:
        assert [v.square for v in listed(evidence, CALLS, 1)] == [0, 1, 4, 9, 16]
        alone = evidence.digest()
    with open_run(tmp_path, "two", "c", "", listener=lambda *given: heard.append(given)) as evidence:
        side_by_side(evidence, square, CALLS, 2)
        last = [link for link in evidence.ledger.links() if link.run == "two"][-1]
        assert (last.what, last.root) == ("test_side_by_side.square", root_of(evidence.inventory()))
        assert [v.square for v in listed(evidence, CALLS, 2)] == [0, 1, 4, 9, 16]
        assert evidence.digest() == alone
        assert {step.label for step in evidence.steps(every=True)} == {"test_side_by_side.square"}
        assert len({step.key for step in evidence.steps(every=True)}) == 5
        assert evidence.seconds() > 0
        assert not list((evidence.folder / HOME).glob("*"))
        assert all((evidence.path(v.blob) / "n.txt").read_text() == str(math.isqrt(v.square)) for v in listed(evidence, CALLS, 2))
    assert heard[-1] == ("test_side_by_side.square", 5, 5)


def test_other_processes_do_it_and_read_what_the_run_holds(tmp_path):
    with open_run(tmp_path, "run", "c", "") as evidence:
        blobs = [evidence.step(square, n, 0.0).blob for n in (2, 3)]
        calls = [(n, blob) for n in (0, 1) for blob in blobs]
        side_by_side(evidence, where, calls, 2)
        found = [evidence.step(where, *one) for one in calls]
        assert [v.square for v in found] == [2, 3, 2, 3]
        assert len({v.process for v in found}) == 2
        assert os.getpid() not in {v.process for v in found}
        assert all(evidence.path(blob).is_dir() and not evidence.path(blob).is_symlink() for blob in blobs)


def test_a_fault_is_told_by_the_step_and_what_was_done_beside_it_stays(tmp_path):
    with open_run(tmp_path, "run", "c", "") as evidence:
        with pytest.raises(DataError, match="-1 is below 0"):
            listed(evidence, [(7, 0.0), (-1, 0.0), (8, 0.0), (9, 0.0)], 2)
        assert evidence.done(square, 7, 0.0)
        assert evidence.done(square, 8, 0.0)


def test_a_killed_run_takes_in_what_its_processes_had_finished(tmp_path):
    calls = [(n, 0.0) for n in range(4)] + [(n, 60.0) for n in (4, 5)]
    root = Path(__file__).parents[square.__module__.count(".")]
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        f"import {square.__module__} as t\n"
        "if __name__ == '__main__':\n"
        "    with t.open_run(t.Path(sys.argv[2]), 'run', 'c', '') as e: t.listed(e, {calls!r}, 2)\n"
    )
    file = tmp_path / "killed.py"
    file.write_text(program.format(calls=calls))
    with subprocess.Popen([sys.executable, str(file), str(root), str(tmp_path)], start_new_session=True) as process:
        home = tmp_path / "runs" / "run" / HOME
        end = time.monotonic() + 60
        while time.monotonic() < end and sum(map(finished, (home / "0", home / "1"))) < 4:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    with open_existing(tmp_path, "run", write=True) as evidence:
        side_by_side(evidence, square, [], 2)
        assert [evidence.done(square, *one) for one in calls] == [True] * 4 + [False] * 2
        assert not list((evidence.folder / HOME).glob("*"))


def finished(folder: Path) -> int:
    """Steps in a copy's tables."""
    if not (folder / "evidence.db").is_file():
        return 0
    with sqlite3.connect(f"file:{folder / 'evidence.db'}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM steps").fetchone()[0])


def test_a_copy_that_was_never_whole_is_thrown_away(tmp_path):
    with open_run(tmp_path, "run", "c", "") as evidence:
        half = evidence.folder / HOME / "0"
        (half / "blobs" / "b").mkdir(parents=True)
        (half / "tables").write_bytes(b"not yet")
        assert [v.square for v in listed(evidence, CALLS, 2)] == [0, 1, 4, 9, 16]
        assert not half.exists()
