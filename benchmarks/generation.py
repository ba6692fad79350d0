"""Our decode loop beside transformers' `generate`, on one model in one process, by turns.

    python benchmarks/generation.py [--spec bundled] [--batch 64] [--tokens 64] [--repeats 4] [--dtype auto]

Both sample at temperature 1 from the same rendered prompts and neither may stop early, so both make batch x tokens tokens.
"""

import argparse
import os
import statistics
import time
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch

from spiritlevel import backends
from spiritlevel.backends import _decode
from spiritlevel.types import user

TASKS = [
    "Write a short note about",
    "Explain to a child",
    "List five facts on",
    "What should one know before buying",
    "Tell a story of",
]
TOPICS = [
    "a bicycle",
    "the tides",
    "bread",
    "a small garden",
    "old maps",
    "night trains",
    "bees",
    "a broken clock",
    "winter",
    "salt",
]


def measure(spec: str = "bundled", dtype: str = "auto", batch: int = 64, tokens: int = 64, repeats: int = 4) -> list[dict[str, Any]]:
    """Both side by side on the same prompts, in turns; ratios of pairs."""
    model = backends.open_weights(backends.resolve(spec, dtype=dtype), None)
    chats = [user(f"{TASKS[i % 5]} {TOPICS[i // 5 % 10]}, part {i}.") for i in range(batch)]
    prompts = [model.render(chat) for chat in chats]
    decoder = _decode.Decoder(model.module)
    print(f"{model.ref.spec}: {model.numerics}; {batch} prompts of {min(map(len, prompts))}-{max(map(len, prompts))} tokens")

    def ours(seed: int) -> int:
        rows = [_decode.Row(ids, tokens, 1.0, seed * 1000 + place) for place, ids in enumerate(prompts)]
        return sum(len(new) for new, _ in decoder.generate(rows, frozenset()))

    long = max(map(len, prompts))
    ids = torch.tensor([[0] * (long - len(one)) + one for one in prompts])
    mask = torch.tensor([[0] * (long - len(one)) + [1] * len(one) for one in prompts])

    def theirs(seed: int) -> int:
        torch.manual_seed(seed)
        how = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": True}
        how |= {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "pad_token_id": 0}
        with torch.inference_mode():
            made = model.module.generate(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), **how)
        return int(made.shape[0] * (made.shape[1] - long))

    wall: dict[str, list[float]] = {"loop": [], "generate": []}
    work: dict[str, list[float]] = {"loop": [], "generate": []}
    for repeat in range(repeats + 1):
        for name, run in (("loop", ours), ("generate", theirs)):
            began, busy = time.perf_counter(), time.process_time()
            made = run(repeat)
            seconds, busy = time.perf_counter() - began, time.process_time() - busy
            if repeat:  # the first warms up
                wall[name].append(made / seconds)
                work[name].append(made / busy)
                rates = f"{made / seconds:7.1f} tokens/s, {made / busy:7.1f} tokens/CPU second"
                print(f"  {name:9s} {made} tokens, {seconds:6.2f} s: {rates}", flush=True)
    rows = []
    for unit, speeds in (("tokens/s", wall), ("tokens/CPU second", work)):  # the second holds on a busy machine too
        ratios = [a / b for a, b in zip(speeds["loop"], speeds["generate"], strict=True)]
        ours_, theirs_ = (statistics.median(speeds[name]) for name in ("loop", "generate"))
        ratio = statistics.median(ratios)
        value = f"{ratio:.2f} times ({min(ratios):.2f} to {max(ratios):.2f}); {ours_:.0f} against {theirs_:.0f} {unit}"
        print(value)
        what = f"decode loop against transformers' generate, batch {batch}, {tokens} tokens, {unit}"
        met = "yes" if ratio >= 1.9 else "no"
        rows.append({"what": what, "value": value, "n": f"{len(ratios)} pairs", "goal": "at least 1.9 times", "met": met})
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("spec", "bundled"), ("dtype", "auto"), ("batch", 64), ("tokens", 64), ("repeats", 4)):
        parser.add_argument(f"--{name}", default=default, type=type(default))
    measure(**vars(parser.parse_args()))
