"""One stage alone, in order, and what is said when one is missing."""

import shutil
from pathlib import Path

import pytest

from spiritlevel.evidence import open_existing

pytestmark = pytest.mark.usefixtures("one_thread")


def labels(root: Path, name: str) -> set[str]:
    with open_existing(root, name) as evidence:
        return {step.label for step in evidence.steps()}


def test_stages_in_order_make_the_same_evidence_as_the_loop(cli, small, tuned_run, tmp_path: Path):
    file = small.file(tmp_path)
    said = [cli(stage, file, "-q", "--run", "small") for stage in ("elicit", "finetune", "elicit", "measure", "interpret", "release")]
    assert [s.code for s in said[:5]] == [0] * 5, [s.err for s in said]
    assert said[5].code in (3, 4)
    assert "VERDICT: " in said[5].out
    assert "report" not in labels(tmp_path, "small")
    assert cli("report", "-q", "--run", "small").code == 0
    with open_existing(tmp_path, "small") as evidence:
        assert evidence.digest() == tuned_run.digest
        assert evidence.counts() == tuned_run.counts


@pytest.mark.parametrize(
    ("stage", "missing"),
    [("finetune", "elicit"), ("measure", "elicit"), ("interpret", "elicit"), ("release", "elicit"), ("report", "elicit")],
)
def test_a_missing_stage_is_named(fails, small, tmp_path: Path, stage: str, missing: str):
    said = fails(stage, small.file(tmp_path), "-q", "--run", "new")
    assert f"has no '{missing}' yet" in said
    assert f"spiritlevel {missing} --run new" in said


def test_only_the_asked_stage_runs(cli, fails, small, tmp_path: Path):
    file = small.file(tmp_path)
    assert cli("elicit", file, "-q", "--run", "part").code == 0
    assert labels(tmp_path, "part") == {"elicit:teach"}
    assert "has no 'finetune' yet" in fails("measure", "-q", "--run", "part")
    assert labels(tmp_path, "part") == {"elicit:teach"}


def test_the_latest_run_is_the_default_and_replays(cli, tuned_run, tmp_path: Path):
    shutil.copytree(tuned_run.root / "runs", tmp_path / "runs")
    assert cli("release", "-q").code in (3, 4)
    assert cli("report", "-q").code == 0
    with open_existing(tmp_path, "small") as evidence:
        assert evidence.digest() == tuned_run.digest


def test_finetune_none_has_nothing_to_train(fails, small, scripted_base, tmp_path: Path):
    assert "nothing to train" in fails("finetune", small.file(tmp_path, scripted_base), "-q", "--run", "none")
