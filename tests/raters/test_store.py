"""Labels of many writers at once: nothing lost, nothing twice, whoever is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spiritlevel.errors import DataError, EvidenceError
from spiritlevel.raters.store import Labels, latest
from spiritlevel.types import Item, Rating, user

WRITER = """
import sys
from pathlib import Path
from spiritlevel.raters.store import Labels
from spiritlevel.types import Item, Rating, user
path, who, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
labels = Labels(path)
labels.add("s", [Item(id=f"i{i}", chat=user(f"q{i}"), a="x", b="y") for i in range(5)])
for k in range(n):
    labels.rate("s", [Rating(item=f"i{k % 5}", rater=who, value=1.0, first="a", at=f"2026-01-01T00:00:{k:06d}")])
    print(k, flush=True)
"""


def items(n: int = 3) -> list[Item]:
    return [Item(id=f"i{i}", chat=user(f"q{i}"), a="x", b="y") for i in range(n)]


def label(item: str = "i0", value: float | None = 1.0, at: str = "", rater: str = "ann") -> Rating:
    return Rating(item=item, rater=rater, value=value, first="a", at=at)


def writer(path: Path, who: str, n: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), who, str(n)], stdout=subprocess.PIPE, text=True)


def test_four_processes_write_at_once_and_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "labels.db"
    others = [writer(path, name, 30) for name in ("ann", "bob", "cy")]
    doomed = writer(path, "dee", 100_000)
    assert doomed.stdout is not None
    told = [int(doomed.stdout.readline()) for _ in range(10)]
    os.kill(doomed.pid, signal.SIGKILL)
    told += [int(line) for line in doomed.stdout.read().split()]
    for process in (doomed, *others):
        process.communicate(timeout=120)
    assert [p.returncode for p in others] == [0, 0, 0]
    found = Labels(path).ratings("s")
    for name in ("ann", "bob", "cy"):
        assert sum(r.rater == name for r in found) == 30
    kept = sum(r.rater == "dee" for r in found)
    assert len(told) <= kept <= len(told) + 1  # the last may be written and not yet told of
    assert len(Labels(path).items("s")) == 5
    again = writer(path, "dee", kept + 3)
    again.communicate(timeout=120)
    assert sum(r.rater == "dee" for r in Labels(path).ratings("s")) == kept + 3


def test_the_later_label_counts_and_history_stays(tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.db")
    assert labels.add("s", items()) == 3
    assert labels.add("s", items()) == 0
    assert labels.rate("s", [label(at="2026-01-02"), label(value=0.0, at="2026-01-03")]) == 2
    assert labels.rate("s", [label(at="2026-01-02")]) == 0
    assert labels.rate("s", [label(value=None, at="2026-01-01")]) == 1  # came late, is older
    assert [r.value for r in labels.ratings("s")] == [None, 1.0, 0.0]
    assert [r.value for r in latest(labels.ratings("s")) if (r.item, r.rater) == ("i0", "ann")] == [0.0]
    (seen,) = labels.sets()
    assert (seen.items, seen.scale, seen.ratings, seen.raters) == (3, False, 1, ("ann",))


def test_a_label_without_time_is_dated_and_not_repeated(tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.db")
    labels.add("s", items())
    before = time.time()
    assert labels.rate("s", [label()]) == 1
    assert labels.rate("s", [label()]) == 0
    assert labels.rate("s", [label(value=0.5)]) == 1
    assert labels.rate("s", [label()]) == 1  # changed their mind back
    from datetime import datetime

    assert datetime.fromisoformat(labels.ratings("s")[0].at).timestamp() >= before - 1
    assert [r.value for r in labels.ratings("s")] == [1.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"item": "nowhere"}, "item 'nowhere' is not in set 's'"),
        ({"rater": ""}, "rater '' is no name"),
        ({"rater": "a\x1b[2J"}, "is no name"),
        ({"value": 1.5}, "it lies between 0 and 1"),
        ({"value": float("nan")}, "it lies between 0 and 1"),
    ],
)
def test_a_label_that_cannot_be_is_refused_with_all_that_came_with_it(tmp_path: Path, change: dict, says: str) -> None:
    labels = Labels(tmp_path / "labels.db")
    labels.add("s", items())
    with pytest.raises(DataError, match=says):
        labels.rate("s", [label(), label("i1").model_copy(update=change)])
    assert labels.ratings("s") == []


def test_items_that_cannot_be(tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.db")
    labels.add("s", items())
    other = items()[0].model_copy(update={"a": "z"})
    with pytest.raises(DataError, match="id 'i0' stands for two different items"):
        labels.add("s", [*items(5), other])
    with pytest.raises(DataError, match="mix pairs and single"):
        labels.add("s", [Item(id="k", chat=user("q"), a="x")])
    with pytest.raises(DataError, match="no items"):
        labels.add("t", [])
    assert len(labels.items("s")) == 3
    with pytest.raises(DataError, match=r"there is no set 't' \(there is: 's'\)"):
        labels.items("t")


def test_a_file_that_is_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "labels.db"
    assert Labels(path).sets() == []
    assert not path.exists()
    path.write_text("not a database at all, whatever its name", "utf-8")
    with pytest.raises(EvidenceError, match="cannot use the labels"):
        Labels(path).add("s", items())
    assert path.read_text("utf-8").startswith("not a database")


def test_nothing_is_changed_or_taken_away(tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.db")
    labels.add("s", items())
    labels.rate("s", [label()])
    connection = sqlite3.connect(labels.path)
    for statement in ("DELETE FROM ratings", "UPDATE ratings SET rater = 'bob'", "DELETE FROM items"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.rollback()
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(EvidenceError, match="version 9"):
        labels.ratings("s")
