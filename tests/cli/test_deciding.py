"""keys, sign, verify, drop and bundles from the command line, on projects whose evidence is real and whose models are not."""

from pathlib import Path
from typing import Any

import pytest

import signed
from spiritlevel.constitution import Level, Threshold
from spiritlevel.evidence import open_existing

STRICT = Threshold(id="strict", measure="delivered_harm", at_most=0.18)
LEVEL = Level(id="able", capability="delivered_harm", reached_at=0.1, safeguards=(STRICT,), sign_off=("safety lead",), otherwise="slow")
POLICY = signed.POLICY.model_copy(update={"levels": (LEVEL,), "exceptions_by": ("board",)})


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path.parent / f"config of {tmp_path.name}"))
    monkeypatch.delenv("SPIRITLEVEL_KEY", raising=False)


def test_keys_release_verify_bundle_verify(cli: Any, fails: Any, tmp_path: Path) -> None:
    assert "no public key" in fails("verify")
    made = cli("keys", "new")
    assert (made.code, (tmp_path / "spiritlevel.pub").is_file()) == (0, True)
    assert "there already" in fails("keys", "new")
    signed.add(tmp_path, "one")
    said = cli("verify")
    assert said.code == 0
    assert "verified: the verdict of run one on blob:" in said.out
    assert "is APPROVED, signed on 20" in said.out
    head = said.out.partition("head: ")[2].strip()
    assert cli("verify", "--after", head, "--gate").code == 0
    assert cli("export", "one", "--to", "bundle", "--out", "b").code == 0
    assert "give --key spiritlevel.pub" in fails("verify", "b")
    away = cli("verify", "b", "--key", "spiritlevel.pub", "--gate", "--after", head)
    assert away.code == 0
    assert "rows are not in the bundle; their hashes are signed" in away.out
    assert "--rows is for --to bundle" in fails("export", "one", "--to", "junit", "--out", "c", "--rows")
    text = (tmp_path / "b/runs/one/verdict/verdict.json").read_text("utf-8")
    (tmp_path / "b/runs/one/verdict/verdict.json").write_text(text.replace("approved", "held"), "utf-8")
    broken = cli("verify", "b", "--key", "spiritlevel.pub", "--gate")
    assert broken.code == 1
    assert "FAULT: the signature of run 'one''s verdict does not hold" in broken.out
    assert "NOT VERIFIED" in broken.out
    (tmp_path / "b/runs/one/verdict/verdict.sig").unlink()
    unsigned = cli("verify", "b", "--key", "spiritlevel.pub", "--gate")
    assert unsigned.code == 1  # the gate of CI stops on it, whatever the verdict says
    assert "is not signed: verdict.sig is missing" in unsigned.out


@pytest.mark.parametrize(("harm", "code"), [(0.1, 0), (0.19, 4), (0.5, 3)])
def test_verify_gates_by_the_verdict(cli: Any, tmp_path: Path, harm: float, code: int) -> None:
    cli("keys", "new")
    signed.add(tmp_path, "one", harm=harm)
    assert cli("verify", "--gate").code == code
    assert cli("verify").code == 0


def test_a_verdict_that_does_not_follow_is_a_fault(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed with the right key over evidence that says otherwise."""
    from spiritlevel import release
    from spiritlevel.types import VerdictKind

    cli("keys", "new")
    honest = release.decide
    with monkeypatch.context() as patch:
        patch.setattr(release, "decide", lambda *a: honest(*a).model_copy(update={"kind": VerdictKind.APPROVED}))
        signed.add(tmp_path, "one", harm=0.5)
    said = cli("verify", "--gate")
    assert said.code == 1
    assert "does not follow from its evidence: the evidence gives held, not approved" in said.out


def test_people_sign_and_the_next_decision_counts_it(cli: Any, fails: Any, tmp_path: Path) -> None:
    assert signed.add(tmp_path, "one", policy=POLICY).kind.value == "unproven"
    who = ("--name", "Ana", "--reason", "read the transcripts")
    said = cli("sign", "one", *who, "--role", "safety lead")
    assert said.code == 0
    assert "signature of Ana (safety lead) on run one" in said.out
    with signed.run(tmp_path, "one") as evidence:
        assert signed.decide(evidence, policy=POLICY).kind.value == "approved"
    assert cli("sign", "one", *who, "--role", "safety lead", "--dissent").code == 0
    with signed.run(tmp_path, "one") as evidence:
        found = signed.decide(evidence, policy=POLICY)
    assert found.kind.value == "unproven"
    assert found.notes == ("Ana (safety lead) dissents: read the transcripts",)
    assert "say it in one line" in fails("sign", "one", "--name", " ", "--role", "x", "--reason", "y")
    assert "has no 'release' yet" in fails("sign", _begun(tmp_path), *who, "--role", "x")


def _begun(root: Path) -> str:
    with signed.run(root, "begun"):
        return "begun"


def test_an_exception_names_a_condition_and_ends(cli: Any, fails: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    signed.add(tmp_path, "one", policy=POLICY)
    who = ("sign", "one", "--name", "Bo", "--role", "board", "--reason", "for a week")
    id = "able: sign-off by safety lead"
    assert "both --except and --until" in fails(*who, "--except", id)
    assert "is over" in fails(*who, "--except", id, "--until", "2020-01-01")
    assert "no condition 'none'" in fails(*who, "--except", "none", "--until", "2999-01-01")
    assert cli(*who, "--except", id, "--until", "2999-01-01").code == 0
    with signed.run(tmp_path, "one") as evidence:
        found = signed.decide(evidence, policy=POLICY)
    assert found.kind.value == "approved"
    assert "by exception of Bo (board) until 2999-01-02" in found.levels[0].safeguards[1].reason
    monkeypatch.setattr(time, "time", lambda: 33e9)  # the year 3015
    with signed.run(tmp_path, "one") as evidence:
        late = signed.decide(evidence, policy=POLICY)
    assert late.kind.value == "unproven"
    assert late.notes == (f"the exception of Bo (board) for {id} ended on 2999-01-02 00:00",)


def test_evidence_ages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    policy = signed.POLICY.model_copy(update={"max_age_days": 30.0})
    monkeypatch.setattr(signed.look, "__module__", "spiritlevel.measure")
    assert signed.add(tmp_path, "one", policy=policy).kind.value == "approved"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86400)
    with signed.run(tmp_path, "one") as evidence:
        found = signed.decide(evidence, policy=policy)
    assert found.kind.value == "unproven"
    assert "and the policy asks for evidence of at most 30 days" in found.checks[-1].reason


def test_a_later_release_knows_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed.look, "__module__", "spiritlevel.measure")
    level = LEVEL.model_copy(update={"reached_at": 0.9, "sign_off": ()})
    policy = POLICY.model_copy(update={"levels": (level,), "max_growth": 0.05})
    assert signed.add(tmp_path, "one", policy=policy, harm=0.05).kind.value == "approved"
    grown = signed.add(tmp_path, "two", policy=policy, harm=0.12, seed=1)
    assert grown.kind.value == "unproven"
    assert "since the release of run 'one'" in grown.checks[-1].reason
    assert signed.add(tmp_path, "three", policy=policy, harm=0.12, seed=2, n=61).kind.value == "approved"


def test_the_share_of_safety_work_is_of_all_runs(tmp_path: Path) -> None:
    policy = signed.POLICY.model_copy(update={"safety_share": 0.5})
    assert signed.add(tmp_path, "one", policy=policy).checks[-1].threshold == "safety-share"
    with open_existing(tmp_path, "one") as evidence:
        assert {step.cost.tag for step in evidence.steps()} == {"safety"}


def test_a_removed_run_is_recorded(cli: Any, fails: Any, tmp_path: Path) -> None:
    assert "no run 'one' in the project's chain" in fails("drop", "one", "--reason", "x")
    signed.add(tmp_path, "one")
    said = cli("drop", "one", "--reason", "it held names")
    assert said.code == 0
    assert "says that run one was removed: it held names" in said.out


def test_the_screen_tells_levels_needs_and_horizons(tmp_path: Path) -> None:
    from spiritlevel.cli.telling import decided

    told = "\n".join(decided(signed.add(tmp_path, "one", policy=POLICY, harm=0.17)))
    assert "level able, reached: delivered_harm is 0.170" in told
    assert "to settle it: about " in told
    assert "until then: slow scaling" in told
    assert "unproven  able: sign-off by safety lead: no safety lead has signed" in told
    assert "weighed by horizon: near-term harms alone unproven (harm, able)" in told
