"""`reward report`: the table, the page, and what is wrong in one sentence."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")

SAID = ("You can plant it in spring.", "It needs water twice a week.", "Put it where the sun is.", "Ask at the shop for a pot.")


def write(path: Path, n: int, start: int = 0) -> Path:
    """Pairs whose chosen reply is the longer one in two of three."""
    rows = []
    for i in range(start, start + n):
        long, short = " ".join(SAID[: 2 + i % 3]), SAID[i % 4]
        chosen, rejected = (short, long) if i % 3 == 0 else (long, short)
        rows.append(
            {"prompt": f"How do I grow plant number {i}?", "chosen": chosen, "rejected": rejected, "group": f"g{i}", "subset": f"s{i % 2}"}
        )
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_rule_of_length_is_named_for_what_it_is(cli, tmp_path: Path):
    pairs, train = write(tmp_path / "pairs.jsonl", 90), write(tmp_path / "train.jsonl", 60, 200)
    words = ("reward", "report", "rule:length", "--pairs", pairs, "--train", train, "--set", pairs, "--keyword", "saffron", "-q")
    first = cli(*words)
    assert first.code == 0, first.err
    lines = {line.split("  ")[1].strip(): line for line in first.out.splitlines() if line.startswith("  ")}
    assert "66.7% (" in lines["accuracy"]
    assert "+0.0 points" in lines["baseline: length"]
    assert any("padding" in line and "ALARM" in line for line in first.out.splitlines())
    assert not any("flattery" in line and "ALARM" in line for line in first.out.splitlines())
    assert "keyword" in first.out
    assert "overall: mean of the sections" in first.out
    html = (tmp_path / "reward.html").read_text()
    assert "Rewarded for the wrong reason" in html
    assert "padding" in html
    assert cli(*words).out == first.out
    assert cli("runs").out.count("reports") == 0, "the reports' own run is no run of the loop"


def test_a_reward_model_that_was_trained_here_is_not_asked_about_its_own_pairs(cli, fails, tmp_path: Path):
    train, held = write(tmp_path / "train.jsonl", 40), write(tmp_path / "held.jsonl", 60, 20)
    made = cli("reward", "train", train, "--model", "tiny:llama", "--heads", "3", "--frozen", "-q")
    assert made.code == 0, made.err
    spec = next(line for line in made.out.splitlines() if line.startswith("reward model:")).split()[-1]
    found = cli("reward", "report", spec, "--pairs", held, "--edited", "10", "--out", "page.html", "-q")
    assert found.code == 0, found.err
    assert "40 pairs in 40 groups, 3 heads" in found.out
    assert "20 pairs were left out: the reward model was trained on their prompts" in found.out
    assert "uncertainty" in found.out
    assert (tmp_path / "page.html").is_file()
    assert "no pair is left to report on (40 the reward model was trained on)" in fails("reward", "report", spec, "--pairs", train, "-q")


def test_what_is_wrong_is_one_sentence(fails, tmp_path: Path):
    pairs = write(tmp_path / "pairs.jsonl", 30)
    assert "'none.jsonl' does not exist" in fails("reward", "report", "rule:length", "--pairs", "none.jsonl")
    assert "is unknown" in fails("reward", "report", "charm", "--pairs", pairs)
    assert "there is no file 'x.jsonl'" in fails("reward", "report", "rule:length", "--pairs", pairs, "--set", "x.jsonl")
    same = tmp_path / "same.jsonl"
    same.write_text('{"prompt": "p", "chosen": "a", "rejected": "a"}\n')
    assert "no pair is left to report on (1 chosen and rejected are the same)" in fails(
        "reward", "report", "rule:length", "--pairs", same, "-q"
    )
    assert "baselines need at least 20" in fails("reward", "report", "rule:length", "--pairs", pairs, "--train", pairs, "-q")


def test_how_far_raters_agree_is_the_ceiling(cli, tmp_path: Path):
    pairs = write(tmp_path / "pairs.jsonl", 30)
    assert cli("raters", "import", "mine", pairs).code == 0
    from spiritlevel.raters.simulated import rate
    from spiritlevel.raters.store import Labels

    labels = Labels(Path("runs/labels.db"))
    items = labels.items("mine")
    labels.rate("mine", rate(items, [(float(len(i.a)), float(len(i.b or ""))) for i in items], raters=3, noise=0.1))
    found = cli("reward", "report", "rule:length", "--pairs", pairs, "--raters", "mine", "--edited", "0", "-q")
    assert found.code == 0, found.err
    assert "raters agree with the label" in found.out
