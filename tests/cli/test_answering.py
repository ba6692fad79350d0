"""`ask` on a real run: lines, JSON, numbers of the model card, bad input, hostile text."""

import json
import re
import shutil
from pathlib import Path

import pytest

from spiritlevel.cli.answering import SILENT
from spiritlevel.evidence import open_existing
from spiritlevel.report import words

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def project(tuned_run, tmp_path: Path) -> Path:
    shutil.copytree(tuned_run.root / "runs", tmp_path / "runs")
    return tmp_path


@pytest.fixture(autouse=True)
def lexical(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sentence embeddings, so that a word has one meaning wherever the tests run."""
    monkeypatch.setattr("spiritlevel.report.ask.near.installed", lambda: False)


def test_a_figure_with_its_rows_and_the_number_of_the_card(cli, project, tuned_run):
    said = cli("ask", "small", "How incoherent is it after training?")
    assert said.code == 0
    compared = tuned_run.finished.compared
    m = next(m for m in compared.measurements if m.estimate.name == "incoherence" and m.phase == "after" and not m.principle and not m.cell)
    first, second = said.out.splitlines()[:2]
    assert words.told(m.estimate) in first
    number = re.match(r"  \[(e\d+)\] rows ", second)
    assert number
    assert set(second.removeprefix(number[0]).split(", ")) == set(m.rows)
    card = (project / "runs/small/blobs" / tuned_run.finished.card.blob / "model-card.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith(f"- {number[1]}: "))
    assert set(re.findall("<code>(.*?)</code>", line)) == set(m.rows)


def test_json_and_a_path_for_the_run(cli, project):
    said = cli("ask", "runs/small", "Is it approved?", "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert found["answered"]
    assert found["run"] == "small"
    assert found["sentences"][0]["kind"] == "verdict"
    with open_existing(project, "small") as evidence:
        key = next(s.key for s in evidence.steps() if s.label == "release")
    assert found["sentences"][0]["rows"] == [f"step:{key}"]
    assert re.fullmatch(r"e\d+", found["sentences"][0]["evidence"])


def test_what_is_not_said_is_an_answer(cli, project):
    said = cli("ask", "small", "How often does it refuse in Spanish?")
    assert said.code == 0
    assert said.out.startswith(SILENT)
    assert "spanish" in said.out
    assert json.loads(cli("ask", "small", "Is it faster than Gemini?", "--json").out)["answered"] is False


def test_bad_input_is_one_sentence(cli, fails, project):
    assert "no run 'nope'" in fails("ask", "nope", "Is it approved?")
    assert "has no words" in fails("ask", "small", "  ?")
    assert cli("ask", "small").code == 2


def test_no_runs_at_all(fails):
    assert "no run" in fails("ask", "small", "Is it approved?")


def test_an_unfinished_run_answers_from_what_it_has(cli, small, tmp_path: Path, scripted_base):
    assert cli("elicit", small.file(tmp_path, scripted_base), "-q").code == 0
    (name,) = (p.name for p in (tmp_path / "runs").iterdir() if p.is_dir())
    said = cli("ask", name, "Which attack families were tried?")
    assert said.code == 0
    assert "role-play" in said.out
    assert f"run {name} is not finished: it has no measure and no release yet" in said.out
    assert cli("ask", name, "Is it approved?").out.startswith(SILENT)


def test_hostile_text_never_reaches_the_terminal_raw(cli, small, tmp_path: Path, scripted_base):
    law = tmp_path / "law"
    shutil.copytree(small.law, law)
    file = law / "principles/no-fraud.md"
    file.write_text(file.read_text().replace("Do not help", "\u202e<b>[red]Do not help\u200b", 1), encoding="utf-8")
    assert cli("elicit", small.file(tmp_path, scripted_base, constitution=str(law)), "-q").code == 0
    (name,) = (p.name for p in (tmp_path / "runs").iterdir() if p.is_dir())
    for more in ((), ("--json",)):
        said = cli("ask", name, "What does the principle no-fraud say?", *more)
        assert said.code == 0
        assert "no-fraud" in said.out
        assert not {"\u202e", "\u200b", "\x1b"}.intersection(said.out)
        assert "U+202E" in said.out
    back = cli("ask", name, "Is it \x1b[31mred\u202e?")
    assert not {"\u202e", "\x1b"}.intersection(back.out)
