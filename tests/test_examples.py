"""Every example runs as its head says."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAYS = {"campaign.yaml": ("within 2 queries", "delivered harm", "role-play+base64", "findings: ")}
"""What an example prints; the others print a verdict."""


@pytest.mark.parametrize("file", sorted(p.name for p in (ROOT / "examples").glob("*.*")))
def test_example_runs(file: str, tmp_path: Path) -> None:
    path = ROOT / "examples" / file
    told = re.search(r"Run with: (.+?examples/\S+?)(?:\"\"\")?$", path.read_text("utf-8"), re.MULTILINE)
    assert told, "its head says how to run it"
    program, *words = shlex.split(told[1].replace(f"examples/{file}", str(path)))
    command = [sys.executable, *{"python": [], "spiritlevel": ["-m", "spiritlevel.cli"]}[program], *words]
    quietly = {**os.environ, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=quietly, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    if file in SAYS:
        assert all(words in done.stdout for words in SAYS[file]), done.stdout
    else:
        assert "verdict" in done.stdout.lower() or "approved" in done.stdout
