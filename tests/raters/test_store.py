import os
import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from spiritlevel.errors import DataError, EvidenceError
from spiritlevel.raters.store import Labels, latest
from spiritlevel.types import Item, Rating, user

ITEMS = [Item(id=f"i{i}", chat=user(f"q{i}"), a="x", b="y") for i in range(50)]


def label(item="i0", rater="ana", value=1.0, **more):
    return Rating(item=item, rater=rater, value=value, first="a", **more)


@pytest.fixture
def labels(tmp_path):
    found = Labels(tmp_path / "runs" / "labels.db")
    found.add("set", ITEMS)
    return found


def test_items_and_labels_are_kept_with_their_history(labels):
    assert labels.add("set", ITEMS) == 0
    assert labels.items("set") == ITEMS
    assert labels.rate("set", [label(at="1", seconds=2.5, note="n"), label(at="2", value=0.0)]) == 2
    assert [r.value for r in labels.ratings("set")] == [1.0, 0.0]
    assert latest(labels.ratings("set"))["i0", "ana"].value == 0.0
    assert labels.ratings("set")[0].seconds == 2.5
    assert labels.rate("set", [label(at="1", seconds=2.5, note="n")]) == 0
    (seen,) = labels.sets()
    assert (seen.items, seen.ratings, seen.raters, seen.scale) == (50, 1, ("ana",), False)


def test_what_is_refused_leaves_nothing_behind(labels):
    with pytest.raises(DataError, match="not in set"):
        labels.rate("set", [label(), label("other")])
    with pytest.raises(DataError, match="between 0 and 1"):
        labels.rate("set", [label(value=2.0)])
    with pytest.raises(DataError, match="two different items"):
        labels.add("set", [ITEMS[0].model_copy(update={"a": "z"})])
    with pytest.raises(DataError, match="mix pairs"):
        labels.add("set", [Item(id="s", chat=user("q"), a="x")])
    with pytest.raises(DataError, match="no set"):
        labels.items("nothing")
    with pytest.raises(DataError, match="is no name"):
        labels.rate("set", [label(rater=" ")])
    assert not labels.ratings("set")


def test_labels_are_append_only_and_of_one_version(labels):
    labels.rate("set", [label()])
    engine = sa.create_engine(f"sqlite:///{labels.path}")
    with engine.begin() as connection, pytest.raises(sa.exc.DatabaseError, match="append-only"):
        connection.exec_driver_sql("DELETE FROM ratings")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 9")
    engine.dispose()
    with pytest.raises(EvidenceError, match="version 9"):
        labels.items("set")


WRITER = """
import sys
from pathlib import Path
from spiritlevel.raters.store import Labels
from spiritlevel.types import Rating
labels, rater = Labels(Path(sys.argv[1])), sys.argv[2]
for i in range(50):
    labels.rate("set", [Rating(item=f"i{i}", rater=rater, value=1.0, first="a")])
    print(i, flush=True)
"""


def test_several_write_at_once_and_a_kill_loses_nothing_that_was_said(labels):
    def begin(rater):
        return subprocess.Popen([sys.executable, "-c", WRITER, str(labels.path), rater], stdout=subprocess.PIPE, text=True)

    writers = [begin(f"r{n}") for n in range(3)]
    while sum(1 for _ in zip(range(5), writers[0].stdout, strict=False)) < 5:
        time.sleep(0.01)
    os.kill(writers[0].pid, signal.SIGKILL)
    said = 5 + len(writers[0].stdout.read().splitlines())
    for writer in writers:
        writer.wait()
        writer.stdout.close()
    found = latest(labels.ratings("set"))
    counts = [sum(rater == f"r{n}" for _, rater in found) for n in range(3)]
    assert counts[1:] == [50, 50]
    assert said <= counts[0] <= said + 1
    assert len(labels.ratings("set")) == sum(counts)
