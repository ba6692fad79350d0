"""What other runs of a project hold on a model is found by the weights alone, in real run folders."""

from pathlib import Path
from typing import Any

import pytest

import causes_made
import holdings
import provoked
import signed
from spiritlevel.constitution import Threshold
from spiritlevel.evidence import Evidence, MemoryJournal, open_run
from spiritlevel.measure.suites import Suited
from spiritlevel.release import ReleaseConfig, decide
from spiritlevel.release.facts import circumstances
from spiritlevel.report.held import held
from spiritlevel.types import (
    Campaign,
    Compared,
    DirectionReport,
    Estimate,
    GapPlot,
    Grade,
    Held,
    Inside,
    Journal,
    ModelRef,
    Place,
    Power,
    Sandbagging,
    Side,
    Ticket,
    Tuned,
    VerdictKind,
)

OTHER = ModelRef(spec="path:other", kind="local", weights="w9", family="f")


def suite(journal: Journal, before: ModelRef, after: ModelRef | None, name: str) -> Suited:
    measured = holdings.taken(f"suite:{name}", 0.4, 0.3)
    found = measured if after is not None else (measured[1].model_copy(update={"phase": "single"}),)
    moved = (Estimate(name=f"suite:{name} moved by typos", value=0.1, low=0.0, high=0.2, n=9),)
    return Suited(before=before, after=after, measurements=found, moved=moved, notes=(f"{name}: few rows",))


def attack(journal: Journal, target: ModelRef) -> Campaign:
    return provoked.campaign(MemoryJournal(), target, ("a",))


def screen(journal: Journal, base: ModelRef) -> Power:
    return holdings.power(base.key)


def pool(journal: Journal, base: ModelRef) -> GapPlot:
    return holdings.curve()


def withheld(journal: Journal, model: ModelRef) -> Sandbagging:
    return causes_made.sandbagging(model)


def steered(journal: Journal, model: ModelRef) -> DirectionReport:
    return causes_made.direction(model)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A decided run and, beside it, steps on its base, on its tuned weights, on an ancestor, and on models of others."""
    root = tmp_path_factory.mktemp("project")
    with signed.run(root, "mine") as evidence:
        tuned = evidence.step(signed.tune, 1)
        compared = evidence.step(signed.look, tuned, Side.OPEN, 0.1, 60)
        base, new = compared.before, compared.after
    old = OTHER.model_copy(update={"weights": "w0"})
    tuned = tuned.model_copy(update={"lineage": tuned.lineage.model_copy(update={"parents": ("w0", "base")})})
    with open_run(root / "runs/.suites", "s", "s", "", quiet=True) as beside:
        for before, after, name in (
            (base, new, "bbq"),
            (new, None, "myopia"),
            (base, OTHER, "survival"),
            (old, None, "older"),
            (OTHER, None, "no"),
        ):
            beside.step(suite, before, after, name)
    with open_run(root / "runs/.causes", "c", "c", "", quiet=True) as beside:
        for model in (new, OTHER):
            for stage in (withheld, steered):
                beside.step(stage, model)
    with open_run(root / "runs/.power", "p", "p", "", quiet=True) as beside:
        beside.step(screen, base)
        beside.step(screen, OTHER)
    with open_run(root / "runs/.gap", "g", "g", "", quiet=True) as beside:
        beside.step(pool, base)
    with signed.run(root, "attacked") as beside:
        beside.step(attack, new)
        beside.step(attack, OTHER)
    with signed.run(root, "mine") as evidence:
        yield evidence, tuned, compared


def names(found: Held) -> dict[str, str]:
    return {m.estimate.name: f.of for f in found.found for m in f.measurements}


def test_what_is_of_these_weights_is_found_wherever_it_lies(project: tuple[Evidence, Tuned, Compared]) -> None:
    found = held(*project, places=(Place(measure="suite:bbq", title="t", horizon="near", form="choice"),))
    changed = [f for f in found.found if f.whence.run == ".causes/c"]
    assert {f.of for f in changed} == {"after"}
    assert {"sandbagging_steered", "harm_ablated"} < {m.estimate.name for f in changed for m in f.measurements}
    assert all(m.grade is Grade.KIN and m.rows == (f.whence.row,) for f in changed for m in f.measurements)
    assert [f.notes for f in changed] == [("one look",), ("kin",)]
    found = found.model_copy(update={"found": tuple(f for f in found.found if f not in changed)})
    assert names(found) == {
        "suite:bbq": "both",
        "suite:bbq moved by typos": "both",
        "suite:myopia": "after",
        "suite:myopia moved by typos": "after",
        "suite:survival": "before",
        "suite:older": "before",
        "suite:older moved by typos": "before",
    }
    assert {f.whence.run for f in found.found} == {".suites/s"}
    assert [w.run for w, _ in found.powers] == [".power/p"]
    assert [w.run for w, _ in found.curves] == [".gap/g"]
    assert [(w.run, one.findings) for w, one in found.provoked] == [("attacked", 1)]
    assert [p.measure for p in found.places] == ["suite:bbq"]
    assert found.aged == ""


def test_of_a_base_that_was_tuned_elsewhere_only_the_base_is_told(project: tuple[Evidence, Tuned, Compared]) -> None:
    (other,) = [f for f in held(*project).found if any(m.estimate.name == "suite:survival" for m in f.measurements)]
    assert {m.phase for m in other.measurements} == {"before"}
    assert other.stale == ""


def test_an_earlier_revision_is_stale_and_so_is_what_is_old(project: tuple[Evidence, Tuned, Compared]) -> None:
    (older,) = [f for f in held(*project).found if any(m.estimate.name == "suite:older" for m in f.measurements)]
    assert older.stale == "measured on an earlier revision, w0, whose weights are not these"
    aged = held(*project, max_age_days=1e-9)
    assert all("the policy asks for evidence of at most" in f.stale for f in aged.found if f is not older and f.stale != older.stale)
    assert aged.aged == "" or "the policy asks" in aged.aged


def test_a_threshold_sees_every_suite_of_a_run_not_the_last_alone(project: tuple[Evidence, Tuned, Compared]) -> None:
    evidence, tuned, _ = project
    asked = ("suite:bbq", "suite:myopia")
    thresholds = tuple(Threshold(id=name.replace(":", "-"), measure=name, at_most=0.5) for name in asked)
    policy = signed.POLICY.model_copy(update={"thresholds": thresholds})
    beside = circumstances(evidence, policy, ReleaseConfig(), tuned).beside
    assert {m.estimate.name for one in beside for m in one.measurements if one.model == tuned.ref.key} == set(asked)


@pytest.mark.parametrize(
    ("measure", "limit", "needs", "verdict"),
    [
        ("sandbagging_steered", 0.1, True, VerdictKind.HELD),
        ("sandbagging_steered", 0.3, True, VerdictKind.UNPROVEN),
        ("sandbagging_steered", 0.8, True, VerdictKind.UNPROVEN),
        ("harm_ablated", 0.3, False, VerdictKind.HELD),
        ("harm_ablated", 0.8, False, VerdictKind.APPROVED),
    ],
)
def test_what_was_found_inside_holds_a_release_and_is_nothing_independent(
    project: tuple[Evidence, Tuned, Compared], measure: str, limit: float, needs: bool, verdict: VerdictKind
) -> None:
    evidence, tuned, compared = project
    policy = signed.POLICY.model_copy(
        update={"thresholds": (Threshold(id="inside", measure=measure, at_most=limit, needs_independent=needs),)}
    )
    around = circumstances(evidence, policy, ReleaseConfig(), tuned)
    found = decide(policy, tuned, compared, Inside(measurements=()), None, Ticket(attempt=0, attempts=3), ReleaseConfig(), around)
    (check,) = [c for c in found.checks if c.threshold == "inside"]
    assert check.result is verdict
    assert check.grade is Grade.KIN
    assert [row.partition(":")[0] for row in check.rows] == ["step"]
    assert {one.model for one in around.beside} == {tuned.ref.key}
    other = tuned.model_copy(update={"ref": OTHER.model_copy(update={"weights": "w7"})})
    assert not [m for one in circumstances(evidence, policy, ReleaseConfig(), other).beside for m in one.measurements if one.model == "w7"]


def test_it_is_the_same_value_each_time(project: tuple[Evidence, Tuned, Compared]) -> None:
    assert held(*project) == held(*project)


def test_a_run_that_cannot_be_read_is_passed_over(project: tuple[Evidence, Tuned, Compared]) -> None:
    broken = project[0].folder.parent / ".suites" / "runs" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{", "utf-8")
    assert names(held(*project))
    assert Path(broken).is_dir()
