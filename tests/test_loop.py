"""The whole loop, on a scripted model and on tiny ones of several families."""

import shutil
from pathlib import Path

import pytest

from spiritlevel import loop
from spiritlevel.evidence import canonical, open_existing, open_run
from spiritlevel.types import Grade, Lesson, Pair, Preference, Prompt, Side, Transcript, VerdictKind

pytestmark = pytest.mark.usefixtures("one_thread")


def same(one, other) -> bool:
    """Equal runs: card, verdict and figures as text (a NaN is not equal to itself), digest and counts."""
    texts = [[canonical(part) for part in (run[0].card, run[0].verdict, run[0].tuned, run[0].compared)] for run in (one, other)]
    return texts[0] == texts[1] and one[1:] == other[1:]


def test_a_scripted_model_walks_through_all_rooms(small, run_loop, scripted_base, tmp_path: Path):
    config = small.config(scripted_base)
    finished, digest, counts = run_loop(tmp_path, config)
    assert finished.verdict.kind in (VerdictKind.HELD, VerdictKind.UNPROVEN)  # a base model's half refusals never pass
    assert not finished.tuned.trained
    folder = tmp_path / "runs/small/blobs" / finished.card.blob
    assert {"model-card.md", "report.html", "system-card.html"} <= {p.name for p in folder.iterdir()}
    assert finished.compared.gaps
    again = run_loop(tmp_path, config)
    assert same(again, (finished, digest, counts))


def test_each_side_sees_its_own_prompts_alone(tuned_run):
    with open_existing(tuned_run.root, "small") as evidence:
        cluster_sides: dict[str, set[str]] = {}
        for side in Side:
            seen = evidence.value(f"elicit:{side.value}") if side is not Side.SEALED or tuned_run.finished.verdict.attempt else None
            for t in evidence.rows(seen.transcripts, Transcript) if seen else ():
                cluster_sides.setdefault(t.prompt.cluster, set()).add(side.value)
                assert t.prompt.side is side
        assert all(len(sides) == 1 for sides in cluster_sides.values())
        taught = {row.cluster for row in evidence.rows(tuned_run.finished.tuned.lessons, Lesson) if row.cluster}
        pairs = evidence.rows(tuned_run.finished.compared.pairs, Pair)
        assert pairs
        assert taught.isdisjoint(p.prompt.cluster for p in pairs)
        assert {p.prompt.family for p in pairs} == {"direct", "prefix-injection", "role-play"}


def test_what_trained_is_recorded_and_no_training_judge_is_independent(tuned_run):
    tuned, compared = tuned_run.finished.tuned, tuned_run.finished.compared
    assert tuned.trained
    assert tuned.lineage.history == "known"
    assert tuned.lineage.weights == tuned.ref.weights
    assert "probe-reply" in {c.name for c in tuned.critics}
    assert {u.model for u in tuned.lineage.uses} == {tuned.ref.weights}
    with open_existing(tuned_run.root, "small") as evidence:
        assert evidence.rows(tuned.preferences, Preference)
    critics = {c.id for c in tuned.critics}
    assert all(m.grade is not Grade.INDEPENDENT for m in compared.measurements if critics.intersection(m.instruments))
    assert all(m.why_grade for m in compared.measurements if m.grade is not Grade.INDEPENDENT)


def test_a_second_run_is_free_and_equal(tuned_run, tmp_path: Path, run_loop):
    shutil.copytree(tuned_run.root, tmp_path / "copy")
    told: list[str] = []
    finished, digest, counts = run_loop(tmp_path / "copy", tuned_run.config, listener=lambda label, done, total: told.append(label))
    assert same((finished, digest, counts), (tuned_run.finished, tuned_run.digest, tuned_run.counts))
    assert told == []  # no unit was even looked for


def test_a_changed_measurement_asks_no_reply_again(small, tuned_run, tmp_path: Path):
    shutil.copytree(tuned_run.root, tmp_path / "copy")
    changed = small.config(measure={"rounds": 120})
    with open_run(tmp_path / "copy", "small", tuned_run.config.identity, "") as evidence:
        before = evidence.counts()
        loop.run(changed, evidence)
        assert evidence.counts()["reply"] == before["reply"]
        assert evidence.counts()["steps"] > before["steps"]


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["qwen2", "qwen3", "gemma2", "gemma3", "mistral", "phi", "phi3"])
def test_other_families_pass(small, run_loop, tmp_path: Path, arch: str):
    finished, _, counts = run_loop(tmp_path, small.config(model=f"tiny:{arch}"))
    assert finished.tuned.trained
    assert finished.tuned.ref.family.startswith(arch[:4])
    assert counts["blobs"] >= 4  # two probes, the model, the card


def test_no_prompts_left_after_hold_out_is_said(small, run_loop, tmp_path: Path, scripted_base):
    from spiritlevel.errors import DataError

    with pytest.raises(DataError, match="no prompts are left on the 'open' side after hold-out"):
        run_loop(tmp_path, small.config(scripted_base, elicit={"shares": (1.0, 0.0, 0.0)}))


def test_prompt_is_kept_apart_from_goal_under_attack(tuned_run):
    with open_existing(tuned_run.root, "small") as evidence:
        seen = evidence.value("elicit:open")
        wrapped: list[Prompt] = [
            t.prompt for t in evidence.rows(seen.transcripts, Transcript) if t.prompt.family not in ("direct", "encoding")
        ]
    assert wrapped
    assert all(p.goal in p.text and p.text != p.goal for p in wrapped)
