"""`spiritlevel gap`: from a file of scored samples to a table, a sentence and a page."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.cli import gap
from spiritlevel.finetune.policy import PolicySettings, RolloutSettings, ScoringSettings, optimised
from spiritlevel.stats import stopping
from spiritlevel.types import Gauge, Prompt, Side, StopRule, StopRun


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


ASKED = ("Where do rivers begin?", "How is bread baked?", "Who plays violins?", "What drives a clock?", "Why are ants strong?")


def asked(path: Path, n: int = 5) -> Path:
    texts = [*ASKED[:n], ASKED[0]]
    path.write_text("\n".join(json.dumps({"prompt": text}) for text in texts), "utf-8")
    return path


DRAWN = ("--prompts", "p.jsonl", "--proxy", "rule:length", "--intent", "rule:length=3", "--tokens", 8, "-q")


@pytest.mark.usefixtures("one_thread")
def test_a_pool_is_drawn_scored_and_kept(cli: Any, tmp_path: Path) -> None:
    asked(tmp_path / "p.jsonl")
    said = cli("gap", "--model", "tiny:llama", *DRAWN, "-n", 16, "--intent-is", "oracle")
    assert said.code == 0
    assert "5 prompt groups, 16 samples each" in said.out
    assert "intent: rule:length=3, oracle, independent" in said.out
    assert "n = 16" in said.out
    assert "rule:length=3" in (tmp_path / "gap.html").read_text("utf-8")
    assert cli("gap", "--model", "tiny:llama", *DRAWN, "-n", 16, "--intent-is", "oracle").out == said.out
    assert "no runs in" in cli("runs").out, "what is drawn is no run of the loop"


@pytest.mark.usefixtures("one_thread")
def test_checkpoints_are_followed(cli: Any, tmp_path: Path) -> None:
    asked(tmp_path / "p.jsonl")
    way = [word for seed in (1, 2, 3) for word in ("--checkpoint", f"tiny:llama-{seed}")]
    said = cli("gap", "--model", "tiny:llama", *way, *DRAWN, "-n", 2)
    assert said.code == 0
    assert "step 3" in said.out
    assert "the training history of" in said.out or "kin" in said.out
    assert "checkpoint" not in (tmp_path / "gap.html").read_text("utf-8").partition("Made by")[0].lower().partition("<svg")[0]


@pytest.mark.usefixtures("one_thread")
def test_a_run_s_policy_is_followed_and_one_without_is_named(cli: Any, fails: Any, small: Any, scripted_base: Any, tmp_path: Path) -> None:
    from spiritlevel.evidence import open_run

    asked(tmp_path / "p.jsonl")
    with open_run(tmp_path, "policy", "x", "") as evidence:
        taught = (Prompt(id="x", text=ASKED[0], goal=ASKED[0], principle="", side=Side.TEACH),)
        settings = PolicySettings(
            steps=3,
            lr=1e-3,
            checkpoint_every=1,
            rollouts=RolloutSettings(prompts=1, samples=2, max_tokens=6),
            scoring=ScoringSettings(reward="rule:length"),
        )
        evidence.step(optimised, backends.resolve("tiny:llama"), taught, settings)
    said = cli("gap", "--run", "policy", *DRAWN, "-n", 2)
    assert said.code == 0
    assert "step 3" in said.out
    assert "1 prompts left out" in said.out
    assert "intent: rule:length=3, intent, independent" in said.out
    same = cli("gap", "--run", "policy", *DRAWN[:2], "--proxy", "rule:length=2", "--intent", "rule:length", "--tokens", 8, "-n", 2, "-q")
    assert "intent: rule:length, intent, spent" in same.out
    with open_run(tmp_path, "other", "z", "") as evidence:
        worst = settings.model_copy(update={"seed": 1, "scoring": ScoringSettings(reward="rule:length", aggregate="worst")})
        assert evidence.step(optimised, backends.resolve("tiny:llama"), taught, worst).aggregate == "worst"
    both = cli("gap", "--run", "policy", "--run", "other", *DRAWN, "-n", 2, "-q")
    assert both.code == 0, both.out
    assert "intent at the end, less that of policy" in both.out
    assert both.out.count("step 3 ") == 2
    with open_run(tmp_path, "empty", "y", ""):
        pass
    assert "has optimised no policy" in fails("gap", "--run", "empty", *DRAWN)


@pytest.mark.usefixtures("one_thread")
def test_without_a_file_the_open_seeds_are_asked(cli: Any) -> None:
    said = cli("gap", "--model", "tiny:llama", *DRAWN[2:], "-n", 4)
    assert said.code == 0
    assert "32 prompt groups, 4 samples each" in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "tiny:none", *DRAWN), "none"),
        (("--model", "tiny:llama", *DRAWN[:2], "--proxy", "length", "--intent", "rule:length"), "reward 'length' is unknown"),
        (("--model", "tiny:llama", "--prompts", "no.jsonl", *DRAWN[2:]), "does not exist"),
        (("--run", "none", *DRAWN), "no run 'none'"),
    ],
)
def test_bad_input_to_what_is_drawn_is_one_sentence(fails: Any, tmp_path: Path, words: tuple[Any, ...], said: str) -> None:
    asked(tmp_path / "p.jsonl")
    assert said in fails("gap", *words)


def test_wrong_usage_of_what_is_drawn_exits_2(cli: Any) -> None:
    assert cli("gap", "pool.jsonl", "--model", "bundled", "--proxy", "x", "--intent", "y").code == 2
    assert cli("gap", "--run", "r", "--prompts", "p", "--proxy", "x", "--proxy", "z", "--intent", "y").code == 2
    assert cli("gap", "--model", "m", "--prompts", "p", "--proxy", "x", "--intent", "y", "--intent-is", "people").code == 2


def test_the_record_of_stop_rules_is_told() -> None:
    runs = [StopRun(name=str(i), gauges=tuple(Gauge(kl=k, proxy=k) for k in (0, 1, 2)), intent=(0, 1, 0.5)) for i in range(3)]
    said = list(gap.stopped(stopping.record(runs, (StopRule(name="kl", kl=1.5), stopping.NEVER))))
    assert "3 runs, 3 of which turned" in said[0]
    assert said[2].split()[:3] == ["kl", "0/3/0", "+0.00"]
    assert said[3].split()[2] == "0/0/3"
    assert said[-1].strip().startswith("No rule shows")
