import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from spiritlevel.errors import ConfigError, EvidenceError, MissingStage, RunLocked
from spiritlevel.evidence import Evidence, list_runs, open_existing, open_run
from spiritlevel.types import Ask, Frozen, Journal, Lineage, ModelRef, Reply, RowSet, Side, Use, content_hash, user

CONFIG = content_hash("config")
HOSTILE = "nul \x00 lone \ud800 right-to-left \u202e " + "x" * 100_000
CALLS: list[str] = []


class Counted(Frozen):
    n: int
    rows: RowSet | None = None


class Doubled(Frozen):
    twice: int
    inner: Counted


class Sided(Frozen):
    side: Side


def answer(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
    for place, ask in enumerate(units):
        CALLS.append(ask.chat[-1].content)
        yield place, Reply(text=ask.chat[-1].content, tokens_in=2, tokens_out=3, money=0.5)


def asks(*texts: str) -> list[Ask]:
    return [Ask(chat=user(text)) for text in texts]


def count(journal: Journal, n: int, side: Side = Side.TEACH, model: ModelRef | None = None) -> Counted:
    CALLS.append("count")
    return Counted(n=n, rows=journal.map("reply", asks(*map(str, range(n))), answer, Reply))


def double(journal: Journal, counted: Counted) -> Doubled:
    CALLS.append("double")
    assert counted.rows is not None
    journal.rows(counted.rows, Reply)
    return Doubled(twice=2 * counted.n, inner=counted)


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@pytest.fixture(params=["sqlite", "postgres"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Evidence]:
    url = os.environ.get("SPIRITLEVEL_TEST_POSTGRES") if request.param == "postgres" else None
    if request.param == "postgres" and url is None:
        pytest.skip("SPIRITLEVEL_TEST_POSTGRES is not set")
    with open_run(tmp_path, f"run-{uuid.uuid4().hex[:8]}", CONFIG, "a: 1\n", url=url) as evidence:
        yield evidence


def opened(root: Path, name: str | None = None, config: str = CONFIG, **options: Any) -> AbstractContextManager[Evidence]:
    return open_run(root, name, config, "a: 1\n", **options)


def test_a_step_is_done_once_and_replays(run: Evidence) -> None:
    first = run.step(count, 3)
    assert run.step(count, 3) == first
    assert CALLS == ["count", "0", "1", "2"]
    assert run.step(count, 4).n == 4
    assert CALLS[4:] == ["count", "3"], "units that another step did are not done again"
    assert run.counts()["reply"] == 4


def test_rows_with_nul_lone_surrogates_and_huge_text_survive(run: Evidence) -> None:
    def hostile(journal: Journal) -> Counted:
        rows = journal.map("reply", asks(HOSTILE, "plain"), answer, Reply, batch=1)
        assert [r.text for r in journal.rows(rows, Reply)] == [HOSTILE, "plain"]
        again = journal.put("told", [Reply(text=HOSTILE), Reply(text="\udfff", money=float("inf"))])
        assert journal.rows(again, Reply)[1] == Reply(text="\udfff", money=float("inf"))
        return Counted(n=2, rows=again)

    found = run.step(hostile)
    assert found.rows is not None
    assert run.rows(found.rows, Reply)[0].text == HOSTILE
    assert len(run.digest()) == 32


def test_rows_keep_the_order_they_were_given_in_and_equal_units_share_one(run: Evidence) -> None:
    def mixed(journal: Journal) -> Counted:
        one = journal.map("reply", asks("b", "a", "b"), answer, Reply, batch=2)
        other = journal.map("reply", asks("b", "b", "a"), answer, Reply)
        assert [r.text for r in journal.rows(one, Reply)] == ["b", "a", "b"]
        assert [r.text for r in journal.rows(other, Reply)] == ["b", "b", "a"]
        assert one.id[:32] == other.id[:32]
        return Counted(n=one.n)

    assert run.step(mixed).n == 3
    assert sorted(CALLS) == ["a", "b"]


def test_hosted_replies_are_durable_before_the_next_is_asked_for(run: Evidence) -> None:
    def failing(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        yield 1, Reply(text="kept")
        assert run.counts()["reply"] == 1
        raise ConnectionError("gone")

    def ask(journal: Journal, work: str) -> Counted:
        return Counted(n=1, rows=journal.map("reply", asks("x", "y"), failing if work == "fails" else answer, Reply))

    with pytest.raises(ConnectionError):
        run.step(ask, "fails")
    rows = run.step(ask, "works").rows
    assert rows is not None
    assert [r.text for r in run.rows(rows, Reply)] == ["x", "kept"]
    assert CALLS == ["x"]


def test_a_batch_with_one_unit_missing_runs_whole(run: Evidence) -> None:
    def local(journal: Journal, n: int) -> Counted:
        return Counted(n=n, rows=journal.map("reply", asks(*"abcdef"[:n]), answer, Reply, batch=2))

    run.step(local, 5)
    cut = [CALLS[i : i + 2] for i in range(0, 5, 2)]
    CALLS.clear()
    run.step(local, 6)
    assert len(CALLS) % 2 == 0
    assert set("f") <= set(CALLS)
    assert len(cut) == 3


def test_work_that_skips_or_repeats_a_unit_is_refused(run: Evidence) -> None:
    def skips(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        return [(0, Reply())]

    def repeats(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        return [(0, Reply()), (0, Reply())]

    def ask(journal: Journal, batch: int, how: str) -> Counted:
        return Counted(n=0, rows=journal.map("reply", asks("x", "y"), skips if how == "skips" else repeats, Reply, batch=batch))

    with pytest.raises(EvidenceError, match="1 of 2 units got no answer"):
        run.step(ask, 2, "skips")
    with pytest.raises(ValueError, match="twice or out of range"):
        run.step(ask, 2, "repeats")
    assert "reply" not in run.counts()


def test_costs_parents_and_the_manifest(run: Evidence) -> None:
    seen = run.step(count, 3, Side.OPEN)
    run.step(double, seen)
    first, second = run.steps()
    assert (first.label, second.label) == ("test_run.count:open", "test_run.double")
    assert (first.cost.tokens_in, first.cost.tokens_out, first.cost.money) == (6, 9, 1.5)
    assert first.cost.seconds > 0
    assert seen.rows is not None
    assert set(second.parents) == {f"step:{first.key}", f"rows:{seen.rows.id}"}
    assert run.value("test_run.double") == Doubled(twice=6, inner=seen)
    assert run.latest(double).twice == 6
    assert run.latest(count, side=Side.OPEN) == seen
    run.step(count, 5, Side.OPEN)
    assert run.latest(count, side=Side.OPEN).n == 5
    run.step(count, 3, Side.OPEN)
    assert run.latest(count, side=Side.OPEN).n == 3, "a replayed step is the current one again"
    with pytest.raises(MissingStage, match=r"has no 'test_run\.count:sealed' yet; run: spiritlevel"):
        run.latest(count, side=Side.SEALED)


def test_steps_that_share_label_and_model_are_all_told_when_all_are_asked_for(run: Evidence) -> None:
    for n in (2, 3, 2):
        run.step(count, n)
    assert [run.made_by(step).n for step in run.steps()] == [2]  # type: ignore[attr-defined]
    every = run.steps(every=True)
    assert [run.made_by(step).n for step in every] == [3, 2]  # type: ignore[attr-defined]
    assert len({step.label for step in every}) == 1


def test_a_value_that_lies_on_a_side_is_labelled_by_what_it_was_made_from(run: Evidence) -> None:
    def compare(journal: Journal, seen: Sided) -> Sided:
        return seen

    for side in (Side.OPEN, Side.SEALED):
        assert not run.done(compare, Sided(side=side))
        run.step(compare, Sided(side=side))
        assert run.done(compare, Sided(side=side))
    assert [step.label for step in run.steps()] == ["test_run.compare:open", "test_run.compare:sealed"]
    assert run.latest(compare, side=Side.OPEN).side is Side.OPEN


def test_where_a_model_lies_does_not_matter(run: Evidence) -> None:
    here = ModelRef(spec="path:/a", kind="local", weights="w", family="f")
    there = here.model_copy(update={"spec": "path:/b"})
    other = here.model_copy(update={"weights": "v"})
    run.step(count, 1, Side.OPEN, here)
    run.step(count, 1, Side.OPEN, there)
    assert CALLS.count("count") == 1
    run.step(count, 1, Side.OPEN, other)
    assert CALLS.count("count") == 2
    assert {step.subject for step in run.steps()} == {"w", "v"}


def test_blobs_scratch_uses_and_lineage(run: Evidence, tmp_path: Path) -> None:
    def make(journal: Journal) -> Counted:
        (journal.scratch("state") / "slot").write_text("half")
        blob = journal.blob(lambda folder: (folder / "w").write_text("weights") and None)
        assert journal.blob(lambda folder: (folder / "w").write_text("weights") and None) == blob
        assert (journal.path(blob) / "w").read_text() == "weights"
        with pytest.raises(EvidenceError, match="missing from run"):
            journal.path("0" * 32)
        journal.record(Lineage(weights=blob, body="base", parents=("base",), history="known"))
        journal.spend([Use(model=blob, atom="cluster:1", how="select")] * 2)
        known = journal.lineage(blob)
        assert known is not None
        assert [use.atom for use in known.uses] == ["cluster:1"]
        base = journal.lineage("base")
        assert base is not None
        assert base.history == "base"
        assert journal.lineage("nobody") is None
        assert [journal.attempt("base", 1), journal.attempt("base", 1), journal.attempt("other", 0)] == [1, 1, 0]
        return Counted(n=1)

    run.step(make)
    assert run.counts()["blobs"] == 1
    assert not [file for file in (run.folder / "scratch").rglob("*") if file.is_file()]


def test_a_failed_blob_leaves_nothing(run: Evidence) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("no")

    def make(journal: Journal) -> Counted:
        journal.blob(fail)
        return Counted(n=1)

    with pytest.raises(RuntimeError):
        run.step(make)
    assert list((run.folder / "blobs").iterdir()) == []


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    with opened(tmp_path, listener=lambda *what: heard.append(what)) as evidence:
        evidence.step(count, 2)
    assert heard == [("reply", 0, 2), ("reply", 1, 2), ("reply", 2, 2)]
    heard.clear()
    with opened(tmp_path, quiet=True, fresh=True, listener=lambda *what: heard.append(what)) as evidence:
        evidence.step(count, 2)
    assert heard == []


def test_a_step_in_a_step_is_refused(run: Evidence) -> None:
    def outer(journal: Journal) -> Counted:
        return run.step(count, 1)

    with pytest.raises(EvidenceError, match="inside its own"):
        run.step(outer)


def test_rows_are_append_only_and_digest_ignores_times(tmp_path: Path) -> None:
    with opened(tmp_path, "one") as one, opened(tmp_path, "two") as two:
        for evidence in (one, two):
            evidence.step(count, 4)
        assert one.digest() == two.digest()
        two.step(count, 5)
        assert one.digest() != two.digest()
        with pytest.raises(EvidenceError, match="append-only"), one._store.transaction():
            one._store._connection.exec_driver_sql("DELETE FROM rows")
        assert one.counts()["reply"] == 4


def test_the_same_configuration_continues_and_a_changed_one_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as evidence:
        assert evidence.name == CONFIG[:10]
        evidence.step(count, 2)
    with opened(tmp_path) as evidence:
        evidence.step(count, 2)
    assert CALLS.count("count") == 1
    with opened(tmp_path, fresh=True) as evidence:
        assert evidence.name == f"{CONFIG[:10]}-2"
        evidence.step(count, 2)
    assert CALLS.count("count") == 2
    with opened(tmp_path) as evidence:
        assert evidence.name == f"{CONFIG[:10]}-2", "the youngest is continued"
    with opened(tmp_path, "mine"):
        pass
    with pytest.raises(EvidenceError, match="'mine' was made with another configuration; start a new one with --fresh or another"):
        opened(tmp_path, "mine", "f" * 32).__enter__()
    with opened(tmp_path, "mine", "f" * 32, fresh=True) as evidence:
        assert evidence.name == "mine-2"
    assert (tmp_path / "runs/mine/config.yaml").read_text() == "a: 1\n"
    for bad in ("../up", "", ".hidden", "a/b"):
        with pytest.raises(ConfigError, match="cannot be a folder"):
            opened(tmp_path, bad).__enter__()


def test_a_second_process_gets_one_sentence_and_a_reader_never_waits(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from spiritlevel.evidence import open_run\n"
        f"with open_run(Path(sys.argv[1]), 'mine', {CONFIG!r}, ''): pass\n"
    )
    with opened(tmp_path, "mine") as evidence:
        evidence.step(count, 2)
        other = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
        assert "RunLocked: another process is using run 'mine'" in other.stderr
        with pytest.raises(RunLocked), open_existing(tmp_path, "mine", write=True):
            pass
        with open_existing(tmp_path) as reader:
            assert reader.value("test_run.count") == evidence.latest(count)
            assert not reader.writable
            assert reader.step(count, 2).n == 2
            with pytest.raises(MissingStage):
                reader.step(count, 3)
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 0


def test_a_run_in_postgresql_is_locked_and_read_without_a_lock(tmp_path: Path) -> None:
    url = os.environ.get("SPIRITLEVEL_TEST_POSTGRES")
    if url is None:
        pytest.skip("SPIRITLEVEL_TEST_POSTGRES is not set")
    name = f"run-{uuid.uuid4().hex[:8]}"
    with opened(tmp_path, name, url=url) as evidence:
        evidence.step(count, 2)
        with pytest.raises(RunLocked, match="another process is using run"), opened(tmp_path / "elsewhere", name, url=url):
            pass
        with open_existing(tmp_path, name, url=url) as reader:
            assert reader.step(count, 2).n == 2
    with opened(tmp_path, name, url=url) as evidence:
        assert evidence.counts()["reply"] == 2
    with pytest.raises(EvidenceError, match="in PostgreSQL; give its URL"):
        open_existing(tmp_path, name).__enter__()


def test_a_wrong_evidence_url_is_one_sentence(tmp_path: Path) -> None:
    for url, said in {"mysql://x/y": "needs PostgreSQL", "::": "cannot be understood"}.items():
        with pytest.raises(EvidenceError, match=said):
            opened(tmp_path, url=url).__enter__()
    pytest.importorskip("psycopg")
    with pytest.raises(EvidenceError, match="cannot use the run's evidence") as told:
        opened(tmp_path, "down", url="postgresql://u:secret@127.0.0.1:9/db").__enter__()
    assert "secret" not in str(told.value)


def test_a_run_from_another_version_is_told_and_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path, "old"):
        pass
    stamp = tmp_path / "runs/old/run.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "format": 99}))
    with pytest.raises(EvidenceError, match="'old' was written by another version \\(format 99, this one reads 1\\)"):
        opened(tmp_path, "old").__enter__()
    with pytest.raises(EvidenceError, match="another version"):
        open_existing(tmp_path, "old").__enter__()
    assert [run.readable for run in list_runs(tmp_path)] == [False]
    stamp.write_text("{")
    with pytest.raises(EvidenceError, match=r"damaged run\.json"):
        opened(tmp_path, "old").__enter__()
    stamp.unlink()
    with pytest.raises(EvidenceError, match=r"no run\.json"):
        opened(tmp_path, "old").__enter__()


def test_runs_are_listed_latest_first_and_missing_ones_told(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    with pytest.raises(EvidenceError, match="no runs in"):
        open_existing(tmp_path).__enter__()
    for age, name in enumerate(("new", "old")):
        with opened(tmp_path, name):
            pass
        for file in (tmp_path / "runs" / name).iterdir():
            os.utime(file, (10**9 - age, 10**9 - age))
    assert [run.name for run in list_runs(tmp_path)] == ["new", "old"]
    with pytest.raises(EvidenceError, match="no run 'gone'"):
        open_existing(tmp_path, "gone").__enter__()


def test_orphans_are_swept_at_start(tmp_path: Path) -> None:
    with opened(tmp_path, "mine") as evidence:
        blobs = evidence.folder / "blobs"
    for name in (".tmp-1", "f" * 32):
        (blobs / name).mkdir(parents=True)
    with opened(tmp_path, "mine"):
        pass
    assert list(blobs.iterdir()) == []


def test_training_state_survives_a_failure_and_an_edited_step_starts_anew(tmp_path: Path) -> None:
    def train(journal: Journal, rate: float, fail: bool) -> Counted:
        state = journal.scratch("slots") / "a"
        n = int(state.read_text()) + 1 if state.exists() else 1
        state.write_text(str(n))
        if fail and n < 2:
            raise RuntimeError("stopped")
        return Counted(n=n)

    with opened(tmp_path) as evidence:
        with pytest.raises(RuntimeError):
            evidence.step(train, 0.1, True)
        assert evidence.step(train, 0.1, True).n == 2
        with pytest.raises(RuntimeError):
            evidence.step(train, 0.2, True)
        assert evidence.step(train, 0.3, False).n == 1
        assert not [f for f in (evidence.folder / "scratch").rglob("*") if f.is_file()]


def test_state_that_a_kill_left_after_the_last_row_goes_when_the_step_replays(tmp_path: Path) -> None:
    def train(journal: Journal, rate: float, fail: bool = False) -> Counted:
        (journal.scratch("slots") / "a").write_text("x")
        kept.append(journal.scratch("slots") / "a")
        if fail:
            raise RuntimeError("stopped")
        return Counted(n=1)

    kept: list[Path] = []
    with opened(tmp_path) as evidence:
        evidence.step(train, 0.1)
        with pytest.raises(RuntimeError):
            evidence.step(train, 0.2, True)
    left, going_on = kept
    left.parent.mkdir(parents=True)
    left.write_text("x")
    with opened(tmp_path) as evidence:
        evidence.step(train, 0.1)
    assert not left.exists()
    assert going_on.is_file(), "another version of the step may still need its state"


def test_a_value_of_the_wrong_class_is_not_stored(run: Evidence) -> None:
    def wrong(journal: Journal) -> Counted:
        return Doubled(twice=1, inner=Counted(n=1))  # type: ignore[return-value]

    with pytest.raises(EvidenceError, match="cannot be read"):
        run.step(wrong)
    assert run.counts()["steps"] == 0


def test_the_log_lies_in_the_folder(tmp_path: Path) -> None:
    with opened(tmp_path, "mine") as evidence:
        evidence.step(count, 1)
    assert "test_run.count finished" in (tmp_path / "runs/mine/log.txt").read_text()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a tiny disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_and_the_run_continues_later(tiny_disk: Path) -> None:
    def long(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        for place, ask in enumerate(units):
            CALLS.append(ask.chat[-1].content)
            yield place, Reply(text="y" * 40_000)

    def fill(journal: Journal) -> Counted:
        return Counted(n=1, rows=journal.map("reply", asks(*map(str, range(12))), long, Reply))

    def big(journal: Journal) -> Counted:
        journal.blob(lambda folder: (folder / "w").write_bytes(b"x" * 2_000_000) and None)
        return Counted(n=1)

    with opened(tiny_disk, "mine"):
        pass
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(b"x" * 500_000)
    with (
        pytest.raises(EvidenceError, match=r"no space left for .*free some and run the same command again"),
        opened(tiny_disk, "mine") as e,
    ):
        e.step(fill)
    before = len(CALLS)
    assert 0 < before < 12
    ballast.unlink()
    with opened(tiny_disk, "mine") as evidence:
        assert 0 < evidence.counts()["reply"] < before + 1
        rows = evidence.step(fill).rows
        assert rows is not None
        assert len(evidence.rows(rows, Reply)) == 12
        assert len(CALLS) <= 13, "only the reply that found no room is asked for again"
        with pytest.raises(EvidenceError, match="no space left for the blob folder"):
            evidence.step(big)
        assert list((evidence.folder / "blobs").iterdir()) == []


def test_a_reader_on_a_damaged_database_gets_one_sentence(tmp_path: Path) -> None:
    with opened(tmp_path, "mine") as evidence:
        evidence.step(count, 1)
    (tmp_path / "runs/mine/evidence.db").write_bytes(b"not a database" * 100)
    with pytest.raises(EvidenceError, match="cannot use the run's evidence"), open_existing(tmp_path, "mine") as reader:
        reader.value("test_run.count")
