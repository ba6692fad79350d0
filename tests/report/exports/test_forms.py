"""JUnit, JSON lines, the Hub folder and the Inspect suite from values with hostile text in them."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.errors import DataError
from spiritlevel.report.exports import Material, hub, inspect, jsonl, junit
from spiritlevel.report.exports.material import Read
from spiritlevel.types import (
    Check,
    Frozen,
    Instrument,
    Judgement,
    Kind,
    Lesson,
    Outcome,
    Preference,
    Prompt,
    Reply,
    Side,
    Transcript,
    Turn,
    Verdict,
    VerdictKind,
    user,
)

HOSTILE = "<b>&\"' ]]> \x00\x1b[31m \ud800 \ufffe \u2028 \U0001f600\nend"


class Finding(Frozen):
    """What a later part may hand in."""

    id: str
    note: str
    odds: float


def transcript(text: str = HOSTILE, id: str = "p1") -> Transcript:
    prompt = Prompt(id=id, text=text, goal=text, principle="no-hate", kind=Kind.HARMFUL, cluster="c1")
    return Transcript(prompt=prompt, chat=user(text), reply=Reply(text=text), model="m")


def material(**more: Any) -> Material:
    t = transcript()
    said = Judgement(transcript="t", principle="no-hate", instrument="j1", probability=0.5, outcome=Outcome.REFUSAL, reason=HOSTILE)
    read = Read(transcript=t, side=Side.OPEN, model="bundled", judgements=(said,))
    lesson = Lesson(chat=user(HOSTILE), answer=HOSTILE, truncated=True, principle="no-hate", kind=Kind.HARMFUL, cluster="c1")
    preference = Preference(chat=(Turn(role="system", content="x"), *user("y")), chosen="no", rejected=HOSTILE, by="constitution")
    given: dict[str, Any] = {
        "read": (read,),
        "instruments": (Instrument(id="j1", name="text"),),
        "lessons": (lesson,),
        "preferences": (preference,),
    }
    return Material(run="r1", **{**given, **more})


def verdict(reason: str = "it is so") -> Verdict:
    kinds = (VerdictKind.APPROVED, VerdictKind.HELD, VerdictKind.UNPROVEN)
    return Verdict(
        kind=VerdictKind.HELD, checks=tuple(Check(threshold=f"t-{kind}", result=kind, reason=reason, rows=("r",)) for kind in kinds)
    )


def test_each_check_is_a_case_and_unproven_is_no_pass() -> None:
    found = junit.Case(suite="findings", name="f1", failed="high", message="it complied", body="how to replay")
    root = ET.fromstring(junit.text("r1", [*junit.checks(verdict()), found]))
    assert (root.get("tests"), root.get("failures")) == ("4", "3")
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in root] == [("verdict", "3", "2"), ("findings", "1", "1")]
    failed = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert {name: one.get("type") for name, one in failed.items() if one is not None} == {
        "t-held": "held",
        "t-unproven": "unproven",
        "f1": "high",
    }
    assert failed["f1"].text == "how to replay"


@given(text=st.text(max_size=40) | st.just(HOSTILE))
@examples(200)
def test_any_text_makes_xml_that_parses_to_it_but_for_what_xml_cannot_hold(text: str) -> None:
    case = junit.Case(suite=text, name=text, failed="held", message=text, body=text)
    parsed = ET.fromstring(junit.text(text, [case]).encode("utf-8")).find("testsuite/testcase")
    assert parsed is not None
    assert parsed.get("name") == junit.safe(text)
    failure = parsed.find("failure")
    assert failure is not None
    assert failure.get("message") == junit.safe(text)


def test_a_transcript_is_one_ascii_line_with_its_judgements_and_findings_follow() -> None:
    lines = list(jsonl.text(material(findings=(Finding(id="f1", note=HOSTILE, odds=float("inf")),))))
    assert all(line.isascii() and line.count("\n") == 1 and line.isprintable() is False and line[:-1].isprintable() for line in lines)
    told, found = map(json.loads, lines)
    assert told["type"] == "transcript"
    assert told["reply"] == told["goal"] == HOSTILE.replace("\ud800", "?")
    assert told["judgements"][0]["judge"] == "text"
    assert told["judgements"][0]["outcome"] == "refusal"
    assert (found["type"], found["id"], found["odds"]) == ("finding", "f1", None)


def test_a_failed_call_has_no_reply() -> None:
    t = transcript().model_copy(update={"reply": Reply(error="boom")})
    (line,) = jsonl.text(material(read=(Read(transcript=t, side=Side.OPEN, model="m", judgements=()),)))
    assert (json.loads(line)["reply"], json.loads(line)["error"]) == (None, "boom")


def test_lessons_and_preferences_are_in_trls_formats() -> None:
    files = hub.files(material())
    lesson, preference = (json.loads(files[name]) for name in (hub.LESSONS, hub.PREFERENCES))
    assert lesson["prompt"][0]["role"] == "user"
    assert [m["role"] for m in lesson["completion"]] == ["assistant"]
    assert lesson["truncated"] is True
    assert [m["role"] for m in preference["prompt"]] == ["system", "user"]
    assert preference["chosen"] == [{"role": "assistant", "content": "no"}]
    assert HOSTILE[:4] not in files[hub.CARD]


def test_the_card_has_metadata_for_each_part_that_is_there() -> None:
    from huggingface_hub import DatasetCard

    for more, parts in (({}, ["lessons", "preferences"]), ({"preferences": ()}, ["lessons"])):
        files = hub.files(material(**more))
        data = DatasetCard(files[hub.CARD]).data
        assert [c["config_name"] for c in data.configs] == parts
        assert {c["data_files"] for c in data.configs} == set(files) - {hub.CARD}


def test_a_run_that_taught_nothing_has_no_data_set() -> None:
    with pytest.raises(DataError, match="run 'r1' taught nothing"):
        hub.files(material(lessons=(), preferences=()))


@pytest.mark.slow
def test_datasets_loads_the_folder(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    home = tmp_path / "data"
    home.mkdir()
    for name, text in hub.files(material()).items():
        (home / name).write_text(text, "utf-8")
    lessons = datasets.load_dataset(str(home), "lessons", split="train", cache_dir=str(tmp_path / "cache"))
    preferences = datasets.load_dataset(str(home), "preferences", split="train", cache_dir=str(tmp_path / "cache"))
    assert lessons[0]["completion"][0]["content"] == HOSTILE.replace("\ud800", "?")
    assert set(preferences.column_names) >= {"prompt", "chosen", "rejected"}
    trl = pytest.importorskip("trl.data_utils")
    assert trl.is_conversational(lessons[0])
    assert trl.is_conversational(preferences[0])


def test_the_suite_holds_each_open_prompt_once() -> None:
    read = material().read[0]
    both = (
        read,
        read.model_copy(update={"model": "tuned"}),
        read.model_copy(update={"side": Side.TEACH, "transcript": transcript("t", "p2")}),
    )
    files = inspect.files(material(read=both))
    (row,) = map(json.loads, files[inspect.SUITE].splitlines())
    assert (row["id"], row["kind"], row["messages"][0]["role"]) == ("p1", "harmful", "user")
    compile(files[inspect.TASK], inspect.TASK, "exec")
    with pytest.raises(DataError, match="no open prompts yet"):
        inspect.files(material(read=()))
