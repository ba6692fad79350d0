from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.errors import EvidenceError
from spiritlevel.evidence import canonical, code_hash, decode, encode
from spiritlevel.evidence.codec import load_class
from spiritlevel.types import Estimate, Frozen, ModelRef, Reply, Side


class Knobs(Frozen):
    model: ModelRef | None = None
    rate: float = 0.1
    path: Path | None = None


class Same(StrEnum):
    TEACH = "teach"


@examples(50)
@given(st.text(alphabet=st.characters(codec=None, exclude_categories=[]), max_size=40), st.floats())
def test_every_text_and_number_comes_back(text: str, money: float) -> None:
    reply = Reply(text=text, money=money)
    back = decode(encode(reply), Reply)
    assert repr(back) == repr(reply)
    encode(reply).encode("utf-8")
    assert "\x00" not in encode(reply)


def test_a_row_that_no_longer_fits_is_one_sentence() -> None:
    with pytest.raises(EvidenceError, match="a stored 'Reply' cannot be read"):
        decode('{"nonsense":1}', Reply)
    with pytest.raises(EvidenceError, match="a stored 'Reply' cannot be read"):
        decode('{"nonsense":"\\ud800"}', Reply)
    for path in ("gone:Gone", "spiritlevel.types:Gone", "os:getcwd", "builtins:int"):
        with pytest.raises(EvidenceError):
            load_class(path)
    assert load_class("spiritlevel.types:Estimate") is Estimate


def test_arguments_are_told_apart_by_content() -> None:
    texts = [
        None,
        True,
        1,
        1.0,
        "1",
        Path("1"),
        Side.TEACH,
        Same.TEACH,
        "teach",
        ("a", "b"),
        ("ab",),
        {"a": 1},
        Knobs(),
        Knobs(rate=1),
    ]
    found = [canonical(text) for text in texts]
    assert len(set(found)) == len(found)
    assert canonical(["a"]) == canonical(("a",))
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert canonical("\ud800")
    with pytest.raises(TypeError, match="must be a value, not 'object'"):
        canonical(object())


def test_a_model_counts_by_its_weights_wherever_it_lies() -> None:
    ref = ModelRef(spec="path:/a", kind="local", weights="w", family="f")
    moved = ref.model_copy(update={"spec": "path:/b"})
    assert canonical(Knobs(model=ref)) == canonical(Knobs(model=moved))
    assert canonical(Knobs(model=ref)) != canonical(Knobs(model=ref.model_copy(update={"weights": "v"})))


def test_editing_a_stage_or_its_neighbours_changes_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "aroom"
    package.mkdir()
    (package / "__init__.py").write_text("from aroom.stage import run\n")
    (package / "stage.py").write_text("def run(journal): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    stage: Any = importlib.import_module("aroom.stage")
    before = code_hash(stage.run)
    assert code_hash(stage.run) == before
    (package / "seed.md").write_text("prose counts, too")
    after = code_hash(stage.run)
    assert after != before
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert code_hash(stage.run) == after
