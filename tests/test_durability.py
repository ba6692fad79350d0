"""SIGKILL at random points of every stage: what is finished stays, nothing is done twice, and the evidence is equal in the end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STAGES = ("elicit", "finetune", "measure", "interpret", "release", "report")


@pytest.mark.parametrize(
    ("model", "rounds"),
    [
        ("tiny:llama", 1),
        pytest.param("tiny:llama", 20, marks=pytest.mark.slow),
        pytest.param("bundled", 1, marks=[pytest.mark.slow, pytest.mark.bundled]),
    ],
)
def test_a_killed_loop_has_equal_evidence(small, cache_home: Path, tmp_path: Path, model: str, rounds: int):
    config = small.config(
        model=model,
        elicit={"teach": 3, "attacks": ["direct", "role-play"]},
        finetune={
            "sft": {"epochs": 2, "lr": 1e-3, "batch_tokens": 512, "save_every": 2},
            "dpo": {"epochs": 1, "lr": 1e-4, "save_every": 1},
        },
    )
    file = tmp_path / "config.json"
    file.write_text(config.model_dump_json())
    script = Path(__file__).with_name("killed_loop.py")
    # threads that load weights race for torch's pool in a forked child (in a process of its own they do not)
    calm = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_DEACTIVATE_ASYNC_LOAD": "1"}
    environment = {**os.environ, **calm, "SPIRITLEVEL_CACHE": str(cache_home)}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(file), str(rounds)], env=environment, capture_output=True, text=True, timeout=3600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    whole, *killed = json.loads(done.stdout)["results"]
    assert len(killed) == rounds
    for run in killed:
        assert run["counts"] == whole["counts"]
        assert run["blobs"] == whole["blobs"]
        assert run["digest"] == whole["digest"]
        # tokens are counted with the rows they came in: more of them would be a unit done twice, fewer a unit lost
        assert run["tokens"] == whole["tokens"]
        assert run["left"] == []
    kills = {stage: sum(run["kills"].get(stage, 0) for run in killed) for stage in STAGES}
    assert kills == dict.fromkeys(STAGES, rounds)
