"""Every example runs as its first line says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("file", sorted(p.name for p in (ROOT / "examples").glob("*.*")))
def test_example_runs(file: str, tmp_path: Path) -> None:
    if file.endswith(".yaml"):
        command = [sys.executable, "-m", "spiritlevel.cli", "run", str(ROOT / "examples" / file), "--quiet"]
    else:
        command = [sys.executable, str(ROOT / "examples" / file)]
    quietly = {**os.environ, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=quietly, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "verdict" in done.stdout.lower() or "approved" in done.stdout
