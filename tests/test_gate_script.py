"""The example of a gate in CI: the script exits by the verdict, and the action and workflow say what they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import signed
from spiritlevel.evidence import keys, open_existing
from spiritlevel.evidence.bundle import write

CI = Path(__file__).resolve().parents[1] / "examples" / "ci"


@pytest.mark.parametrize(("harm", "code", "words"), [(0.1, 0, "approved"), (0.5, 3, "held"), (None, 1, "could not be verified")])
def test_the_script_exits_by_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: float | None, code: int, words: str
) -> None:
    project, bundle, tools = (tmp_path / name for name in ("project", "bundle", "bin"))
    for folder in (project, bundle, tools):
        folder.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    keys.new(project)
    signed.add(project, "one", harm=harm or 0.1)
    with open_existing(project, "one") as evidence:
        write(evidence, bundle, rows=False)
    if harm is None:
        (bundle / "runs" / "one" / "config.yaml").write_text("model: another\n", "utf-8")
    (tools / "spiritlevel").write_text(f'#!/bin/sh\nexec {sys.executable} -m spiritlevel.cli "$@"\n', "utf-8")
    (tools / "spiritlevel").chmod(0o755)
    outputs = tmp_path / "outputs"
    around = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "BUNDLE": str(bundle), "KEY": str(project / keys.PUBLIC)}
    done = subprocess.run(
        ["bash", str(CI / "gate.sh")], env={**around, "GITHUB_OUTPUT": str(outputs)}, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == code, done.stderr
    assert words in done.stdout
    assert outputs.read_text("utf-8").startswith("head=") == (code != 1)


def test_the_action_and_the_workflow_fit_each_other() -> None:
    action, flow = (yaml.safe_load((CI / name).read_text("utf-8")) for name in ("action.yml", "workflow.yml"))
    used = next(step for step in flow["jobs"]["gate"]["steps"] if step.get("uses") == "./examples/ci")
    assert set(used["with"]) <= set(action["inputs"])
    assert {name for name, given in action["inputs"].items() if given.get("required")} <= set(used["with"])
    assert action["runs"]["steps"][-1]["env"].keys() == {"BUNDLE", "KEY", "AFTER"}
