"""Signed verdicts: what verify says of a project as it was signed, as it grew since, and as somebody changed it."""

import importlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import signed
from spiritlevel.errors import ConfigError, EvidenceError
from spiritlevel.evidence import keys, list_runs, open_existing
from spiritlevel.evidence.bundle import write
from spiritlevel.evidence.seal import VERDICT
from spiritlevel.evidence.verify import verify
from spiritlevel.lineage import Ledger

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tampering() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module("tamper_evidence")
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def signed_project(tmp_path_factory: pytest.TempPathFactory, tampering: Any) -> Any:
    from spiritlevel.evidence import _ed25519

    home = tmp_path_factory.mktemp("signed")
    root, before = home / "project", home / "before"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        keys.new(root)
        signed.add(root, "first")
        shutil.copytree(root, before)
        signed.add(root, "second", seed=1)
    found = verify(root, root / keys.PUBLIC)
    assert found.faults == ()
    return tampering.Project(root, before, _ed25519.pair()[0], str(found.head))


@pytest.fixture
def project(signed_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(signed_project.root.parent / "config"))
    shutil.copytree(signed_project.root, tmp_path / "p")
    return tmp_path / "p"


def faults(root: Path, **fields: Any) -> tuple[str, ...]:
    return verify(root, root / keys.PUBLIC, **fields).faults


def test_a_project_as_it_was_signed_has_no_faults(signed_project: Any, tampering: Any) -> None:
    assert tampering.faults(signed_project.root, signed_project.root / keys.PUBLIC, signed_project.seen) == []
    found = verify(signed_project.root, signed_project.root / keys.PUBLIC)
    assert found.sealed is not None
    assert (found.sealed.run, found.sealed.verdict.kind.value, set(found.sealed.runs)) == ("second", "approved", {"first", "second"})


@pytest.mark.parametrize("seed", range(52))
def test_every_tampering_is_named(signed_project: Any, tampering: Any, tmp_path: Path, seed: int) -> None:
    """Four of each kind here; a thousand in benchmarks/tamper_evidence.py."""
    kind, word, found = tampering.tampered(signed_project, tmp_path / "copy", seed)
    assert any(word in fault for fault in found), (kind, word, found)


def test_what_is_added_by_links_is_told_and_is_no_fault(project: Path, signed_project: Any) -> None:
    with signed.run(project, "second") as evidence:
        evidence.step(signed.tune, 9)
    with signed.run(project, "third") as evidence:
        evidence.step(signed.tune, 3)
    found = verify(project, project / keys.PUBLIC, after=signed_project.seen)
    assert found.faults == ()
    assert any("'third' was begun after" in note for note in found.notes)
    assert any("'second' has" in note and "does not cover" in note for note in found.notes)
    signed.add(project, "fourth", seed=4)
    again = verify(project, project / keys.PUBLIC)
    assert (again.faults, again.notes) == ((), ())


def test_a_run_that_was_removed_on_purpose_is_a_note(project: Path) -> None:
    shutil.rmtree(project / "runs" / "first")
    assert faults(project) == ("run 'first' is missing",)
    with pytest.raises(EvidenceError, match="spiritlevel drop first --reason WHY"):
        signed.add(project, "third", seed=3)
    Ledger(project / "runs" / "ledger.db").link("first", "dropped: it held names", "")
    found = verify(project, project / keys.PUBLIC)
    assert (found.faults, found.notes[0]) == ((), "run 'first' was removed on purpose: it held names")


def test_unsigned_is_said(tmp_path: Path, project: Path) -> None:
    (project / "runs" / "second" / "verdict" / "verdict.sig").unlink()
    assert "the verdict of run 'second' is not signed: verdict.sig is missing" in faults(project)
    bare = tmp_path / "bare"
    bare.mkdir()
    signed.add(bare, "only")
    (told,) = verify(bare, project / keys.PUBLIC).faults
    assert "is signed; make a key (spiritlevel keys new)" in told


def test_a_foreign_key_is_said(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    keys.new(other, tmp_path / "other.key")
    found = verify(project, other / keys.PUBLIC)
    assert found.sealed is None
    assert all("signed by a foreign key" in fault for fault in found.faults)


def test_a_clock_set_back_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    assert signed.add(tmp_path, "first").kind.value == "approved"
    monkeypatch.setattr(time, "time", lambda: now - 7200)
    back = signed.add(tmp_path, "second", seed=1)
    assert back.kind.value == "approved"  # all of its own evidence is of after the fall
    monkeypatch.setattr(time, "time", lambda: now)
    fine = signed.add(tmp_path, "third", seed=2)
    assert fine.kind.value == "approved"
    with signed.run(tmp_path, "fourth") as evidence:
        evidence.step(signed.tune, 3)
    monkeypatch.setattr(time, "time", lambda: now - 7200)
    fell = signed.add(tmp_path, "fourth", seed=3)
    assert fell.kind.value == "unproven"
    assert "the clock was set back, so the age of the evidence is not known: link" in fell.checks[-1].reason


def test_a_bundle_is_verified_elsewhere_with_nothing_that_was_said(project: Path, tmp_path: Path, tampering: Any) -> None:
    out, full = tmp_path / "out", tmp_path / "full"
    for folder in (out, full):
        folder.mkdir()
        with open_existing(project, "second") as evidence:
            assert write(evidence, folder, rows=folder is full) == 2
    public = project / keys.PUBLIC
    assert tampering.faults(out, public) == tampering.faults(full, public) == []
    assert b"question" not in (out / "runs" / "second" / "evidence.db").read_bytes()
    assert b"to question 3 on sealed" not in b"".join(f.read_bytes() for f in out.rglob("*") if f.is_file())
    assert b"to question 3 on sealed" in (full / "runs" / "second" / "evidence.db").read_bytes()
    shutil.rmtree(full / "runs" / "first")
    assert verify(full, public).faults == ("run 'first' is missing",)
    text = (out / "runs" / "chain.jsonl").read_text("utf-8")
    (out / "runs" / "chain.jsonl").write_text(text.replace('"run":"first"', '"run":"frist"', 1), "utf-8")
    assert any("link 1 of the chain (frist, begun) was changed" in fault for fault in verify(out, public).faults)
    (out / "runs" / "chain.jsonl").write_text("nonsense\n", "utf-8")
    assert "cannot be read; it was changed" in verify(out, public).faults[0]


def test_an_unsigned_run_makes_no_bundle(tmp_path: Path) -> None:
    signed.add(tmp_path, "only")
    with open_existing(tmp_path, "only") as evidence, pytest.raises(EvidenceError, match="has no signed verdict"):
        write(evidence, tmp_path / "out", rows=False)


def test_a_damaged_run_is_one_sentence(project: Path) -> None:
    (project / "runs" / "first" / "evidence.db").write_bytes(b"not a database" * 200)
    found = faults(project)
    assert len(found) == 1
    assert found[0].startswith("run 'first' cannot be read: ")


@pytest.mark.parametrize("after", ["", "7", "x:y", "1:0000"])
def test_a_head_that_is_none_or_is_gone(project: Path, after: str) -> None:
    if after == "1:0000":
        assert "rolled back or written anew" in faults(project, after=after)[0]
    elif after:
        with pytest.raises(ConfigError, match="NUMBER:HASH"):
            faults(project, after=after)
    else:
        assert faults(project, after=after) == ()


def test_keys_are_made_once_outside_of_the_project_and_for_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(keys.VARIABLE, raising=False)
    assert keys.private(root) is None
    with pytest.raises(ConfigError, match="might be published"):
        keys.new(root, root / "private.key")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    with pytest.raises(ConfigError, match="might be published"):
        keys.new(root, tmp_path / "repository" / "sub" / "private.key")
    private, public = keys.new(root)
    assert private.stat().st_mode & 0o777 == 0o600
    assert public.parent == root
    assert keys.private(root) == private.read_bytes()
    with pytest.raises(ConfigError, match="there already"):
        keys.new(root)
    private.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.private(root)
    private.chmod(0o600)
    other = tmp_path / "other"
    other.mkdir()
    foreign, _ = keys.new(other, tmp_path / "foreign.key")
    monkeypatch.setenv(keys.VARIABLE, str(foreign))
    with pytest.raises(ConfigError, match="is not that of"):
        keys.private(root)
    monkeypatch.setenv(keys.VARIABLE, str(tmp_path / "none.key"))
    with pytest.raises(ConfigError, match="does not exist"):
        keys.private(root)
    monkeypatch.delenv(keys.VARIABLE)
    private.unlink()
    assert keys.private(root) is None  # the public key alone: verdicts go unsigned
    (root / keys.PUBLIC).write_text("nonsense")
    with pytest.raises(ConfigError, match="not a public Ed25519 key"):
        keys.fingerprint(root / keys.PUBLIC)
    with pytest.raises(ConfigError, match="there is no public key"):
        keys.fingerprint(tmp_path / "nowhere.pub")


def test_a_folder_without_runs_is_no_project(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no runs/"):
        verify(tmp_path / "nothing", project / keys.PUBLIC)


def test_the_signed_file_reads_as_json_and_lists_every_run(project: Path) -> None:
    held = json.loads((project / "runs" / "second" / VERDICT).read_text("utf-8"))
    assert set(held["runs"]) == {info.name for info in list_runs(project)}
    assert held["verdict"]["kind"] == "approved"
