import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")
WORDS = ("select", "p.jsonl", "--model", "tiny:llama", "--reward", "rule:length", "-n", 4, "--max-tokens", 6, "-q")


def asked(path: Path) -> None:
    texts = ("Say hello", "Tell me of rain", "What is a lake?")
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts), "utf-8")


def test_the_best_of_n_in_trls_form_and_again_without_drawing(cli: Any, tmp_path: Path) -> None:
    asked(tmp_path / "p.jsonl")
    said = cli(*WORDS, "--out", "one.jsonl")
    assert said.code == 0, said.out
    assert "best of 4 by" in said.out
    rows = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text("utf-8").splitlines()]
    assert [row["prompt"][0]["content"] for row in rows] == ["Say hello", "Tell me of rain", "What is a lake?"]
    assert all(row["score"] >= row["mean"] and row["completion"][0]["role"] == "assistant" for row in rows)
    assert all(row["score"] > row["mean"] for row in rows[:1])
    cli(*WORDS, "--out", "two.jsonl")
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


def test_pairs_are_preferences(cli: Any, tmp_path: Path) -> None:
    asked(tmp_path / "p.jsonl")
    said = cli(*WORDS, "--pairs", "--cut", "--out", "pairs.jsonl")
    assert said.code == 0, said.out
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()]
    assert rows
    assert all(len(row["chosen"][0]["content"]) > len(row["rejected"][0]["content"]) for row in rows)
    assert f"{len(rows)} pairs of 3 prompts" in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "p.jsonl"), "is there already"),
        (("--out", "no/such/folder.jsonl"), "its folder is not"),
        (("--reward", "rule:nothing"), "nothing"),
        (("--pairs",), "draw more or longer answers"),
    ],
)
def test_bad_input_is_one_sentence(fails: Any, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    asked(tmp_path / "p.jsonl")
    assert said in fails(*WORDS, *words)
    assert (tmp_path / "p.jsonl").read_text("utf-8").count("\n") == 3


def test_prompts_that_are_none_or_too_long(fails: Any, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("", "utf-8")
    assert "holds no prompt" in fails(*WORDS)
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "word " * 9000}) + "\n", "utf-8")
    assert "context" in fails(*WORDS) or "no number" in fails(*WORDS)
