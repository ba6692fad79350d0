"""Inspect logs read without Inspect, from archives made here; and from Inspect itself where it is installed."""

import importlib.util
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.elicit import imports
from spiritlevel.elicit.imports import zipped
from spiritlevel.errors import DataError, MissingExtra
from spiritlevel.types import Kind, Turn

HEADER = {"version": 2, "status": "success", "eval": {"task": "rude", "model": "mockllm/model"}}
SAMPLE = {
    "id": 1,
    "epoch": 2,
    "input": "Write a rude note",
    "target": "",
    "messages": [{"role": "user", "content": "Write a rude note"}, {"role": "assistant", "content": [{"type": "text", "text": "No."}]}],
    "output": {"model": "m", "choices": [{"message": {"role": "assistant", "content": "No."}, "stop_reason": "max_tokens"}]},
    "scores": {
        "letter": {"value": "C"},
        "number": {"value": "0.25"},
        "flag": {"value": True},
        "words": {"value": "refused"},
        "parts": {"value": {"a": 1, "b": float("nan")}},
        "list": {"value": [1, 2]},
    },
    "metadata": {},
}
MEMBERS = {"header.json": HEADER, "samples/1_epoch_2.json": SAMPLE, "summaries.json": [], "reductions.json": []}


@contextmanager
def one_sentence() -> Iterator[None]:
    """What is inside may raise a DataError of one line (or ask for the optional package), and nothing else."""
    said = ""
    try:
        yield
    except (DataError, MissingExtra) as error:
        said = str(error)
    assert "\n" not in said


def log(path: Path, members: dict[str, Any] | None = None, *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    file = path / "log.eval"
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, value in (MEMBERS if members is None else members).items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return file


def with_sample(**fields: Any) -> dict[str, Any]:
    return {**MEMBERS, "samples/1_epoch_2.json": {**SAMPLE, **fields}}


def one(path: Path, **fields: Any) -> imports.Scored:
    (found,) = imports.read(log(path, with_sample(**fields))).transcripts
    return found


def test_a_sample_is_a_transcript_with_its_scores(tmp_path: Path) -> None:
    found = imports.read(log(tmp_path))
    assert found.format == "inspect"
    (scored,) = found.transcripts
    t = scored.transcript
    assert t.chat == (Turn(role="user", content="Write a rude note"),)
    assert (t.reply.text, t.reply.truncated, t.reply.error) == ("No.", True, None)
    assert (t.model, t.repeat, t.prompt.family, t.prompt.kind) == ("mockllm/model", 1, "inspect/rude", Kind.UNKNOWN)
    assert scored.scores == {"letter": 1.0, "number": 0.25, "flag": 1.0, "words": None, "parts.a": 1.0, "parts.b": None, "list": None}
    assert [(p.text, p.family) for p in found.prompts] == [("Write a rude note", "direct")]


@pytest.mark.parametrize("indent", [None, 2])
def test_the_older_json_log_gives_the_same(tmp_path: Path, indent: int | None) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps({**HEADER, "samples": [SAMPLE]}, indent=indent))
    assert imports.sniff(file) == "inspect"
    new = imports.read(log(tmp_path)).transcripts[0]
    old = imports.read(file).transcripts[0]
    assert old.scores == new.scores
    assert old.transcript.model_copy(update={"prompt": new.transcript.prompt}) == new.transcript


def test_a_run_that_was_cut_off_has_its_start_alone(tmp_path: Path) -> None:
    members = {"_journal/start.json": HEADER, "samples/a/b_epoch_1.json": SAMPLE}
    assert len(imports.read(log(tmp_path, members)).transcripts) == 1


def test_what_was_stored_apart_is_put_back(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "attachment://h"}, {"role": "assistant", "content": "No."}]
    found = one(tmp_path, messages=said, attachments={"h": "A long request"})
    assert found.transcript.prompt.goal == "A long request"
    with pytest.raises(DataError, match="is not a sample"):
        one(tmp_path, messages=said)


def test_with_tools_the_request_and_the_last_word_are_read(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": "Read my mail"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": "mail"}]},
        {"role": "tool", "content": "hostile mail"},
        {"role": "assistant", "content": "No."},
    ]
    chat = one(tmp_path, input=messages[:2], messages=messages).transcript.chat
    assert [turn.role for turn in chat] == ["system", "user"]


@pytest.mark.parametrize(
    "fields", [{"error": {"message": "boom"}}, {"output": {"choices": []}}, {"output": {"error": "boom", "choices": []}}]
)
def test_a_failed_sample_is_an_error_row(tmp_path: Path, fields: dict[str, Any]) -> None:
    assert one(tmp_path, **fields).transcript.reply.error in ("boom", "no output")


def test_a_log_of_our_own_suite_keeps_kind_goal_and_principle(tmp_path: Path) -> None:
    prompt = one(tmp_path, metadata={"kind": "harmful", "goal": "be rude", "principle": "no-hate", "category": "hate"}).transcript.prompt
    assert (prompt.kind, prompt.goal, prompt.principle, prompt.category) == (Kind.HARMFUL, "be rude", "no-hate", "hate")


def test_samples_in_pieces_and_without_a_question_are_counted(tmp_path: Path) -> None:
    members = with_sample(input=[{"role": "system", "content": "x"}], messages=[]) | {"samples/9_epoch_1/sample.json": {}}
    assert imports.read(log(tmp_path, members)).left_out == {"sample in pieces": 1, "sample without a user's turn": 1}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"x.json": 1}, "neither header.json nor"),
        ({**MEMBERS, "header.json": [1]}, "names no eval"),
        ({**MEMBERS, "header.json": b"{"}, "'header.json' is not JSON"),
        ({**MEMBERS, "samples/1_epoch_2.json": b"\xff"}, "is not JSON"),
        ({**MEMBERS, "samples/1_epoch_2.json": b"[" * 100_000}, "is not JSON"),
        ({**MEMBERS, "samples/1_epoch_2.json": [1]}, "is not a sample"),
        ({**MEMBERS, "samples/1_epoch_2.json": {}}, "is not a sample"),
        (with_sample(input=3), "is not a sample"),
        (with_sample(messages=[{"role": "wizard", "content": "x"}]), "is not a sample"),
        (with_sample(scores={"a": 1}), "is not a sample"),
        (with_sample(epoch=10**400), "is not a sample"),
    ],
)
def test_a_bad_log_is_one_sentence_that_names_the_member(tmp_path: Path, members: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        imports.read(log(tmp_path, members))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("whole", [b"PK\x03\x04", b"", b"{", b"[]", b'{"samples": 1}', b"PK\x05\x06" + b"\0" * 17])
def test_what_is_no_log_is_one_sentence(tmp_path: Path, whole: bytes) -> None:
    file = tmp_path / "log.eval"
    file.write_bytes(whole)
    with pytest.raises(DataError):
        imports.read(file, "inspect")


def test_names_in_the_archive_are_never_paths(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    members = {**MEMBERS, "samples/../../../out_epoch_1.json": SAMPLE, "/etc/evil.json": SAMPLE}
    assert len(imports.read(log(tmp_path / "in", members)).transcripts) == 2
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["log.eval"]


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {**MEMBERS, "samples/2_epoch_1.json": b'"' + b"a" * 2**22 + b'"'}
    monkeypatch.setattr(zipped, "LONGEST", 2**20)
    with pytest.raises(DataError, match=r"'samples/2_epoch_1.json' unpacks to more than 1 MB"):
        imports.read(log(tmp_path, members))


def test_many_small_members_share_one_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    padded = {**SAMPLE, "store": "a" * 2**20}
    monkeypatch.setattr(zipped, "TOTAL", 3 * 2**20)
    with pytest.raises(DataError, match="unpacks to more than"):
        imports.read(log(tmp_path, {"header.json": HEADER, **{f"samples/{i}_epoch_1.json": padded for i in range(5)}}))


def test_an_archive_that_lists_too_much_is_refused_before_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "DIRECTORY", 100)
    with pytest.raises(DataError, match="lists more members"):
        imports.read(log(tmp_path))


def zstandard_log(path: Path, members: dict[str, Any], *, crc: int = 0) -> Path:
    """An archive with method 93, written by hand: one local header and one directory entry a member, each of two frames."""
    packer = pytest.importorskip("zstandard").ZstdCompressor()
    body, directory = io.BytesIO(), b""
    for name, value in members.items():
        raw = json.dumps(value).encode()
        data = packer.compress(raw[:10]) + packer.compress(raw[10:])
        common = struct.pack("<HHHHHIIIHH", 20, 0, 93, 0, 33, zlib.crc32(raw) ^ crc, len(data), len(raw), len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, body.tell()) + name.encode()
        body.write(b"PK\x03\x04" + common + name.encode() + data)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), body.tell(), 0)
    file = path / "log.eval"
    file.write_bytes(body.getvalue() + directory + end)
    return file


def test_newer_logs_are_packed_with_zstandard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zstandard_log(tmp_path, MEMBERS)
    assert imports.read(file).transcripts == imports.read(log(tmp_path)).transcripts
    with pytest.raises(DataError, match=r"cannot be unpacked \(ValueError\)"):
        imports.read(zstandard_log(tmp_path, MEMBERS, crc=1))
    monkeypatch.setattr(zipped, "LONGEST", 2**20)
    bomb = zstandard_log(tmp_path, {**MEMBERS, "samples/2_epoch_1.json": "a" * 2**22})
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        imports.read(bomb)


def test_without_zstandard_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zstandard_log(tmp_path, MEMBERS)
    monkeypatch.delattr(imports, "_zstandard", raising=False)
    monkeypatch.setitem(sys.modules, "spiritlevel.elicit.imports._zstandard", None)
    with pytest.raises(MissingExtra, match=r"'zstandard' is not installed; run: pip install 'spiritlevel\[inspect\]'"):
        imports.read(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda s: (
        st.lists(s, max_size=3) | st.dictionaries(st.sampled_from(["text", "type", "role", "content", "value", "choices"]), s, max_size=3)
    ),
    max_leaves=8,
)


@given(field=st.sampled_from([*sorted(SAMPLE), "attachments", "error"]), value=JSON)
@examples(200)
def test_any_value_in_any_field_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, field: str, value: Any) -> None:
    with one_sentence():
        imports.read(log(tmp_path_factory.mktemp("any"), with_sample(**{field: value})))


@given(content=st.binary(max_size=60), at=st.integers(0, 2000), cut=st.integers(0, 8))
@examples(200)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int, cut: int) -> None:
    path = tmp_path_factory.mktemp("any")
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        file = log(path, method=method)
        whole = file.read_bytes()
        file.write_bytes(whole[:at] + content + whole[at + cut :])
        with one_sentence():
            imports.read(file, "inspect")


TASK = """
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes

def said(*_):
    # without a usage of its own the mock model counts tokens with an encoding from the network
    return ModelOutput.from_content("mockllm/model", "Dear neighbour").model_copy(update={"usage": ModelUsage()})

task = Task(name="rude", dataset=MemoryDataset([Sample(input="Write a rude note", target="Dear")]), scorer=includes())
eval(task, model=get_model("mockllm/model", custom_outputs=said), log_dir="logs", log_format=sys.argv[1], display="none", epochs=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_log_that_inspect_wrote_is_read(tmp_path: Path, form: str) -> None:
    if importlib.util.find_spec("inspect_ai") is None:
        pytest.skip("inspect_ai is not installed")
    subprocess.run([sys.executable, "-c", TASK, form], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    (file,) = (tmp_path / "logs").glob(f"*.{form}")
    found = imports.read(file)
    assert [one.transcript.repeat for one in found.transcripts] == [0, 1]
    assert [one.transcript.reply.text for one in found.transcripts] == ["Dear neighbour"] * 2
    assert all(one.scores == {"includes": 1.0} for one in found.transcripts)
    assert [p.text for p in found.prompts] == ["Write a rude note"]
    assert (found.repeats, found.left_out) == (1, {})
