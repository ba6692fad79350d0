"""SIGKILL anywhere loses nothing, repeats nothing, and leaves equal evidence."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_run_killed_at_20_points_ends_with_equal_evidence(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed_run.py")
    done = subprocess.run([sys.executable, str(script), str(tmp_path), "20"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    whole, *killed = json.loads(done.stdout)
    assert sum(run["kills"] for run in killed) == 20
    for run in killed:
        assert run["digest"] == whole["digest"]
        assert run["counts"] == whole["counts"]
        assert run["distinct"] == whole["distinct"]
        # each kill can lose the one hosted reply that was under way, and no other is asked for again
        assert whole["hosted"] <= run["hosted"] <= whole["hosted"] + run["kills"]
        assert whole["tokens"] <= run["tokens"] <= whole["tokens"] + run["kills"] * 5
        assert run["left"] == []
        assert run["blobs"] == whole["blobs"]
