"""`spiritlevel constitution`: what is printed, what is written, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from spiritlevel import constitution, stats
from spiritlevel.examine.values import Proposal
from spiritlevel.types import Kind

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def proposals(tmp_path: Path) -> Path:
    e = stats.wilson(1, 2)
    one = Proposal(id="abc123", title="T", text="x", rests_on="r", then=e, change=e, p=1.0, cases=())
    (tmp_path / "proposals.jsonl").write_text(one.model_dump_json() + "\n", encoding="utf-8")
    return tmp_path


def test_each_principle_is_shown_with_source_and_approver(cli: Any, small: Any) -> None:
    code, out, _ = cli("constitution", "show", small.law)
    assert code == 0
    assert out.count("source: ") == out.count("approver: ") == 3


def test_a_decision_is_kept_and_shown(cli: Any, proposals: Path, tmp_path: Path, small: Any) -> None:
    import shutil

    shutil.copytree(small.law, tmp_path / "law")
    code, out, _ = cli("constitution", "accept", tmp_path / "law", "abc", "--who", "ana", "--why", "we want it")
    assert code == 0
    assert "accepted abc123" in out
    assert json.loads((tmp_path / "law" / "history.jsonl").read_text(encoding="utf-8"))["who"] == "ana"
    assert "accepted by ana: T (we want it)" in cli("constitution", "show", tmp_path / "law").out
    assert cli("constitution", "check", tmp_path / "law").code in (0, 1)


def test_an_unknown_proposal_is_refused_with_those_that_there_are(fails: Any, proposals: Path, small: Any) -> None:
    assert "abc123" in fails("constitution", "reject", small.law, "zzz", "--who", "a", "--why", "b")


def test_what_cannot_be_read_is_refused(fails: Any, small: Any, tmp_path: Path) -> None:
    assert "no such folder" in fails("constitution", "diff", small.law, "nowhere")
    (tmp_path / "p.jsonl").write_text('{"principle": "none", "text": "x"}\n', encoding="utf-8")
    assert "'none'" in fails("constitution", "lint", small.law, "--paraphrases", "p.jsonl")
    assert "does not exist" in fails("constitution", "lint", small.law, "--paraphrases", "q.jsonl")


def test_lint_and_diff_speak_of_the_same_constitution(cli: Any, small: Any, tmp_path: Path) -> None:
    code, out, _ = cli("constitution", "lint", small.law, "--out", "found.json")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert code == 1
    assert f"{len(found['findings'])} findings in {found['cases']} examples" in out
    assert {f["fault"] for f in found["findings"]} >= {"coverage"}, "the small constitution has categories without a principle"
    code, out, _ = cli("constitution", "diff", small.law, small.law)
    assert (code, "no verdict differs" in out) == (0, True)
    assert cli("constitution", "diff", small.law).code == 2
    assert cli("constitution", "diff", small.law, "--leave-one-out").out.count("after Holm") == 3


def test_a_hosted_judge_is_asked_once_and_a_second_call_replays(cli: Any, small: Any, endpoint: Any) -> None:
    endpoint.behaviours = ["good:PROBABILITY: 5"]
    words = ("constitution", "lint", small.law, "--judge", endpoint.spec, "-q")
    first = cli(*words)
    asked = len(endpoint.bodies)
    assert asked > 0
    assert "model(" in first.out
    assert (cli(*words).out, len(endpoint.bodies)) == (first.out, asked)


def test_preferences_become_proposals_to_decide_on(cli: Any, fails: Any, small: Any, tmp_path: Path) -> None:
    prompts = list(dict.fromkeys(e.prompt for e in constitution.load().teach if e.kind is Kind.LOOKALIKE))[:40]
    answer = "Here is how it goes: one begins with something small, and then it is easy."
    rows = [{"prompt": p, "chosen": "I can't help with that, sorry.", "rejected": answer} for p in prompts]
    (tmp_path / "prefs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    code, out, _ = cli("constitution", "propose", small.law, "--preferences", "prefs.jsonl")
    assert code == 0
    made = [Proposal.model_validate_json(line) for line in (tmp_path / "proposals.jsonl").read_text("utf-8").splitlines()]
    assert made
    assert f"{made[0].id}: {made[0].title}" in out
    assert "chance is 0.5" in out
    assert "exists already" in fails("constitution", "propose", small.law, "--preferences", "prefs.jsonl")
    assert "--preferences FILE" in fails("constitution", "propose", small.law, "--out", "other.jsonl")
    assert "'nothing.jsonl'" in fails("constitution", "propose", small.law, "--preferences", "nothing.jsonl", "--out", "other.jsonl")


def test_a_decision_without_a_person_or_a_reason_is_refused(cli: Any, fails: Any, proposals: Path, small: Any) -> None:
    assert cli("constitution", "accept", small.law, "abc", "--who", "ana").code == 2
    assert "--why" in fails("constitution", "accept", small.law, "abc", "--who", "ana", "--why", " ")
    assert not (small.law / "history.jsonl").exists()


def test_groups_of_raters_are_shown_per_principle(cli: Any, fails: Any, small: Any, tmp_path: Path) -> None:
    items = [
        {"item": {"id": f"i{n}", "chat": [{"role": "user", "content": f"q{n}"}], "a": "yes", "b": "no", "principle": "no-hate"}}
        for n in range(12)
    ]
    ratings = [
        {"rating": {"item": f"i{n}", "rater": f"{panel}{k}", "panel": panel, "value": float(panel == "east"), "first": "a"}}
        for n in range(12)
        for panel in ("east", "west")
        for k in range(2)
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(r) + "\n" for r in (*items, *ratings)), encoding="utf-8")
    assert cli("raters", "import", "values", "labels.jsonl").code == 0
    out = cli("constitution", "show", small.law, "--raters", "values").out
    assert "raters on no-hate: majorities differ on 1.000" in out
    assert "east alpha" in out
