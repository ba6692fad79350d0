"""A suite's file and rows: what is read, and one clear sentence for each fault."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.measure import suites
from spiritlevel.measure.suites import adapters, declared

DATA = Path(__file__).parents[4] / "shared" / "data"
FRONT = {
    "title": "t",
    "horizon": "near",
    "source": "s",
    "licence": "MIT",
    "canary": "canary-0123456789abcdef",
    "form": "choice",
    "scores": "[accuracy]",
}
GOOD = {"id": "a", "group": "g", "question": "q", "choices": ["x", "y"], "answer": 0}


def test_a_suite_is_a_file_and_its_rows(written: Callable[..., Path], tmp_path: Path) -> None:
    found = suites.load(written([{**GOOD, "level": 3, "category": "c"}]), tmp_path)
    assert found.name == "sums"
    assert found.items == (suites.Item(id="a", group="g", question="q", choices=("x", "y"), answer=0, category="c", tags={"level": "3"}),)
    assert suites.measures(found) == {"suite:sums": "Small sums: share of right answers"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{**GOOD, "answer": 2}], "rows.jsonl:1: the answer 2 is out of range"),
        ([{**GOOD, "answer": -1}], "out of range"),
        ([{**GOOD, "answer": True}], "out of range"),
        ([{**GOOD, "answer": "x"}], "out of range"),
        ([{**GOOD, "answer": None, "matching": [5]}], "matching [5] is out of range"),
        ([{**GOOD, "answer": None}], "neither answer nor matching"),
        ([GOOD, GOOD], "the id 'a' is there twice"),
        ([{**GOOD, "split": "train"}, {**GOOD, "id": "b", "split": "test"}], "rows.jsonl:2: the group 'g' lies on two splits"),
        ([{"id": "a", "choices": ["x", "y"], "answer": 0}], "the row lacks 'question'"),
        ([{**GOOD, "choices": ["x"]}], "1 choices; a row needs 2"),
        ([{**GOOD, "choices": ["x", " "]}], "a choice is empty"),
    ],
)
def test_a_bad_row_is_named(written: Callable[..., Path], tmp_path: Path, rows: list[Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        suites.load(written(rows), tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_exact_answer_that_is_missing_is_named(written: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl:1: no answer is given; correct or remove the row"):
        suites.load(written([{"id": "a", "question": "1 + 1?"}], form="exact"), tmp_path)


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ({"canary": None}, "front matter lacks 'canary'"),
        ({"canary": "short"}, "too short"),
        ({"licence": None}, "front matter lacks 'licence'"),
        ({"form": "riddle"}, "unknown form 'riddle'; use one of choice"),
        ({"scores": "[beauty]"}, "unknown score 'beauty'"),
        ({"scores": "[complied]"}, "is not of the form 'choice'"),
        ({"frames": "[plain, shouted]"}, "unknown frame 'shouted'"),
        ({"horizon": "soon"}, "horizon"),
    ],
)
def test_a_bad_declaration_is_named(written: Callable[..., Path], tmp_path: Path, front: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        suites.load(written(**front), tmp_path)
    assert said in str(caught.value)
    assert "sums.md:2" in str(caught.value)


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "proprietary", "MIT, CC-BY-NC-SA-4.0"])
def test_a_licence_that_forbids_use_needs_a_person(written: Callable[..., Path], tmp_path: Path, licence: str) -> None:
    path = written(licence=licence)
    with pytest.raises(DataError, match="not known to allow this use"):
        suites.load(path, tmp_path)
    assert suites.load(path, tmp_path, "Ana Ruiz, counsel").accepted_by == "Ana Ruiz, counsel"


def test_no_data_folder_no_file_no_rows(written: Callable[..., Path], tmp_path: Path) -> None:
    path = written()
    for data, said in ((None, "name the folder that has it with --data"), (tmp_path / "gone", "does not exist; correct --data")):
        with pytest.raises(DataError, match=said):
            suites.load(path, data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"there is no 'rows\.jsonl'"):
        suites.load(path, tmp_path / "empty")
    with pytest.raises(DataError, match="has no rows"):
        suites.load(written(where="{category: [none]}"), tmp_path)


def test_an_unknown_suite_and_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no suite 'beauty'; known: arc-challenge"):
        suites.find("beauty")
    with pytest.raises(ConfigError, match="there is no suite file"):
        suites.find(str(tmp_path / "my.md"))


def test_every_built_in_suite_is_declared_rightly_and_its_canary_is_its_own() -> None:
    found = [suites.declaration(path) for path in suites.files().values()]
    assert len(found) >= 30
    assert len({one.canary for one in found}) == len(found)
    assert {one.horizon for one in found} == {"near", "long", "both"}


@pytest.mark.data
def test_every_built_in_suite_reads_the_public_data() -> None:
    if not DATA.is_dir():
        pytest.skip("shared data is not here")
    for path in suites.files().values():
        assert suites.load(path, DATA).items


def test_the_other_occupation_of_a_sentence_is_found() -> None:
    row = {"id": "w-pro-1", "group": "g", "sentence": "The janitor thanked the clerk because he helped.", "entity": "the clerk"}
    found = adapters.winobias({**row, "pronoun": "he", "pairing": "pro", "type": 1})
    assert found is not None
    assert found["choices"] == ["the clerk", "the janitor"]
    assert found["answer"] == 0
    assert adapters.winobias({**row, "entity": "the cook", "pronoun": "he", "pairing": "pro", "type": 1}) is None


@examples(50)
@given(
    value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)),
    field=st.sampled_from(sorted(GOOD)),
)
def test_any_value_in_any_field_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: Any, field: str) -> None:
    folder = tmp_path_factory.mktemp("rows")
    front = {**FRONT, "data": "[r.jsonl]"}
    (folder / "s.md").write_text("---\n" + "".join(f"{key}: {value}\n" for key, value in front.items()) + "---\n", "utf-8")
    (folder / "r.jsonl").write_text(json.dumps({**GOOD, field: value}), "utf-8")
    with contextlib.suppress(DataError):
        found = suites.load(folder / "s.md", folder)
        assert all(item.answer is None or item.answer < len(item.choices) for item in found.items)


def test_a_constitutions_own_suites_take_precedence(written: Callable[..., Path], tmp_path: Path) -> None:
    written(name="bbq")
    assert declared.files(tmp_path)["bbq"] == tmp_path / "bbq.md"
    assert "suite:bbq" in declared.known(tmp_path)
