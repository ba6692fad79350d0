"""Run by test_ranks.py, once a rank: JOB FOLDER [STEP WHO]; after STEP of the training the process of rank WHO is killed."""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import torch
from test_reward import PAIRS as CHOICES
from test_train import LESSONS, PAIRS

from conftest import render, tiny
from spiritlevel import backends
from spiritlevel.errors import SpiritlevelError
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.finetune import _ranks, _reward, _train
from spiritlevel.finetune.reward import RewardSettings, groups_of
from spiritlevel.finetune.train import TrainSettings

torch.set_num_threads(1)
JOB, FOLDER = sys.argv[1], Path(sys.argv[2])
STOP, WHO = (int(sys.argv[3]), int(sys.argv[4])) if len(sys.argv) > 3 else (0, 0)


def listen(point, total):
    if point.step == STOP:
        os.kill(int((FOLDER / f"pid-{WHO}").read_text()), signal.SIGKILL)


def train():
    """Weights by name, and the curve."""
    if JOB == "reward":
        settings = RewardSettings(epochs=2, lr=3e-3, batch_tokens=120, heads=2, save_every=1)
        parts = backends.parts(backends.resolve("tiny:llama"), MemoryJournal())
        fit = _reward.fit(*parts, "tiny", CHOICES, groups_of(CHOICES), [], settings, FOLDER, listen)
        return fit.module.state_dict(), fit.curve
    # a step of one short row: one rank has nothing to do in it
    settings = TrainSettings(epochs=2, lr=1e-3, batch_tokens=30, save_every=1, lora_rank=2 if JOB == "adapters" else None)
    precision = "bfloat16" if JOB == "rounded" else "float32"
    model = tiny()
    if JOB != "dpo":
        return model.state_dict(), _train.sft(model, render, LESSONS, settings, FOLDER, listen, precision=precision)
    curve = _train.sft(model, render, LESSONS, settings, FOLDER / "first", precision="float32")
    more = settings.model_copy(update={"batch_tokens": 120, "sft_weight": 0.3})
    curve += _train.dpo(model, render, PAIRS, more, FOLDER / "then", listen, precision="float32")
    return model.state_dict(), curve


if "RANK" in os.environ:
    _ranks.join()
(FOLDER / f"pid-{_ranks.rank()}").write_text(str(os.getpid()))
if _ranks.rank():
    _ranks.serve()
with contextlib.ExitStack() as stack:
    stack.callback(_ranks.leave)
    try:
        weights, curve = train()
    except SpiritlevelError as error:
        sys.exit(str(error))
    torch.save(weights, FOLDER / "weights.pt")
    print(json.dumps([(p.loss, p.accuracy, p.tokens) for p in curve]))
