from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.errors import EvidenceError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.evidence.blobs import tree_hash
from spiritlevel.evidence.units import drive, keyed_units, unit_key
from spiritlevel.types import Ask, Journal, Lineage, Reply, RowSet, Use, content_hash, user


def asks(texts: Iterable[str]) -> list[Ask]:
    return [Ask(chat=user(text)) for text in texts]


@examples(50)
@given(st.lists(st.text(max_size=5), min_size=1, max_size=20), st.integers(1, 5), st.randoms(use_true_random=False))
def test_batches_do_not_depend_on_order_or_on_what_is_done(texts: list[str], batch: int, draw: object) -> None:
    def batches(units: Sequence[Ask], done: set[str]) -> list[list[str]]:
        cut: list[list[str]] = []

        def work(part: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
            cut.append([a.chat[0].content for a in part])
            return ((i, Reply()) for i in range(len(part)))

        drive(units, keyed_units("k", "", units), done, work, lambda _: None, lambda *_: None, batch)
        return cut

    units = asks(texts)
    whole = batches(units, set())
    assert batches(units[::-1], set()) == whole
    keys = sorted({key for key, _ in keyed_units("k", "", units)})
    done = set(keys[: len(keys) // 2])
    again = batches(units, done)
    assert [cut for cut in whole if cut in again] == again, "a batch that runs again has the shape it had"
    lengths = [len(a.model_dump_json()) for cut in whole for a in asks(cut)]
    assert lengths == sorted(lengths)


def test_the_key_is_kind_salt_and_content() -> None:
    ask = Ask(chat=user("x"))
    assert unit_key("reply", "s", ask.model_dump_json()) == content_hash("reply", "s", ask)
    assert len({unit_key(k, s, t) for k, s, t in (("a", "b", "c"), ("ab", "", "c"), ("a", "", "bc"), ("a", "b", "d"))}) == 4


def test_the_memory_journal_is_a_journal(tmp_path: Path) -> None:
    journal: Journal = MemoryJournal()
    calls: list[str] = []

    def work(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        for place, ask in reversed(list(enumerate(units))):
            calls.append(ask.chat[0].content)
            yield place, Reply(text=ask.chat[0].content, tokens_out=1)

    for batch in (None, 2):
        rows = journal.map("reply", asks("cab\ud800a"), work, Reply, batch=batch)
        assert [r.text for r in journal.rows(rows, Reply)] == list("cab\ud800a")
    assert len(calls) == 4
    assert journal.rows(journal.put("told", [Reply(text="x")]), Reply) == [Reply(text="x")]
    blob = journal.blob(lambda folder: (folder / "w").write_text("x") and None)
    assert tree_hash(journal.path(blob)) == blob
    assert journal.scratch("s") == journal.scratch("s")
    journal.spend([Use(model="m", atom="a", how="train")])
    journal.record(Lineage(weights="m", body="m"))
    assert journal.lineage("m") == Lineage(weights="m", body="m")
    assert journal.lineage("n") is None
    assert [journal.attempt("b", 2) for _ in range(3)] == [1, 2, 0]
    journal.spent_tokens([Reply(tokens_out=5)])
    assert isinstance(journal, MemoryJournal)
    assert sum(r.tokens_out for r in journal.replies) == 9
    with pytest.raises(EvidenceError):
        journal.rows(RowSet(id="0", kind="reply", n=1), Reply)
    with pytest.raises(EvidenceError):
        journal.path("0")


def test_a_dropped_memory_journal_leaves_no_folder(tmp_path: Path) -> None:
    journal = MemoryJournal()
    folder = journal.folder
    assert folder.is_dir()
    del journal
    assert not folder.exists()
    assert MemoryJournal(tmp_path).folder == tmp_path


def test_a_tree_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    for name, files in {
        "a": {"x": "1", "d/y": "2"},
        "b": {"d/y": "2", "x": "1"},
        "c": {"x": "12", "d/y": ""},
        "d": {"x": "1", "y": "2"},
    }.items():
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
    a, b, c, d = (tree_hash(tmp_path / name) for name in "abcd")
    assert a == b
    assert len({a, c, d}) == 3
