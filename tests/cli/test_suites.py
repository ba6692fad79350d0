"""`spiritlevel suites`: list, run, read; thresholds on what suites measure."""

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")
FRONT = """---
title: Sums
horizon: near
source: our own
licence: {licence}
canary: canary-0123456789abcdef
form: choice
format: texts
scores: [accuracy]
data: [rows.jsonl]
---
"""


def put(folder: Path, licence: str = "MIT") -> Path:
    (folder / "sums.md").write_text(FRONT.format(licence=licence), "utf-8")
    rows = [{"id": str(i), "group": str(i), "question": f"{i} + {i}?", "choices": [str(2 * i), "no"], "answer": 0} for i in range(21)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder / "sums.md"


def threshold(law: Path, limit: str, measure: str) -> None:
    text = (law / "policy.yaml").read_text("utf-8")
    added = f"thresholds:\n  - id: suited\n    measure: {measure}\n    {limit}\n    min_n: 5\n    why: It counts.\n"
    (law / "policy.yaml").write_text(text.replace("thresholds:\n", added, 1), "utf-8")


def test_list_names_suites_and_measures(cli: Any) -> None:
    said = cli("suites", "list", "--measures")
    assert said.code == 0
    assert "letter-and-spirit" in said.out
    assert "suite:bbq/bias-disambiguated" in said.out


def test_run_tells_intervals_and_goes_on(cli: Any, tmp_path: Path) -> None:
    put(tmp_path)
    words = ("suites", "run", "sums.md", "--model", "tiny:llama", "--after", "tiny:llama-1", "--data", ".", "--out", "m.jsonl", "-q")
    said = cli(*words)
    assert said.code == 0, said.err
    assert "suite:sums" in said.out
    assert "log-probabilities of texts, zero-shot" in said.out
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text("utf-8").splitlines()]
    assert [row["phase"] for row in rows] == ["before", "after", "change"]
    assert cli(*words).out == said.out


def test_a_licence_that_forbids_use_is_overridden_by_a_name(cli: Any, fails: Any, tmp_path: Path) -> None:
    put(tmp_path, "CC-BY-NC-4.0")
    words = ("suites", "run", "sums.md", "--model", "tiny:llama", "--data", ".", "-q")
    assert "--accept-licence" in fails(*words)
    said = cli(*words, "--accept-licence", "Ana Ruiz")
    assert "by the word of Ana Ruiz" in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing-such",), "there is no suite 'nothing-such'"),
        (("bbq",), "--data"),
        (("bbq", "--data", "gone"), "does not exist"),
    ],
)
def test_what_is_not_there_is_one_sentence(fails: Any, words: tuple[str, ...], said: str) -> None:
    assert said in fails("suites", "run", *words, "--model", "tiny:llama", "-q")


def test_the_slope_over_a_family(cli: Any, fails: Any, tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "other.md").write_text(FRONT.format(licence="MIT").replace("format: texts", "format: texts per byte"), "utf-8")
    words = ["suites", "slope", "--capability", "sums.md", "--alignment", "other.md", "--data", ".", "-q"]
    models = [word for seed in range(4) for word in ("--model", f"tiny:llama-{seed}")]
    said = cli(*words, *models)
    assert said.code == 0, said.err
    assert "suite:other by suite:sums" in said.out
    assert said.out.count("tiny:llama") == 4
    assert "too few for a slope" in fails(*words, *models[:4])


def test_logs_of_lm_evaluation_harness_are_read(cli: Any, fails: Any, tmp_path: Path) -> None:
    log = tmp_path / "samples_arc_easy_2026-01-01T00-00-00.000000.jsonl"
    rows = [
        {"doc_id": i, "doc": {}, "target": 0, "resps": [], "filter": "none", "acc": float(i % 4 == 0), "acc_norm": 1.0} for i in range(40)
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    said = cli("suites", "read", log)
    assert "suite:lm-eval/arc_easy/acc " in said.out
    assert "0.250 (" in said.out
    assert "kin" in said.out
    log.write_text("[]\n", "utf-8")
    assert "not a JSON object with doc_id" in fails("suites", "read", log)
    assert "not a file" in fails("suites", "read", tmp_path / "none.eval")


def test_logs_of_inspect_are_read(cli: Any, tmp_path: Path) -> None:
    def sample(i: int) -> dict[str, Any]:
        answer = {"choices": [{"message": {"content": "x"}, "stop_reason": "stop"}]}
        return {"id": i, "epoch": 1, "input": f"question {i}", "output": answer, "scores": {"match": {"value": "CI"[i % 2]}}}

    log = {"version": 2, "status": "success", "eval": {"task": "sums", "model": "m"}, "samples": [sample(i) for i in range(30)]}
    (tmp_path / "log.json").write_text(json.dumps(log), "utf-8")
    said = cli("suites", "read", "log.json", "--out", "m.jsonl")
    assert said.code == 0, said.err
    assert "suite:inspect/sums/match" in said.out
    assert "0.500 (" in said.out
    assert "n = 30" in said.out


def test_a_task_that_cannot_be_asked_is_one_sentence(fails: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    assert "names no task; write lm-eval/NAME" in fails("suites", "task", "arc_easy", "--model", "tiny:llama", "-q")
    assert "spiritlevel[inspect]" in fails("suites", "task", "inspect/sums.py", "--model", "scripted:complies", "-q")


@pytest.mark.parametrize(
    ("measure", "said"),
    [("suite:beauty", "a measurement that no suite makes 'suite:beauty'"), ("suite:bbq/beauty", "no suite makes"), ("suite:bbq", "")],
)
def test_a_threshold_is_on_what_some_suite_makes(cli: Any, small: Any, tmp_path: Path, measure: str, said: str) -> None:
    import shutil

    law = tmp_path / "law"
    shutil.copytree(small.law, law)
    threshold(law, "at_most: 0.2", measure)
    found = cli("constitution", "check", law)
    assert ("no suite makes" in found.out) is bool(said)  # the small constitution has faults of its own
    assert said in found.out


def test_a_constitutions_own_suite_can_bear_a_threshold(small: Any, tmp_path: Path) -> None:
    import shutil

    from spiritlevel import constitution

    law = tmp_path / "law"
    shutil.copytree(small.law, law)
    (law / "suites").mkdir()
    put(law / "suites")
    threshold(law, "at_least: 0.2", "suite:sums")
    assert constitution.load(law).policy.thresholds[0].measure == "suite:sums"


def test_a_loop_measures_its_suites_and_the_gate_decides_on_them(small: Any, run_loop: Any, scripted_base: Any, tmp_path: Path) -> None:
    import shutil

    law = tmp_path / "law"
    shutil.copytree(small.law, law)
    (law / "suites").mkdir()
    put(law / "suites")
    threshold(law, "at_least: 0.99", "suite:sums")
    config = small.config(
        scripted_base, constitution=str(law), model="tiny:llama", measure={"suites": ["sums"], "suite_data": str(law / "suites")}
    )
    finished, _, _ = run_loop(tmp_path, config)
    phases = [m.phase for m in finished.compared.measurements if m.estimate.name == "suite:sums"]
    assert phases == ["before", "after", "change"]
    [check] = [one for one in finished.verdict.checks if one.threshold == "suited"]
    assert check.result.value == "held"
