"""JSON lines from people: what can be read is read, what cannot is named by its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritlevel import jsonl
from spiritlevel.errors import DataError, SpiritlevelError


def lines(path: Path, content: str) -> list[str]:
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return list(jsonl.read(path, lambda row: jsonl.text(row["prompt"]), "a 'prompt'"))


def test_blank_lines_and_line_separators_inside_a_string_are_no_rows(tmp_path: Path) -> None:
    assert lines(tmp_path / "a.jsonl", '{"prompt": "one\u2028two"}\n\n  \n{"prompt": "\\ud800 three"}\r\n') == ["one\u2028two", "? three"]


@pytest.mark.parametrize("bad", ["nonsense", "[1]", "3", "null", '{"other": 1}', '{"prompt": 3}', "[" * 100_000, '{"prompt": "a"'])
def test_what_cannot_be_read_is_named_by_its_line(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl:2: not a JSON object with a 'prompt'; correct or remove the line"):
        lines(tmp_path / "a.jsonl", f'{{"prompt": "fine"}}\n{bad}\n')


@given(content=st.text(max_size=80))
def test_any_text_is_read_or_refused_in_one_sentence(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    said = ""
    try:
        assert all(isinstance(one, str) for one in lines(tmp_path_factory.mktemp("jsonl") / "a.jsonl", content))
    except SpiritlevelError as error:
        said = str(error)
    assert "\n" not in said
