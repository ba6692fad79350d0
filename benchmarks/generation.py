"""Our decode loop beside transformers' `generate`, on one model in one process, by turns.

    python benchmarks/generation.py [--model bundled] [--batch 64] [--tokens 64] [--repeats 4] [--dtype auto]

Both sample at temperature 1 from the same rendered prompts and neither may stop early, so both make batch x tokens tokens.
"""

import argparse
import os
import statistics
import time

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=4)
    asked = parser.parse_args()
    model = backends.open_weights(backends.resolve(asked.model, dtype=asked.dtype), None)
    chats = [user(f"{TASKS[i % 5]} {TOPICS[i // 5 % 10]}, part {i}.") for i in range(asked.batch)]
    prompts = [model.render(chat) for chat in chats]
    decoder = _decode.Decoder(model.module)
    print(f"{model.ref.spec}: {model.numerics}; {asked.batch} prompts of {min(map(len, prompts))}-{max(map(len, prompts))} tokens")

    def ours(seed: int) -> int:
        rows = [_decode.Row(ids, asked.tokens, 1.0, seed * 1000 + place) for place, ids in enumerate(prompts)]
        return sum(len(new) for new, _ in decoder.generate(rows, frozenset()))

    long = max(map(len, prompts))
    ids = torch.tensor([[0] * (long - len(one)) + one for one in prompts])
    mask = torch.tensor([[0] * (long - len(one)) + [1] * len(one) for one in prompts])

    def theirs(seed: int) -> int:
        torch.manual_seed(seed)
        how = {"max_new_tokens": asked.tokens, "min_new_tokens": asked.tokens, "do_sample": True}
        how |= {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "pad_token_id": 0}
        with torch.inference_mode():
            made = model.module.generate(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), **how)
        return int(made.shape[0] * (made.shape[1] - long))

    wall: dict[str, list[float]] = {"loop": [], "generate": []}
    work: dict[str, list[float]] = {"loop": [], "generate": []}
    for repeat in range(asked.repeats + 1):
        for name, run in (("loop", ours), ("generate", theirs)):
            began, busy = time.perf_counter(), time.process_time()
            made = run(repeat)
            seconds, busy = time.perf_counter() - began, time.process_time() - busy
            if repeat:  # the first warms up
                wall[name].append(made / seconds)
                work[name].append(made / busy)
                rates = f"{made / seconds:7.1f} tokens/s, {made / busy:7.1f} tokens/CPU second"
                print(f"  {name:9s} {made} tokens, {seconds:6.2f} s: {rates}", flush=True)
    for unit, speeds in (("tokens/s", wall), ("tokens/CPU second", work)):  # the second holds on a busy machine too
        ratios = [a / b for a, b in zip(speeds["loop"], speeds["generate"], strict=True)]
        ours_, theirs_ = (statistics.median(speeds[name]) for name in ("loop", "generate"))
        spread = f"median of {len(ratios)} pairs, {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{unit}: loop {ours_:.0f}, generate {theirs_:.0f}, ratio {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
