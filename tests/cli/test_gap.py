"""`spiritlevel gap`: from a file of scored samples to a table, a sentence and a page."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def pool(path: Path, prompts: int = 24, samples: int = 64, **change: Any) -> Path:
    """A proxy that likes length ever more, ratings that like it to a point."""
    rng, rows = np.random.default_rng(0), []
    for p in range(prompts):
        for _ in range(samples):
            good, long = rng.normal(), abs(rng.normal())
            row = {
                "prompt": f"question {p}",
                "rm": good + long**2,
                "mended": good + 0.1 * rng.normal(),
                "people": good - 0.8 * long**2 * (long > 1.5),
            }
            rows.append({**row, **change})
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_a_file_becomes_a_table_a_sentence_and_a_page(cli: Any, tmp_path: Path) -> None:
    pool(tmp_path / "pool.jsonl")
    said = cli("gap", "pool.jsonl", "--proxy", "rm", "--proxy", "mended", "--intent", "people", "--intent-is", "people")
    assert said.code == 0
    assert "24 prompt groups, 64 samples each" in said.out
    assert "intent: people, intent, independent" in said.out
    assert "n = 64" in said.out
    assert "rm: intent turns at d = " in said.out or "rm: intent falls" in said.out
    assert "mended: no turning point of intent is visible" in said.out
    assert "less that of rm: +" in said.out
    html = (tmp_path / "gap.html").read_text("utf-8")
    assert html.count("<svg") == 2
    assert "question" not in html
    again = cli("gap", "pool.jsonl", "--proxy", "rm", "--proxy", "mended", "--intent", "people", "--intent-is", "people")
    assert again.out == said.out
    assert (tmp_path / "gap.html").read_text("utf-8") == html


def test_what_a_file_cannot_say_of_its_intent_is_kin_and_an_oracle_certifies_nothing(cli: Any, tmp_path: Path) -> None:
    pool(tmp_path / "pool.jsonl", 8, 16)
    kin = cli("gap", "pool.jsonl", "--proxy", "rm", "--intent", "people", "-n", 8, "--out", "x.svg")
    assert "intent: people, intent, kin (what the intent was made of" in kin.out
    assert "n = 8 " in kin.out
    assert "n = 16" not in kin.out
    assert (tmp_path / "x.svg").read_text("utf-8").startswith("<svg")
    assert "certifies no model" in cli("gap", "pool.jsonl", "--proxy", "rm", "--intent", "people", "--intent-is", "oracle").out


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ({"rm": 1.0}, (), "proxy 'rm' gives all samples of each prompt one score"),
        ({"rm": None}, (), "lack a score"),
        ({"rm": math.nan}, (), "lack a score"),
        ({"rm": "good"}, (), "pool.jsonl:1: "),
        ({"group": "one"}, (), "one prompt group"),
        ({"prompt": None, "group": None}, (), "pool.jsonl:1: "),
        ({}, ("-n", 32), "best of 32 cannot be had from a pool of 16"),
        ({}, ("--proxy", "other"), "under 'rm', 'other', 'people'"),
        ({}, ("--out", "no/where.html"), "'no' does not exist"),
        ({}, ("--out", "pool.jsonl"), "is no page of ours"),
    ],
)
def test_bad_input_is_one_sentence(fails: Any, tmp_path: Path, change: dict[str, Any], words: tuple[Any, ...], said: str) -> None:
    before = pool(tmp_path / "pool.jsonl", 4, 16, **change).read_text("utf-8")
    assert said in fails("gap", "pool.jsonl", "--proxy", "rm", "--intent", "people", *words)
    assert (tmp_path / "pool.jsonl").read_text("utf-8") == before
    assert not (tmp_path / "gap.html").exists()


def test_one_prompt_and_unequal_pools_are_named(cli: Any, fails: Any, tmp_path: Path) -> None:
    path = pool(tmp_path / "pool.jsonl", 1, 16)
    assert "one prompt group" in fails("gap", "pool.jsonl", "--proxy", "rm", "--intent", "people")
    path.write_text("\n".join(pool(path, 6, 16).read_text("utf-8").split("\n")[:-3]), "utf-8")
    assert "pools are of unequal size: prompt 'question 5' has 13" in fails("gap", "pool.jsonl", "--proxy", "rm", "--intent", "people")
    assert "n = 13" in cli("gap", "pool.jsonl", "--proxy", "rm", "--intent", "people", "--cut").out


def test_wrong_usage_exits_2(cli: Any) -> None:
    assert cli("gap", "--intent", "x").code == 2
    assert cli("gap", "pool.jsonl", "--proxy", "x").code == 2
