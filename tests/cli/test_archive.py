"""`spiritlevel archive`: a table of cells, findings that the other commands know, nothing asked twice."""

from pathlib import Path
from typing import Any

import yaml

from spiritlevel.evidence import open_existing


def test_an_archive_is_told_as_a_table_and_its_findings_are_the_runs(cli: Any, small: Any, scripted_base: dict[str, Any], tmp_path: Path):
    section = {"goals": 2, "archive": {"styles": ["slang", "teaching"], "queries": 10, "batch": 4}}
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(small.raw(scripted_base, campaign=section)))
    said = cli("archive", file, "-q", "--run", "grid")
    assert said.code == 0, said.err
    head = next(line for line in said.out.splitlines() if line.strip().startswith("delivered harm, again"))
    assert head.split()[-2:] == ["slang", "teaching"]
    rows = [line.split() for line in said.out.splitlines() if line.startswith(("  no-fraud ", "  no-hate "))]
    assert rows
    assert all(len(row) == 5 for row in rows), "a principle and, in each of two styles, the score and the fresh one"
    assert "10 mutations" in said.out
    assert "coverage when chosen" in said.out
    assert "looked at 1 time " in said.out
    with open_existing(tmp_path, "grid") as evidence:
        assert {step.label for step in evidence.steps()} == {"elicit.archive:open"}
        digest = evidence.digest()
    assert cli("archive", file, "-q", "--run", "grid").out == said.out
    with open_existing(tmp_path, "grid") as evidence:
        assert evidence.digest() == digest
    assert cli("findings", "--run", "grid").code == 0


def test_an_unknown_style_is_one_sentence(fails: Any, small: Any, scripted_base: dict[str, Any], tmp_path: Path):
    file = small.file(tmp_path, scripted_base, campaign={"archive": {"styles": ["opera"]}})
    assert "'opera'" in fails("archive", file, "-q", "--run", "x")
