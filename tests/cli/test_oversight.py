"""Weak-to-strong as a person asks for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from spiritlevel.types import Oversight

THINGS = ["bank", "school", "river", "garden", "window", "letter", "train", "market", "hotel", "bridge", "harbour", "tower"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def texts(tmp_path: Path) -> str:
    """The last word decides, which words tell and the order of letters does not."""
    rows = [
        {"text": f"the {thing} number {n} is {'safe' if (n + k) % 2 else 'harm'}", "label": (n + k) % 2, "group": f"{thing} {n // 2}"}
        for k, thing in enumerate(THINGS)
        for n in range(8)
    ]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(file)


def test_figures_from_a_file(cli: Any, texts: str, tmp_path: Path) -> None:
    words = ["oversight", texts, "--strong", "tiny:llama", "--seeds", "2", "-q", "--out", str(tmp_path / "found.json")]
    code, out, err = cli(*words)
    assert code == 0, err
    assert "bag-of-words oversees tiny:llama: a head trained, 2 seeds" in out
    for line in ("supervisor", "its labels for the student", "student, plain loss", "student, confident loss", "ceiling (true labels)"):
        assert f"\n  {line}" in out
    assert "performance gap recovered, plain loss: refused" in out
    assert "\nrefused: the strong model trained on true labels is not shown to be better than the supervisor" in out
    assert "where the supervisor errs" in out
    found = Oversight.model_validate_json((tmp_path / "found.json").read_text("utf-8"))
    assert found.overseen.seeds == 2
    assert sum(found.overseen.texts) == 96
    again = cli(*words)
    assert again[:2] == (0, out)


def test_all_weights_and_adapters_learn(cli: Any, texts: str) -> None:
    for train, told in (("whole", "all weights trained"), ("lora", "adapters of rank 8 trained")):
        words = ["oversight", texts, "--weak", "first:1", "--strong", "tiny:llama", "--train", train, "--epochs", "1", "--seeds", "1", "-q"]
        code, out, err = cli(*words)
        assert code == 0, err
        assert "first:1 oversees tiny:llama" in out
        assert told in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no-such-file.jsonl"], "'no-such-file.jsonl' is no file; give JSON lines with text, label and group"),
        (["TEXTS", "--weak", "first:six"], "'first:six' names no supervisor; give first:N"),
        (["TEXTS", "--weak", "tiny:llama"], "supervisor and student are the same, 'tiny:llama', so there is no gap to recover"),
        (["TEXTS", "--weak", "openai/gpt-4o"], "weak-to-strong training needs weights"),
        (["TEXTS", "--weak", "first:9"], "Layer 9 is out of range"),
        (["TEXTS", "--out", "no/such/folder.json"], "choose another place for --out"),
    ],
)
def test_bad_requests_are_one_sentence(cli: Any, texts: str, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    code, _, err = cli("oversight", *[texts if word == "TEXTS" else word for word in words], "--strong", "tiny:llama", "-q")
    assert code == 1
    assert told in err
    assert "Traceback" not in err


def test_a_file_with_one_label(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text("".join(json.dumps({"text": f"a {i}", "label": 1}) + "\n" for i in range(50)), "utf-8")
    code, _, err = cli("oversight", str(file), "--strong", "tiny:llama", "-q")
    assert code == 1
    assert "every text has the label 1, so there is nothing to tell apart; give texts of both labels" in err
