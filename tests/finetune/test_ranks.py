import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spiritlevel.finetune import _plan

HERE = Path(__file__).parent
CLEAN = {**{k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "MASTER_ADDR")}, "OMP_NUM_THREADS": "1"}


def launch(ranks, job, folder, *more):
    """(output, errors, exit code) of each rank. One that waits for ever fails the test."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(ranks):
        env = {**CLEAN, "PYTHONPATH": str(HERE)}
        if ranks > 1:
            env |= {"RANK": str(rank), "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        words = [sys.executable, str(HERE / "ranked.py"), job, str(folder), *map(str, more)]
        started.append(subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        return [(*p.communicate(timeout=120), p.returncode) for p in started]
    finally:
        for p in started:
            p.kill()


def apart(one, other):
    """Largest difference of any weight."""
    a, b = (torch.load(folder / "weights.pt") for folder in (one, other))
    assert a.keys() == b.keys()
    return max((a[name].float() - b[name].float()).abs().max().item() for name in a)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["sft", "adapters", "dpo", "reward"])
def test_two_processes_learn_what_one_learns(tmp_path, job):
    one, two = tmp_path / "one", tmp_path / "two"
    ((alone, errors, code),) = launch(1, job, one)
    assert code == 0, errors
    (first, errors, code), (second, silent, other) = launch(2, job, two)
    assert (code, other) == (0, 0), errors + silent
    assert (second, silent) == ("", "")
    losses, shared = (torch.tensor([[x or 0.0 for x in point] for point in json.loads(text)]) for text in (alone, first))
    assert len(losses) > 4
    assert torch.allclose(losses, shared, atol=1e-5, rtol=0)
    assert apart(one, two) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("job", "who"), [("rounded", 0), ("rounded", 1), ("reward", 1)])
def test_when_one_is_killed_all_end_and_the_next_launch_goes_on_to_the_bit(tmp_path, job, who):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = launch(2, job, whole)[0]
    replies = launch(2, job, killed, 4, who)
    assert replies[who][2] == -signal.SIGKILL
    output, errors, code = replies[1 - who]
    assert (output, code) == ("", 1)
    assert "Traceback" not in errors
    assert ("run the same command again" in errors) == (who == 1)
    assert json.loads((killed / "manifest.json").read_text())["step"] in (3, 4)
    assert launch(2, job, killed)[0] == expected
    assert apart(whole, killed) == 0


def test_three_processes_of_which_some_have_nothing_to_do(tmp_path):
    one, three = tmp_path / "one", tmp_path / "three"
    launch(1, "sft", one)
    assert [code for _, _, code in launch(3, "sft", three)] == [0, 0, 0]
    assert apart(one, three) < 1e-5


@pytest.mark.slow
def test_a_command_under_torchrun_writes_and_prints_once(tmp_path):
    words = ("help answer write here", "safe help answer"), ("sorry harm the", "harm not can't the")
    rows = [{"prompt": f"question {i}", "chosen": words[0][i % 2], "rejected": words[1][i // 2 % 2], "group": f"g{i}"} for i in range(40)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    weights, said = [], []
    for name, launcher in (("one", []), ("two", torchrun)):
        (tmp_path / name).mkdir()
        command = [*launcher, "-m", "spiritlevel", "reward", "train", "../pairs.jsonl", "--model", "tiny:llama", "--lr", "0.003", "-q"]
        done = subprocess.run([sys.executable, *command], cwd=tmp_path / name, env=CLEAN, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        *lines, last = done.stdout.splitlines()
        said.append(lines)
        folder = tmp_path / name / last.removeprefix("reward model: path:")
        weights.append(load_file(folder / "head.safetensors") | load_file(folder / "model.safetensors"))
        assert list((tmp_path / name / "runs/.rewards/runs").iterdir()), "the evidence of one run"
    assert said[0] == said[1]
    assert all((weights[0][name].float() - tensor.float()).abs().max() < 1e-5 for name, tensor in weights[1].items())


def test_a_usage_error_ends_every_process(tmp_path):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [sys.executable, *torchrun, "-m", "spiritlevel", "reward", "train", "no-such-file.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, env=CLEAN, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.count("no-such-file.jsonl") == 1


def test_a_step_has_the_same_rows_whoever_shares_it():
    lengths = [5 + i * 7 % 40 for i in range(60)]
    alone, shared = (_plan.plan(lengths, 200, 90, 3, ranks=ranks) for ranks in (1, 4))
    for a, b in zip(alone, shared, strict=True):
        assert sorted(i for batch in a.batches for i in batch) == sorted(i for batch in b.batches for i in batch)
        assert len(b.batches) <= -(-len(a.batches) // 4) * 4
        assert max(map(len, b.batches)) <= max(map(len, a.batches))
    assert sum(len(step.batches) == 4 for step in shared) > len(shared) / 2
