"""Activations by plain hooks beside nnsight and TransformerLens, at equal work: the same padded batches, the same layers, the same stop.

    SPIRITLEVEL_PEER_CAPTURE=/path/to/python python benchmarks/capture.py

The variable names an interpreter that has torch, transformers, nnsight and transformer_lens; without it ours is measured alone. Each tool
runs in a process of its own on one thread, by turns, in float32; CPU seconds are taken around the passes alone, after a first one.
Peak memory is that of a process that streams a million tokens of one middle layer to disk.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from beside import bundled_folder, peak_memory, spread

VARIABLE = "SPIRITLEVEL_PEER_CAPTURE"
NOTE = (
    "The passes are the same, and a pass is the model's own work: a tool can only add to it. Where ours is not 1.2 times as fast, the "
    "other adds next to nothing. What saves more is fewer tokens: sorted batches, an early stop."
)
TOOLS = ("nnsight", "transformer_lens")
TOPICS = [
    "tides",
    "bread",
    "maps",
    "bees",
    "salt",
    "winter",
    "clocks",
    "rivers",
    "gardens",
    "trains",
    "lamps",
    "wool",
    "stones",
    "glass",
    "kites",
]


def batches(count: int) -> list[list[list[int]]]:
    """Padded batches as the package cuts them: prompts of mixed length, sorted, about 1,000 tokens a pass."""
    from spiritlevel import _activations, backends
    from spiritlevel.evidence.memory import MemoryJournal
    from spiritlevel.types import user

    weights = backends.open_weights(backends.resolve("bundled"), MemoryJournal())
    texts = [f"Tell me about {' and '.join(TOPICS[(i + j) % 15] for j in range(1 + i * 7 % 40))}, part {i}." for i in range(count * 12)]
    ids = [weights.render(user(text)) for text in texts]
    return [[ids[i] for i in places] for places in _activations.passes([len(one) for one in ids], 1024)][:count]


def once(tool: str, work: Path, out: Path) -> dict[str, Any]:
    """One process of one tool."""
    python = sys.executable if tool in ("ours", "transformers") else os.environ[VARIABLE]
    peer = Path(__file__).parent / "peers" / "capture_peer.py"
    told = [python, str(peer), tool, bundled_folder(), str(work), str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(told, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def measure(passes: int = 6, turns: int = 3, million: int = 1_000_000) -> list[dict[str, Any]]:
    """Tokens a CPU second of each tool for all layers and for one middle layer; bit-equality; memory."""
    tools = ["ours", *(TOOLS if os.environ.get(VARIABLE) else ())]
    cut = batches(passes)
    tokens = sum(len(row) for rows in cut for row in rows)
    found: list[dict[str, Any]] = []
    for name, layers in (("all 30 layers", list(range(1, 31))), ("layer 15 alone, stopped there", [15])):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work.json"
            work.write_text(json.dumps({"batches": cut, "layers": layers, "repeats": 1}), "utf-8")
            rates: dict[str, list[float]] = {tool: [] for tool in tools}
            for _ in range(turns):
                for tool in tools:
                    told = once(tool, work, Path(folder) / f"{tool}.npy")
                    rates[tool] += [tokens / seconds for seconds in told["seconds"]]
            for tool in tools:
                found.append({"what": f"{tool}: {name}, tokens a CPU second", "value": spread(rates[tool]), "n": turns})
            for tool in tools[1:]:
                ratios = [a / b for a, b in zip(rates["ours"], rates[tool], strict=True)]
                met = "yes" if statistics.median(ratios) >= 1.2 else "no"
                row = {"what": f"ours over {tool}: {name}", "value": spread(ratios), "n": turns, "goal": "at least 1.2", "met": met}
                found.append(row if met == "yes" else {**row, "note": NOTE})
            if layers == [15]:
                work.write_text(json.dumps({"batches": cut[:1], "layers": layers, "repeats": 0}), "utf-8")
                once("transformers", work, Path(folder) / "own.npy")
                own = np.load(Path(folder) / "own.npy")
                for tool in tools:
                    same = np.load(Path(folder) / f"{tool}.npy")
                    equal, apart = bool(np.array_equal(own, same)), float(np.abs(own - same).max())
                    row = {"what": f"{tool}: bit-equal to transformers' own hidden states, layer 15", "n": len(own)}
                    row["value"] = "yes" if equal else f"no, up to {apart:.2g} apart"
                    found.append({**row, "goal": "bit-equal", "met": "yes" if equal else "no"} if tool == "ours" else row)
    if million:
        peak = json.loads(
            subprocess.run([sys.executable, __file__, "--stream", str(million)], capture_output=True, text=True, check=True).stdout
        )
        found.append(
            {
                "what": f"peak memory while {peak['tokens']:,} tokens of layer 15 are streamed to disk ({peak['disk']:.2f} GB there)",
                "value": f"{peak['memory']:.2f} GB",
                "n": 1,
                "goal": "under 1.5 GB",
                "met": "yes" if peak["memory"] < 1.5 else "no",
            }
        )
    return found


def stream(tokens: int) -> None:
    """Capture so many tokens of layer 15 of the bundled model; print tokens, gigabytes on disk and peak memory as JSON."""
    from spiritlevel import activations, backends
    from spiritlevel.evidence.memory import MemoryJournal
    from spiritlevel.types import user

    weights = backends.open_weights(backends.resolve("bundled"), MemoryJournal())
    text = " ".join(TOPICS[i % 15] for i in range(400))
    each = len(weights.render(user(text)))
    chats = [user(f"{text} {i}") for i in range(-(-tokens // each))]
    with tempfile.TemporaryDirectory() as folder:
        kept = activations.capture(weights, chats, Path(folder) / "capture", activations.blocks(weights, [15]))
        disk = sum(file.stat().st_size for file in kept.folder.iterdir()) / 1e9
        print(json.dumps({"tokens": kept.manifest.tokens, "disk": disk, "memory": peak_memory()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", type=int, default=0, help="only stream so many tokens and print what that took")
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--million", type=int, default=1_000_000, help="tokens streamed to disk; 0 = none")
    args = parser.parse_args()
    if args.stream:
        stream(args.stream)
    else:
        for row in measure(args.passes, args.turns, args.million):
            print(f"{row['what']:<90} {row['value']}  {row.get('met', '')}", flush=True)
