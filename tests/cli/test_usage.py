"""`spiritlevel usage` on a real run of a tiny model, and its errors in one sentence."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from spiritlevel.cli.commands import app
from spiritlevel.errors import SpiritlevelError
from spiritlevel.evidence import open_existing
from spiritlevel.report import frameworks
from spiritlevel.types import Governance, Usage


def run(root: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> str:
    monkeypatch.chdir(root)
    result = CliRunner().invoke(app, ["usage", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def error(root: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> str:
    monkeypatch.chdir(root)
    with pytest.raises(SpiritlevelError) as caught:
        CliRunner().invoke(app, ["usage", *args], catch_exceptions=False)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_category_is_told(tuned_run, monkeypatch):
    said = run(tuned_run.root, monkeypatch, "small")
    with open_existing(tuned_run.root, "small") as evidence:
        ruled, used = evidence.value("release.governed"), evidence.value("measure.usage:open")
    assert isinstance(ruled, Governance)
    assert isinstance(used, Usage)
    assert {m.principle for m in used.figures} == {"category:fraud", "category:hate-and-bias", "category:helpfulness"}
    assert "usage policy of run small, on open" in said
    for ruling in ruled.rulings:
        assert f"  {ruling.action:9} {ruling.category}" in said
    assert not [r for r in ruled.rulings if r.action == "allow" and not any(c.estimate for c in r.served)]


def test_one_category_is_told_with_its_figures(tuned_run, monkeypatch):
    said = run(tuned_run.root, monkeypatch, "small", "--category", "fraud")
    assert "delivered_harm           after" in said
    assert "helpfulness" not in said


def test_a_list_of_risks_cites_rows(tuned_run, monkeypatch):
    said = run(tuned_run.root, monkeypatch, "small", "--framework", "owasp-llm-2025")
    assert "LLM03:2025 Supply Chain: partly" in said
    assert "record:lineage (history known): recorded [lineage:" in said
    assert "LLM05:2025 Improper Output Handling: not covered by this product" in said
    told = run(tuned_run.root, monkeypatch, "small", "--framework", "eu-ai-act")
    figures = frameworks.figures([("open", tuned_run.finished.compared.measurements)])
    asked = {entry for risk in frameworks.parse(frameworks.find("eu-ai-act")).risks for entry in risk.evidence}
    shown = [f for f in figures if f.what in asked]
    assert shown
    assert all(f"{f.what} (open, " in told and f.rows[0][:12] in told for f in shown)


def test_the_pages_lie_beside_the_card(tuned_run):
    with open_existing(tuned_run.root, "small") as evidence:
        folder = evidence.path(tuned_run.finished.card.blob)
    pages = {f"{name}.{form}" for name in ("usage-policy", "constitution") for form in ("html", "md")}
    assert {*pages, "model-card.md"} <= {p.name for p in folder.iterdir()}


def test_an_unknown_category_names_the_known_ones(tuned_run, monkeypatch):
    said = error(tuned_run.root, monkeypatch, "small", "--category", "guns")
    assert said.startswith("the policy of run 'small' has no category 'guns'; its categories: fraud, harassment")


def test_a_list_that_names_a_suite_that_does_not_exist(tuned_run, monkeypatch, tmp_path):
    own = tmp_path / "own.yaml"
    risk = {"id": "R1", "title": "t", "about": "a", "evidence": ["suite:no-such"], "lacks": "much"}
    own.write_text(yaml.safe_dump({"name": "n", "edition": "1", "source": "s", "read": "2026-11-27", "risks": [risk]}))
    assert "names the suite measure 'suite:no-such', which nothing makes" in error(
        tuned_run.root, monkeypatch, "small", "--framework", str(own)
    )
    assert "names the suite measure 'suite:no-such'" in error(tuned_run.root, monkeypatch, "--check", "--framework", str(own))


def test_the_shipped_lists_are_checked_without_a_run(tmp_path, monkeypatch):
    assert run(tmp_path, monkeypatch, "--check").count("every name in it exists") == 3


def test_without_a_run(tmp_path, monkeypatch):
    assert error(tmp_path, monkeypatch)
