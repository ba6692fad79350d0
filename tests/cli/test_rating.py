import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from spiritlevel.cli import commands
from spiritlevel.raters.files import read_preferences
from spiritlevel.raters.store import Labels


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"question {i}", "chosen": f"good \x1b[31m{i}", "rejected": f"bad {i}", "group": f"g{i}"} for i in range(5)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def command(*words, keys=""):
        return CliRunner().invoke(commands.app, words, input=keys)

    assert command("raters", "import", "mine", "pairs.jsonl").exit_code == 0
    return command


def test_rating_is_blind_and_goes_on_where_it_was_paused(run):
    first = run("rate", "mine", "--rater", "ana", keys="1\n2\nq\n")
    assert first.exit_code == 0, first.output
    assert "chosen" not in first.output
    assert "\x1b[31m" not in first.output
    assert "paused at 2 of 5" in first.output
    then = run("rate", "mine", "--rater", "ana", keys="x\n=\ns\nn looks odd\n1\n")
    assert "'x' is no answer" in then.output
    assert "all 5 items are rated" in then.output
    labels = Labels(Path("runs/labels.db")).ratings("mine")
    assert len(labels) == 5
    assert [r.value for r in labels].count(None) == 1
    assert any(r.note == "looks odd" for r in labels)
    assert all(r.at and r.first in ("a", "b") for r in labels)
    assert "all 5 items are rated" in run("rate", "mine", "--rater", "ana").output


def test_an_answer_is_taken_back(run):
    found = run("rate", "mine", "--rater", "ana", keys="1\nb\n2\nq\n")
    assert "takes its place" in found.output
    labels = Labels(Path("runs/labels.db")).ratings("mine")
    assert len(labels) == 2
    assert labels[0].item == labels[1].item
    assert labels[0].value == 1 - labels[1].value


def test_report_and_export(run):
    for name, keys in (("ana", "1\n1\n2\n1\n1\n"), ("bo", "2\n1\n1\n=\n1\n")):
        run("rate", "mine", "--rater", name, keys=keys)
    told = run("raters", "report", "mine")
    assert told.exit_code == 0, told.output
    assert "alpha" in told.output
    assert "position" in told.output
    assert "mine" in run("raters", "sets").output
    assert run("raters", "export", "mine", "--format", "trl").exit_code == 0
    assert all(0.5 < p.sure <= 1 for p in read_preferences("mine.jsonl"))
    assert run("raters", "export", "mine", "--rater", "cy").exit_code == 0
    again = run("raters", "import", "mine", "mine.csv", "--rater", "cy")
    assert "0 new labels" in again.output
    assert run("raters", "export", "mine", "--rater", "cy").exit_code != 0


def test_a_set_that_is_not_there(run):
    found = run("rate", "other", "--rater", "ana")
    assert found.exit_code != 0
    assert "there is no set 'other'" in str(found.exception)
