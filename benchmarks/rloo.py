"""A step of RLOO on the bundled model beside trl's RLOOTrainer: seconds and peak memory, each side in a process of its own, in turns.

    python benchmarks/rloo.py [--rounds 2] [--steps 3] [--side ours|trl]

16 prompts, four answers each of at most 64 tokens, drawn, scored by their length (which costs nothing on either side), and learnt from
with a KL penalty to the start. Ours begins with bfloat16 rollouts beside float32 masters; trl has float32 weights under bfloat16 autocast.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

from beside import bundled_folder, peak_memory, spread

os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

SIDES = ("ours", "trl")
GOAL = 24
PROMPTS, SAMPLES, TOKENS, LR, BETA = 16, 4, 64, 1e-6, 0.05
ABOUT = (
    "rivers", "bread", "chess", "the moon", "trains", "music", "gardening", "volcanoes",
    "whales", "bridges", "clouds", "tea", "honey", "maps", "wool", "clocks",
)  # fmt: skip


def asked():
    return [f"Tell me in detail what you know about {word}." for word in ABOUT[:PROMPTS]]


def ours(steps):
    """(seconds, mean tokens) of each step."""
    from spiritlevel import backends
    from spiritlevel.evidence import MemoryJournal
    from spiritlevel.finetune import policy
    from spiritlevel.judges.reward import open_reward
    from spiritlevel.types import PolicyPoint, user

    times = []

    class Clock(MemoryJournal):
        def progress(self, label, done, total):
            if label.startswith("optimising"):
                times.append(time.perf_counter())

    journal = Clock()
    settings = policy.PolicySettings(
        steps=steps + 1,  # the last is where the run is kept
        lr=LR,
        checkpoint_every=10 * steps,
        kl=policy.KlSettings(beta=BETA),
        rollouts=policy.RolloutSettings(prompts=PROMPTS, samples=SAMPLES, max_tokens=TOKENS),
    )
    chats = [user(text) for text in asked()]
    done = policy.optimise(journal, backends.resolve("bundled"), chats, open_reward("rule:length", journal), settings)
    points = journal.rows(done.curve, PolicyPoint)[1 : steps + 1]
    return [(b - a, point.length) for a, b, point in zip(times, times[1:], points, strict=False)]


def theirs(steps):
    import torch
    import trl
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback

    folder, times = bundled_folder(), []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            times.append(time.perf_counter())

    def length(completions, **_):
        return [float(len(c if isinstance(c, str) else c[0]["content"])) for c in completions]

    with tempfile.TemporaryDirectory() as scratch:
        arguments = trl.RLOOConfig(
            output_dir=scratch,
            report_to=[],
            use_cpu=True,
            bf16=True,
            gradient_checkpointing=False,
            model_init_kwargs={"dtype": torch.float32},
            per_device_train_batch_size=16,
            gradient_accumulation_steps=PROMPTS * SAMPLES // 16,
            num_generations=SAMPLES,
            max_completion_length=TOKENS,
            beta=BETA,
            learning_rate=LR,
            max_steps=steps + 1,
            logging_steps=1,
            save_strategy="no",
            disable_tqdm=True,
        )
        data = Dataset.from_list([{"prompt": [{"role": "user", "content": text}]} for text in asked()])
        trainer = trl.RLOOTrainer(
            model=folder,
            args=arguments,
            train_dataset=data,
            reward_funcs=length,
            processing_class=AutoTokenizer.from_pretrained(folder),
            callbacks=[Clock()],
        )
        trainer.train()
    lengths = [row["completions/mean_length"] for row in trainer.state.log_history if "completions/mean_length" in row]
    return [(b - a, long) for a, b, long in zip(times, times[1:], lengths[1:], strict=False)]


def alone(side, steps):
    """What a process that did nothing else found."""
    words = [sys.executable, __file__, "--side", side, "--steps", str(steps)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def measure(rounds=2, steps=3):
    """Rows: seconds a step, and peak memory, with their ratios over rounds."""
    found = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            found[side].append(alone(side, steps))
            print(side, found[side][-1], flush=True)
    seconds = {side: [second for one in found[side] for second, _ in one["steps"]] for side in SIDES}
    lengths = {side: statistics.mean(long for one in found[side] for _, long in one["steps"]) for side in SIDES}
    peaks = {side: [one["peak"] for one in found[side]] for side in SIDES}
    ratios = [
        statistics.median(s for s, _ in b["steps"]) / statistics.median(s for s, _ in a["steps"])
        for a, b in zip(found["ours"], found["trl"], strict=True)
    ]
    what = f"a step of RLOO, {PROMPTS} x {SAMPLES} answers of at most {TOKENS} tokens"
    return [
        {
            "what": f"{what}: seconds",
            "value": f"ours {spread(seconds['ours'])}, trl {spread(seconds['trl'])}; trl / ours {spread(ratios)}",
            "n": f"{len(seconds['ours'])} steps a side, {rounds} processes each",
            "goal": f"at most {GOAL} s",
            "met": "yes" if statistics.median(seconds["ours"]) <= GOAL else "no",
            "note": f"Answers of {lengths['ours']:.0f} tokens in the mean, trl's {lengths['trl']:.0f}. "
            + " ".join((__doc__ or "").split("\n\n")[2].split()),
        },
        {
            "what": f"{what}: peak memory of the process",
            "value": f"ours {spread(peaks['ours'])}, trl {spread(peaks['trl'])} GB",
            "n": rounds,
            "goal": "no more than trl's",
            "met": "yes" if max(peaks["ours"]) <= min(peaks["trl"]) else "no",
        },
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--side", choices=SIDES)
    options = parser.parse_args()
    if options.side:
        warnings.simplefilter("ignore")
        taken = (ours if options.side == "ours" else theirs)(options.steps)
        print(json.dumps({"steps": taken, "peak": peak_memory()}))
    else:
        for row in measure(options.rounds, options.steps):
            print(f"{row['what']}: {row['value']}")
