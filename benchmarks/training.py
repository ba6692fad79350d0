"""Tokens a second of our training against trl's on the bundled model, in turns on the same batches: SFT, DPO, SFT with adapters, rewards.

Run alone on the machine: PYTHONPATH=src python benchmarks/training.py [--model FOLDER] [--rounds 3] [--rows 12]
Prints each side's median and range, the ratio trl / ours with its range over rounds, and each side's peak memory. Minutes on two cores.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from beside import bundled_folder, peak_memory, spread
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from spiritlevel.backends._rows import Row
from spiritlevel.finetune import _lora
from spiritlevel.finetune._masters import masters
from spiritlevel.finetune._plan import Step
from spiritlevel.finetune._reward import compared
from spiritlevel.finetune._train import Loop, Rendered, _preferred, _reference, _supervised, all_learn, planned
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.judges import _reward

PHASES = {"sft": "full fine-tuning", "dpo": "full DPO", "lora": "adapters, supervised", "reward": "reward model"}
GOALS = {"sft": 1.6, "dpo": 1.6, "lora": 1.1, "reward": 1.0}
RANK = 16
OPENING = tuple(range(100, 124))
"""What every row begins with: the bundled model's template and its system prompt are as long."""


def rows(n, seed, vocabulary):
    """Token rows of 60 to 100 that begin alike, as chats under one template do; the second half of each is the answer."""
    draw = torch.Generator().manual_seed(seed)
    lengths = sorted(torch.randint(60, 101, (n,), generator=draw).tolist())
    return [
        Row(OPENING + tuple(torch.randint(3, vocabulary, (length - len(OPENING),), generator=draw).tolist()), length // 2)
        for length in lengths
    ]


def rates(tokens, began, busy):
    return tokens / (time.perf_counter() - began), tokens / (time.process_time() - busy)


def ours(model, batches, phase):
    """The product's own loop, its batches cut as it cuts them; each list of rows is one optimiser step."""
    adapted = _lora.attach(model, RANK, 0) if phase == "lora" else model
    settings = TrainSettings(epochs=1, lr=1e-6, batch_tokens=10**6, seed=0)
    items, steps = [], []
    for rows_ in batches:
        half = len(rows_) // 2
        new = list(zip(rows_[:half], rows_[half:], strict=True)) if phase in ("dpo", "reward") else [(row,) for row in rows_]
        if phase == "reward":
            new = [tuple(_reward.ending(row.ids) for row in pair) for pair in new]
        (step,) = planned(adapted, new, settings)
        steps.append(Step(tuple(tuple(len(items) + i for i in batch) for batch in step.batches)))
        items += new
    data = Rendered(rows=items, smoothing=[0.0] * len(items))
    with all_learn(adapted, only_marked=phase == "lora"), masters(adapted, "bfloat16") as held:
        if phase == "reward":
            each = torch.ones(len(items))
            objective = compared(adapted, items, each, torch.zeros(len(items)), each[:, None], 0.0)
        elif phase == "dpo":
            with tempfile.TemporaryDirectory() as scratch:
                objective = _preferred(adapted, data, settings, "dpo", _reference(adapted, data, steps, Path(scratch) / "reference.pt", ""))
        else:
            objective = _supervised(adapted, data)
        loop = Loop(held, "sft" if phase == "lora" else phase, items, settings, steps, objective)
        loop.order = range(len(steps))
        for at, rows_ in enumerate(batches):
            began, busy = time.perf_counter(), time.process_time()
            loop._step(at, len(steps))
            yield rates(sum(len(row.ids) for row in rows_), began, busy)


def theirs(model, batches, phase, tokenizer, folder):
    import trl

    options = {"output_dir": folder, "report_to": [], "use_cpu": True, "bf16": True, "gradient_checkpointing": False}
    if phase in ("sft", "lora"):
        data = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}]
        arguments = trl.SFTConfig(max_length=None, dataset_kwargs={"skip_prepare_dataset": True}, **options)
        adapters = {}
        if phase == "lora":
            adapters = {"peft_config": LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")}
        trainer = trl.SFTTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(data), processing_class=tokenizer, **adapters)
    elif phase == "reward":
        data = [{"chosen_ids": [5, 6, 7], "rejected_ids": [5, 6, 8]}]
        arguments = trl.RewardConfig(max_length=None, **options)
        trainer = trl.RewardTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(data), processing_class=tokenizer)
    else:
        data = [{"prompt": "a", "chosen": " b", "rejected": " c"}]
        trainer = trl.DPOTrainer(
            model=model,
            args=trl.DPOConfig(**options),
            train_dataset=Dataset.from_list(data),
            processing_class=tokenizer,
        )
        trainer.precompute_ref_logps = True
    model = trainer.model
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6, weight_decay=0.0, fused=True)
    for rows_ in batches:
        if phase == "reward":
            half = len(rows_) // 2
            pairs = zip(rows_[:half], rows_[half:], strict=True)
            inputs = trainer.data_collator([{"chosen_ids": list(a.ids), "rejected_ids": list(b.ids)} for a, b in pairs])
        elif phase in ("sft", "lora"):
            inputs = trainer.data_collator([{"input_ids": list(r.ids), "labels": [-100] * r.start + list(r.ids[r.start :])} for r in rows_])
        else:
            half = len(rows_) // 2
            inputs = trainer.data_collator(
                [
                    {
                        "prompt_ids": list(a.ids[: a.start]),
                        "chosen_ids": list(a.ids[a.start :]),
                        "rejected_ids": list(b.ids[b.start :]) + [0] * (b.start - a.start),
                        "ref_chosen_logps": -100.0,
                        "ref_rejected_logps": -100.0,
                    }
                    for a, b in zip(rows_[:half], rows_[half:], strict=True)
                ]
            )
        began, busy = time.perf_counter(), time.process_time()
        with trainer.compute_loss_context_manager(), trainer.accelerator.autocast():
            loss = trainer.compute_loss(model, inputs)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield rates(int(inputs["attention_mask"].sum()), began, busy)


def loaded(folder, phase, side, dtype=torch.float32):
    """A fresh model of the kind that a side trains."""
    if phase != "reward":
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    if side == "trl":
        return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=dtype).eval()
    module, _ = _reward.begin(Path(folder), None, "bundled", 1, dtype=str(dtype).removeprefix("torch."))
    return module.eval().requires_grad_(True)


def peak(model, side, phase, rows_each):
    """Gigabytes that this process came to, training alone for two steps, the weights loaded as the side's users do."""
    folder = model or bundled_folder()
    batches = [rows(rows_each, seed, 49_000 if not model else 500) for seed in range(2)]
    own = loaded(folder, phase, side, torch.bfloat16 if side == "ours" else torch.float32)
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for _ in ours(own, batches, phase) if side == "ours" else theirs(own, batches, phase, tokenizer, scratch):
            pass
    return peak_memory()


def memory(model, phase, rows_each):
    """Peak of each side, in a process of its own."""
    found = {}
    for side in ("ours", "trl"):
        words = [sys.executable, __file__, "--alone", side, "--phase", phase, "--model", model, "--rows_each", str(rows_each)]
        found[side] = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return found


def met(mine, others, phase):
    return statistics.median(a / b for a, b in zip(mine, others, strict=True)) >= GOALS[phase]


def measure(model="", rounds=3, rows_each=12):
    """Ours and trl's on the same rows in turns: tokens a second and a CPU second, and their ratios."""
    found = []
    warnings.simplefilter("ignore")
    folder = model or bundled_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for phase in PHASES:
        first, second = (loaded(folder, phase, side) for side in ("ours", "trl"))
        batches = [rows(rows_each, seed, 49_000 if not model else 500) for seed in range(rounds + 1)]
        with tempfile.TemporaryDirectory() as scratch:
            pairs = list(zip(ours(first, batches, phase), theirs(second, batches, phase, tokenizer, scratch), strict=True))[1:]
        for at, unit in enumerate(("second", "CPU second")):  # the second is steadier where others share the machine
            mine, others = [a[at] for a, _ in pairs], [b[at] for _, b in pairs]
            ratio = spread([a / b for a, b in zip(mine, others, strict=True)])
            value = f"{ratio} times; ours {spread(mine)}, trl {spread(others)} tokens a {unit}"
            least = {} if at else {"goal": f"at least {GOALS[phase]} times", "met": "yes" if met(mine, others, phase) else "no"}
            found.append({"what": f"{PHASES[phase]}, ours against trl, tokens a {unit}", "value": value, "n": len(pairs), **least})
            print(f"{phase}: {value}", flush=True)
        del first, second, pairs
        peaks = memory(model, phase, rows_each)
        found.append(
            {
                "what": f"{PHASES[phase]}, peak memory of a process that does nothing else",
                "value": f"ours {peaks['ours']:.2f}, trl {peaks['trl']:.2f} GB",
                "n": "one process a side, two steps",
                "goal": "no more than trl's",
                "met": "yes" if peaks["ours"] <= peaks["trl"] else "no",
            }
        )
        print(phase, found[-1]["value"], flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("model", ""), ("rounds", 3), ("rows_each", 12)):
        parser.add_argument(f"--{name}", default=default, type=type(default))
    parser.add_argument("--alone", choices=("ours", "trl"))
    parser.add_argument("--phase", choices=tuple(PHASES))
    options = vars(parser.parse_args())
    alone, of = options.pop("alone"), options.pop("phase")
    if alone:
        warnings.simplefilter("ignore")
        print(peak(options["model"], alone, of, options["rows_each"]))
    else:
        measure(**options)
