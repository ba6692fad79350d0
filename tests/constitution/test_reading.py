"""Files with front matter: whatever is in them, reading collects faults and never raises."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.constitution.reading import Faults, NotYaml, parse_yaml, read

YAMLISH = st.text(alphabet="-#:[]{}&*!?|>'\"%@`0123456789ab \n\\\t=<~.", max_size=120)


@examples(50)
@given(st.one_of(st.binary(max_size=300), YAMLISH.map(lambda t: f"---\n{t}\n---\n# a\n- b\n".encode())))
@example(b"---\na: 2020-99-99\n---\n")
@example(b"---\na: !!bool x\n---\n")
@example(b"---\na: !!timestamp x\n---\n")
@example(b"---\n" + b"[" * 500 + b"\n---\n")
@example(b"---\na: 0b_\n---\n")
@example(b"---\na: " + b"9" * 5000 + b"\n---\n")
@example(b'---\na: "\\ud800"\n---\n')
@example(b"\xed\xa0\x80\x00\xff")
def test_read_never_raises(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x.md"
    path.write_bytes(raw)
    faults = Faults()
    doc = read(path, faults)
    assert doc.sections[0].level == 0
    for section in doc.sections:
        assert "\x00" not in section.body
        section.body.encode("utf-8")
        assert all(1 <= n <= raw.count(b"\n") + 1 for n, _ in section.bullets())
    for fault in faults.found:
        assert fault.startswith(f"{path}:")
        assert int(fault.removeprefix(f"{path}:").split(":")[0]) >= 1


@examples(50)
@given(st.one_of(st.text(max_size=100), YAMLISH))
def test_parse_yaml_raises_its_own_error_alone(text: str) -> None:
    line = 1
    try:
        parse_yaml(text)
    except NotYaml as error:
        line = error.line
    assert 1 <= line <= len(text.splitlines()) + 1


def test_a_document_is_read_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(b"---\r\nid: x\r\n---\r\nlead\r\n\r\n# One\r\n- a\r\n-b\r\n- \r\n#### deep\r\n#tag\r\n## Two\r\n")
    faults = Faults()
    doc = read(path, faults)
    assert not faults.found
    assert doc.meta == {"id": "x"}
    assert [(s.level, s.title, s.line) for s in doc.sections] == [(0, "", 4), (1, "One", 6), (2, "Two", 12)]
    assert doc.sections[1].bullets() == [(7, "a")]
    assert doc.sections[1].body.endswith("#tag")


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (b"no front", 1, "no front matter"),
        (b"---\nid: x\n", 1, "not closed"),
        (b"---\n- x\n---\n", 2, "not a list of `field: value`"),
        (b"---\nid: x\ntitle: a: b\n---\n", 3, "not valid YAML"),
        (b"---\nid: x\nid: y\n---\n", 3, "'id' stands there twice"),
        (b"---\nid: x\n---\nfine\nbad \x00 byte\n", 5, "NUL"),
        (b"---\nid: x\n---\n\xed\xa0\x80\n", 4, "not UTF-8"),
    ],
)
def test_faults_name_their_line(tmp_path: Path, raw: bytes, line: int, words: str) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(raw)
    faults = Faults()
    read(path, faults)
    assert faults.found[0].startswith(f"{path}:{line}: ")
    assert words in faults.found[0]


def test_a_folder_with_a_files_name_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.md").mkdir()
    faults = Faults()
    assert read(tmp_path / "x.md", faults).meta == {}
    assert "cannot be read" in faults.found[0]
