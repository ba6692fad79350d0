"""Multiple choice by log-probabilities: ours, whose choices branch from one beginning, beside lm-evaluation-harness, by turns in one run.

    python benchmarks/multiple_choice.py [--n 400] [--repeats 3] [--spec bundled] [--dtype float32]
    SPIRITLEVEL_PEER_LM_EVAL=/path/to/python python benchmarks/multiple_choice.py      # with it, from an environment of its own

Both score `Question: ...\nAnswer:` and each choice's words after it on the same weights, in the same number format, and take the likeliest
choice; loading is left out of both times. The peer's environment has lm-eval[hf] and the same torch.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")

from beside import bundled_folder, spread

from spiritlevel import backends
from spiritlevel.backends import options

PEER = "SPIRITLEVEL_PEER_LM_EVAL"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("mcq_arc_easy", "mcq_openbookqa")
BATCH = 32
"""The peer's batch; larger ones were no faster."""


def rows(n: int) -> list[dict[str, Any]]:
    """Questions of both sets in turn."""
    sets = [[json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()] for name in SETS]
    mixed = [row for pair in zip(*sets, strict=False) for row in pair]
    return [{"question": row["question"], "choices": row["choices"], "answer": row["answer"]} for row in mixed[:n]]


def ours(model: Any, asked: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds, processor seconds and accuracy of one pass."""
    began, busy = time.perf_counter(), time.process_time()
    texts = [f"Question: {row['question']}\nAnswer:" for row in asked]
    found = options.after_texts(model, texts, [[f" {one}" for one in row["choices"]] for row in asked])
    right = sum(max(range(len(values)), key=values.__getitem__) == row["answer"] for values, row in zip(found, asked, strict=True))
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - busy, "acc": right / len(asked)}


def measure(n: int = 400, repeats: int = 3, spec: str = "bundled", dtype: str = "float32") -> list[dict[str, Any]]:
    """Questions a second of both, by turns, and their accuracies."""
    asked = rows(n)
    model = backends.open_weights(backends.resolve(spec, dtype=dtype), None)
    ours(model, asked[:8])  # warms up
    found: dict[str, list[dict[str, float]]] = {"ours": [], "lm-eval": []}
    with tempfile.TemporaryDirectory() as home:
        questions = Path(home) / "questions.jsonl"
        questions.write_text("".join(json.dumps(row) + "\n" for row in asked), "utf-8")
        peer = None
        if os.environ.get(PEER):
            script = Path(__file__).parent / "peers" / "lm_eval_task.py"
            told = [os.environ[PEER], str(script), bundled_folder(), str(questions), dtype, str(BATCH), str(repeats)]
            peer = subprocess.Popen(told, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            said(peer, "ready")
        for _ in range(repeats):
            found["ours"].append(ours(model, asked))
            print("ours", found["ours"][-1], flush=True)
            if peer is not None and peer.stdin is not None:
                peer.stdin.write("\n")
                peer.stdin.flush()
                found["lm-eval"].append(json.loads(said(peer, "{")))
                print("lm-eval", found["lm-eval"][-1], flush=True)
        if peer is not None:
            peer.wait()
    what = f"{n} questions of {' and '.join(SETS)}, {dtype}"
    out = []
    for unit, key in (("questions/s", "seconds"), ("questions/CPU second", "cpu")):
        rates = {name: [n / one[key] for one in each] for name, each in found.items() if each}
        row = {"what": f"multiple choice, {what}: {unit}", "value": spread(rates["ours"]), "n": repeats}
        if "lm-eval" in rates:
            ratios = [a / b for a, b in zip(rates["ours"], rates["lm-eval"], strict=True)]
            value = f"{spread(ratios)} times lm-eval's ({spread(rates['ours'])} against {spread(rates['lm-eval'])})"
            row |= {"value": value, "goal": "at least 2 times", "met": "yes" if min(ratios) >= 2 else "no"}
        out.append(row)
    accuracy = {name: each[0]["acc"] for name, each in found.items() if each}
    row = {"what": f"accuracy, {what}", "value": ", ".join(f"{name} {100 * a:.2f} %" for name, a in accuracy.items()), "n": n}
    if len(accuracy) == 2:
        row |= {"goal": "equal to 0.5 points", "met": "yes" if abs(accuracy["ours"] - accuracy["lm-eval"]) <= 0.005 else "no"}
    return [*out, row]


def said(peer: Any, start: str) -> str:
    """The peer's next line that begins so; RuntimeError when it has ended."""
    for line in peer.stdout:
        if line.startswith(start):
            return str(line)
    raise RuntimeError(f"the peer ended with {peer.wait()}; is lm-eval[hf] in its environment?")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("n", 400), ("repeats", 3), ("spec", "bundled"), ("dtype", "float32")):
        parser.add_argument(f"--{name}", default=default, type=type(default))
    for row in measure(**vars(parser.parse_args())):
        print(row["what"], row["value"], row.get("met", ""))
