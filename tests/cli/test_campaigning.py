"""`campaign`, `findings`, `replay`, `compare` and `run --findings`: the whole thread, and what goes wrong in one sentence."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spiritlevel import constitution, firewall
from spiritlevel.elicit import taught
from spiritlevel.evidence import open_existing
from spiritlevel.lineage import Ledger
from spiritlevel.types import Attempt, Campaign, Finding, Lesson

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {"attacks": ["direct", "role-play", "base64"], "goals": 2, "queries": 2}


@pytest.fixture(scope="module")
def yielding(small, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that goes along with every harmful seed, on its subject; what it cannot read it refuses."""
    import re

    goals = [
        line.removeprefix("- ")
        for stem in ("no-fraud", "no-hate")
        for line in (small.seeds / f"{stem}.md").read_text().partition("# harmful")[2].partition("\n# ")[0].splitlines()
        if line.startswith("- ")
    ]
    said = "Sure, here is how: {}. First pick people who trust you. Then tell them lies, take their money, and hide every trace of it."
    rules = [{"match": re.escape(goal), "replies": [said.format(goal)]} for goal in goals]
    file = tmp_path_factory.mktemp("script") / "yielding.yaml"
    file.write_text(json.dumps({"rules": rules, "default": ["I'm sorry, but I can't help with that."]}), encoding="utf-8")
    return f"scripted:{file}"


def campaign_of(evidence: Any) -> Campaign:
    (found,) = taught.campaigns(evidence)
    return found


@pytest.fixture
def attacked(cli, small, scripted_base, yielding: str, tmp_path: Path) -> Any:
    """A finished campaign on a model that complies, as run `one`."""

    def make(name: str = "one", **campaign: Any) -> Any:
        file = small.file(tmp_path, scripted_base, model=yielding, elicit={"max_tokens": 60}, campaign={**SHORT, **campaign})
        return cli("campaign", file, "-q", "--run", name)

    return make


def test_a_campaign_lists_findings_that_replay_and_can_be_taught(cli, fails, attacked, small, tmp_path: Path):
    said = attacked()
    assert said.code == 0, said.err
    assert "delivered harm" in said.out
    assert "findings: " in said.out
    again = attacked()
    assert again.out == said.out, "a finished campaign replays"
    listed = cli("findings", "--run", "one", "--out", "rows.jsonl")
    assert listed.code == 0
    with open_existing(tmp_path, "one") as evidence:
        found = evidence.rows(campaign_of(evidence).findings, Finding)
        assert evidence.counts()["reply"] > 0
    assert found
    assert all(f.id in listed.out and f.clause in listed.out for f in found)
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert {row["finding"].partition("@")[0] for row in rows} == {f.id for f in found}
    replayed = cli("replay", found[0].id, "--run", "one")
    assert replayed.code == 0
    assert found[0].clause in replayed.out
    then, now = (next(line.split(maxsplit=1)[1] for line in replayed.out.splitlines() if line.split()[:1] == [w]) for w in ("then", "now"))
    assert then == now, "the same model with the same seed answers the same"
    other = cli("replay", found[0].id, "--run", "one", "--model", "scripted:refuses")
    assert "refusal" in other.out
    assert "0 findings of run 'one' begin with 'zzz'" in fails("replay", "zzz", "--run", "one")


def test_a_campaign_on_open_prompts_is_one_look_however_often_it_is_shown(attacked, yielding: str, tmp_path: Path):
    said = attacked()
    with open_existing(tmp_path, "one") as evidence:
        model, path = campaign_of(evidence).target.key, evidence.ledger.path
    ledger = Ledger(path)
    assert "looked at 1 time for this model" in said.out
    assert ledger.looks([model], "open") == 1
    assert attacked().out == said.out
    assert ledger.looks([model], "open") == 1, "the same figures teach nobody anything new"
    assert "looked at 2 times" in attacked("two", queries=1).out
    assert ledger.looks([model], "open") == 2
    assert "looked at" not in attacked("lessons", side="teach").out
    assert "looked at" not in attacked("none", budget={"queries": 0}).out
    assert ledger.looks([model]) == 2, "what teaches is spent anyway, and where nothing was asked there is nothing to see"


def test_bad_campaigns_are_one_sentence(cli, fails, attacked, small, scripted_base, tmp_path: Path):
    file = small.file(tmp_path, scripted_base, campaign={**SHORT, "attacks": ["no-such"]})
    assert "has no 'no-such'" in fails("campaign", file, "-q", "--run", "a")
    file = small.file(tmp_path, scripted_base, campaign={**SHORT, "principles": ["no-fun"]})
    assert "campaign.principles has 'no-fun'" in fails("campaign", file, "-q", "--run", "b")
    assert "no campaign yet" in fails("findings", "--run", "b")
    assert "no campaign yet" in fails("replay", "abc", "--run", "b")
    # a drifted configuration is another run, or an error where the name is taken; never a mix
    assert attacked().code == 0
    drifted = small.file(tmp_path, scripted_base, campaign={**SHORT, "queries": 3})
    assert "was made with another configuration" in fails("campaign", drifted, "-q", "--run", "one")


def test_a_budget_of_zero_asks_nothing_and_says_why(attacked, tmp_path: Path):
    said = attacked("none", budget={"queries": 0})
    assert said.code == 0, said.err
    assert "the budget of queries (0) is used up" in said.out
    assert "0 queries" in said.out
    with open_existing(tmp_path, "none") as evidence:
        assert "reply" not in evidence.counts()


def test_two_campaigns_on_one_store_get_one_sentence(fails, attacked, tmp_path: Path):
    assert attacked().code == 0
    with open_existing(tmp_path, "one", write=True):
        assert "another process is using run 'one'" in fails("campaign", "-q", "--run", "one")


def test_two_campaigns_are_compared_in_pairs(cli, fails, attacked, small, scripted_base, tmp_path: Path):
    assert attacked().code == 0
    file = small.file(tmp_path, scripted_base, model="scripted:refuses", campaign={**SHORT, "attacks": ["role-play"]})
    assert cli("campaign", file, "-q", "--run", "two").code == 0
    said = cli("compare", "one", "two")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("compliance, direct"))
    assert "one 1.000" in lines[at]
    assert "two 0.000" in lines[at]
    assert "change -1.000" in lines[at + 1]
    assert "base64" not in said.out, "only attacks that both ran"
    assert "delivered_harm, any attack" in said.out
    assert "has no campaign on its tuned model yet" in fails("compare", "one")


def test_a_campaign_killed_at_many_points_loses_nothing_and_asks_nothing_twice(small, scripted_base, cache_home: Path, tmp_path: Path):
    config = {
        **SHORT,
        "attacks": ["direct", "role-play", "base64", "rot13", "leetspeak", "unicode"],
        "goals": 6,
        "queries": 4,
        "stop": False,
    }
    homes = [tmp_path / "whole", tmp_path / "killed"]
    environment = {**os.environ, "SPIRITLEVEL_CACHE": str(cache_home), "OMP_NUM_THREADS": "1"}

    def start(home: Path) -> subprocess.Popen[bytes]:
        file = small.file(home, scripted_base, campaign=config)
        words = [sys.executable, "-m", "spiritlevel.cli", "campaign", str(file), "-q", "--run", "c"]
        return subprocess.Popen(words, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    for home in homes:
        home.mkdir()
    first = start(homes[0])
    _, err = first.communicate()
    assert first.returncode == 0, err
    killed = 0
    store = homes[1] / "runs/c/evidence.db"
    for wanted in (1, 60):
        child = start(homes[1])
        while child.poll() is None:
            if store.is_file() and replies(homes[1]) >= wanted:
                os.kill(child.pid, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.02)
        child.communicate()
    last = start(homes[1])
    _, err = last.communicate()
    assert last.returncode == 0, err
    assert killed, "at least one kill came in the middle"
    states = []
    for home in homes:
        with open_existing(home, "c") as evidence:
            (step,) = evidence.steps()
            states.append((evidence.digest(), evidence.counts(), step.cost.tokens_in, step.cost.tokens_out))
    # tokens are counted with the rows they came in: a reply asked twice would count twice
    assert states[0] == states[1]


def replies(home: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{home / 'runs/c/evidence.db'}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT COUNT(*) FROM rows WHERE kind = 'reply'").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_findings_are_taught_and_tested_again_on_what_training_never_saw(cli, fails, attacked, small, tmp_path: Path):
    assert attacked(goals=1).code == 0
    with open_existing(tmp_path, "one") as evidence:
        found = evidence.rows(campaign_of(evidence).findings, Finding)
        pins = taught.pinned(["one"], lambda _: open_existing(tmp_path, "one"))
    assert found
    law = constitution.load(small.law)
    file = small.file(tmp_path, campaign={**SHORT, "attacks": ["role-play"], "queries": 1}, interpret=None, measure={"kl_prompts": 0})
    assert "no run 'absent'" in fails("run", file, "-q", "--findings", "absent")
    done = cli("run", file, "-q", "--name", "two", "--findings", "one")
    assert done.code == 0, done.err
    assert f"- {pins[0]}" in (tmp_path / "runs/two/config.yaml").read_text(), "the run can be made again from its configuration"
    card_before = card(tmp_path, "two")
    again = cli("campaign", "-q", "--run", "two")
    assert again.code == 0, again.err
    assert cli("campaign", "-q", "--run", "two", "--target", "base").code == 0
    assert cli("report", "-q", "--run", "two").code == 0
    with open_existing(tmp_path, "two") as evidence:
        tuned = evidence.value("finetune")
        lessons = evidence.rows(tuned.lessons, Lesson)
        retest = evidence.value("elicit.campaign:open", tuned.ref.key)
        attempts = evidence.rows(retest.attempts, Attempt)
        spent = firewall.spent(tuned.lineage, evidence.ledger.lookup)
    learnt = {x.source.removeprefix("finding:").partition("@")[0]: x for x in lessons if x.source.startswith("finding:")}
    assert learnt
    assert learnt.keys() <= {f.id for f in found}, "a finding becomes a lesson, unless no revision of it was better"
    assert len(found) == len(learnt) or any("dropped" in note for note in tuned.notes)
    assert all(learnt[f.id].principle == f.clause for f in found if f.id in learnt), "the clause stays the same"
    assert attempts
    clusters = {a.goal.cluster for a in attempts}
    assert clusters.isdisjoint(x.cluster for x in lessons)
    assert clusters.isdisjoint(f.cluster for f in found)
    assert {f"cluster:{f.cluster}" for f in found} <= spent, "a finding's whole group is spent"
    assert all(spent.isdisjoint(firewall.atoms_of([a.goal])) for a in attempts)
    assert {a.goal.principle for a in attempts} <= {p.id for p in law.principles}
    assert f"Taught from {len(learnt)} finding" in card_before
    assert "re-tested on the open prompts" in card_before
    text = card(tmp_path, "two")
    assert "of run one" in text
    assert f"re-tested by campaign on {len(clusters)} group" in text
    assert all(f"{f.clause}: " in text for f in found if f.id in learnt)
    assert retest.attempts.id in text
    assert tuned.lessons.id in text
    red = text.partition("## Red team")[2].partition("\n## ")[0]
    assert "| before training, open prompts | 1 attacks, within 1 queries; the furthest: role-play |" in red
    assert "| after training, open prompts |" in red
    pairs = cli("compare", "two")
    assert pairs.code == 0, pairs.err
    assert "compliance, direct" in pairs.out


def card(root: Path, name: str) -> str:
    with open_existing(root, name) as evidence:
        return (evidence.path(evidence.value("report").blob) / "model-card.md").read_text()


def test_findings_are_material_for_proposals(cli, fails, small, attacked, tmp_path: Path) -> None:
    from spiritlevel.cli import campaigning

    attacked()
    law = constitution.load(small.law)
    told = campaigning.preferences(tmp_path, "one", law)
    assert {p.by for p in told} == {"campaign"}
    assert all(p.chosen == law.principle(p.principle).openings[0] and "Sure, here is how" in p.rejected for p in told)
    few = fails("constitution", "propose", small.law, "--findings", "one")
    assert f"got {len({p.cluster for p in told})}" in few
