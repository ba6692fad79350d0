"""`spiritlevel raters ask`: machines beside people in one set."""

import json
from pathlib import Path
from typing import Any

import pytest

from spiritlevel.raters.store import Labels


@pytest.fixture
def project(cli: Any, tmp_path: Path) -> Any:
    """A set of six pairs, a model that always says A, and a person's labels."""
    rows = [{"prompt": f"question {i}", "a": f"good {i}", "b": f"bad {i} and longer", "group": f"g{i}", "id": f"i{i}"} for i in range(6)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "m.yaml").write_text("default: ['A']\n")
    assert cli("raters", "import", "mine", "pairs.jsonl").code == 0
    return cli


def labels() -> Any:
    return Labels(Path("runs/labels.db"))


def by_ana() -> None:
    from spiritlevel.types import Rating

    labels().rate("mine", [Rating(item=f"i{i}", rater="ana", value=1.0 - i % 2, first="a") for i in range(6)])


def test_a_model_and_a_reward_beside_a_person(project: Any) -> None:
    by_ana()
    before = project("raters", "report", "mine").out
    said = project("raters", "ask", "mine", "--model", "scripted:m.yaml", "-q")
    assert said.code == 0, said.err
    assert "12 labels by model:scripted:m.yaml" in said.out
    assert "6 labels by reward:rule:length" in project("raters", "ask", "mine", "--reward", "rule:length", "-q").out
    report = project("raters", "report", "mine")
    assert report.code == 0, report.err
    people, machines = report.out.split("\nMACHINES")
    assert people.strip() == before.partition("\nnote: none")[0].strip()
    assert "model:" not in people
    assert "each machine beside people's majority" in machines
    line = next(line for line in machines.splitlines() if line.strip().startswith("model:scripted") and "0.00 (" in line)
    assert "1.00 (" in line  # turned by order


def test_nothing_is_asked_twice(project: Any) -> None:
    ask = ("raters", "ask", "mine", "--model", "scripted:m.yaml", "-q")
    project(*ask)
    before = labels().ratings("mine")
    again = project(*ask)
    assert again.code == 0
    assert "all 6 items are rated by 'model:scripted:m.yaml' already, and nothing was asked" in again.out
    assert labels().ratings("mine") == before
    Path("more.jsonl").write_text(json.dumps({"prompt": "question 9", "a": "x", "b": "y", "id": "i9"}) + "\n")
    project("raters", "import", "mine", "more.jsonl")
    assert "2 labels by" in project(*ask).out


def test_names_and_instruments_are_not_mixed(project: Any, fails: Any) -> None:
    by_ana()
    assert "'ana' is a person" in fails("raters", "ask", "mine", "--model", "scripted:m.yaml", "--rater", "ana", "-q")
    project("raters", "ask", "mine", "--model", "scripted:m.yaml", "--rater", "m", "-q")
    Path("more.jsonl").write_text(json.dumps({"prompt": "question 9", "a": "x", "b": "y", "id": "i9"}) + "\n")
    project("raters", "import", "mine", "more.jsonl")
    Path("m.yaml").write_text("default: ['B']\n")
    assert "as another model or by another question" in fails("raters", "ask", "mine", "--model", "scripted:m.yaml", "--rater", "m", "-q")
    assert "there is no set 'other'" in fails("raters", "ask", "other", "--reward", "rule:length")
    assert "there is no principle 'no-x'" in fails("raters", "ask", "mine", "--model", "scripted:m.yaml", "--principle", "no-x", "-q")
    assert project("raters", "ask", "mine").code == 2


def test_preferences_are_peoples_unless_machines_are_named(project: Any, fails: Any) -> None:
    project("raters", "ask", "mine", "--reward", "rule:length", "-q")
    assert "--of machines" in fails("raters", "export", "mine", "--format", "trl")
    assert project("raters", "export", "mine", "--format", "trl", "--of", "machines").code == 0
    assert all(json.loads(line)["by"] == "reward:rule:length" for line in Path("mine.jsonl").read_text().splitlines())


def test_odd_sets_are_told_in_a_sentence_each(cli: Any, tmp_path: Path) -> None:
    """Issue 4: identical and empty replies, no groups, a rater with one label, labels in a circle."""
    sides = {"i0": ("x", "x"), "i1": ("", "y"), "pq": ("p", "q"), "qr": ("q", "r"), "rp": ("r", "p")}
    rows = [{"prompt": "one question", "a": a, "b": b, "id": i} for i, (a, b) in sides.items()]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = cli("raters", "import", "odd", "odd.jsonl").out
    assert "note: 1 pairs of identical replies" in told
    assert "note: 1 items with an empty reply" in told
    assert "note: no item has group" in told
    from spiritlevel.types import Rating

    labels().rate("odd", [Rating(item=i, rater="ana", value=1.0, first="a") for i in ("pq", "qr", "rp")])
    labels().rate("odd", [Rating(item="pq", rater="once", value=1.0, first="a")])
    report = cli("raters", "report", "odd")
    assert report.code == 0, report.err
    assert "note: rater 'once' gave one label: nothing can be said of their agreement" in report.out
    assert "1 triads of replies are preferred in a circle" in report.out
    assert "items have no group" in report.out
    (tmp_path / "m.yaml").write_text("default: ['A']\n")
    assert cli("raters", "ask", "odd", "--model", "scripted:m.yaml", "-q").code == 0
