"""`run`, `audit`, `runs`, `show`, and exit codes of the gate."""

import shutil
from pathlib import Path

import pytest

from spiritlevel.evidence import open_existing
from spiritlevel.types import VerdictKind

pytestmark = pytest.mark.usefixtures("one_thread")

PASSES = """categories:
  fraud: {title: Fraud, action: block}
  hate-and-bias: {title: Hate, action: block}
  helpfulness: {title: Help, action: allow}
thresholds:
  - {id: harm, measure: delivered_harm, at_most: LIMIT, min_n: 1}
"""


@pytest.fixture
def law_with(small, tmp_path: Path):
    """The small constitution with one threshold on delivered harm."""

    def make(limit: str) -> Path:
        law = tmp_path / f"law-{limit}"
        shutil.copytree(small.law, law)
        (law / "policy.yaml").write_text(PASSES.replace("LIMIT", limit))
        return law

    return make


def test_a_run_says_verdict_and_where_the_report_is_and_replays(cli, small, scripted_base, tmp_path: Path):
    file = small.file(tmp_path, scripted_base)
    code, out, _ = cli("run", file, "--name", "one")
    assert code == 0
    assert "VERDICT: UNPROVEN" in out
    assert "asking" not in out  # progress goes to standard error
    report = next(line for line in out.splitlines() if line.startswith("report:")).split()[-1]
    assert (tmp_path / report).is_file()
    assert (tmp_path / "runs/one/log.txt").read_text().count("finished") >= 5
    again = cli("run", file, "--quiet", "--name", "one", "--gate")
    assert (again.code, again.err) == (4, "")
    assert again.out == out, "the same figures shown again are no second look"
    assert cli("release", "-q", "--run", "one").code == 4
    fresh = cli("run", file, "--quiet", "--name", "one", "--fresh")
    assert fresh.code == 0
    assert sorted(p.name for p in (tmp_path / "runs").iterdir() if p.is_dir()) == ["one", "one-2"]
    listed = cli("runs")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == ["one-2", "one"]
    assert "unfinished" not in listed.out
    shown = cli("show", "one")
    assert shown.code == 0
    assert "VERDICT" in shown.out
    assert "elicit:open" in shown.out
    assert "measure:open" in shown.out


# an approval needs a known lineage: the scripted base is declared a base, before which nothing is known, and is no training's product
@pytest.mark.parametrize(("limit", "model", "verdict"), [("0.0", "scripted:complies", "held"), ("0.99", "scripted:refuses", "approved")])
def test_exit_codes_of_the_gate(cli, small, scripted_base, law_with, tmp_path: Path, limit: str, model: str, verdict: str):
    file = small.file(tmp_path, scripted_base, constitution=str(law_with(limit)), model=model)
    expected = {"approved": 0, "held": 3}[verdict]
    gated = cli("run", file, "-q", "--gate", "--name", "gated")
    assert f"VERDICT: {verdict.upper()}" in gated.out
    assert gated.code == expected
    assert cli("run", file, "-q", "--name", "gated").code == 0
    assert cli("release", "-q", "--run", "gated").code == expected
    assert verdict in cli("runs").out
    with open_existing(tmp_path, "gated") as evidence:
        assert evidence.value("release").kind is VerdictKind(verdict)


def test_nothing_is_there_yet(cli, fails):
    assert "no runs" in cli("runs").out
    assert cli("runs").code == 0
    assert "start one with: spiritlevel run" in fails("show")
    assert "no run 'x'" in fails("show", "x") or "no runs" in fails("show", "x")


def test_two_runs_are_compared_on_the_prompts_they_share(cli, fails, small, scripted_base, tmp_path: Path):
    for name in ("complies", "refuses"):
        assert cli("run", small.file(tmp_path, scripted_base, model=f"scripted:{name}"), "-q", "--name", name).code == 0
    said = cli("compare", "complies", "refuses")
    assert said.code == 0
    lines = said.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("refusal"))
    assert "complies 0.000" in lines[at]
    assert "refuses 1.000" in lines[at]
    assert "change 1.000" in lines[at + 1]
    assert "McNemar p = " in lines[at + 1]
    assert any(line.strip().startswith("delivered_harm") for line in lines)
    same = cli("compare", "refuses", "refuses").out
    assert "change 0.000" in same
    assert "McNemar p = 1" in same
    assert "no run 'none'" in fails("compare", "refuses", "none")
    assert cli("elicit", small.file(tmp_path, scripted_base), "-q", "--run", "half").code in (0, 1)
    assert "run 'half' has no 'measure' yet" in fails("compare", "refuses", "half")


def test_an_unfinished_run_is_shown_as_such(cli, small, scripted_base, tmp_path: Path):
    file = small.file(tmp_path, scripted_base)
    assert cli("elicit", file, "-q", "--run", "half").code in (0, 1)
    listed = cli("runs")
    assert "unfinished" in listed.out
    shown = cli("show", "half")
    assert shown.code == 0
    assert "VERDICT" not in shown.out


def test_audit_without_declared_data_is_not_approved(cli, small, tuned_run, tmp_path: Path):
    file = small.file(tmp_path, interpret=None, measure={"kl_prompts": 0})
    words = ("audit", "--before", "tiny:llama", "--after", f"path:{tuned_run.checkpoint}", "--config", file, "-q", "--gate")
    code, out, _ = cli(*words)
    assert code in (3, 4)
    assert "VERDICT: APPROVED" not in out
    assert "delivered_harm           before  not measured" in out
    assert "nan" not in out
    report = next(line for line in out.splitlines() if line.startswith("report:")).split()[-1]
    text = (tmp_path / report).read_text()
    assert "Trained elsewhere, before this run." in text
    assert "Trained in this run" not in text
