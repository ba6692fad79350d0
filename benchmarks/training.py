"""Tokens a second of our supervised training and DPO against trl's on the bundled model, in turns on the same batches.

Run alone on the machine: PYTHONPATH=src python benchmarks/training.py [--model FOLDER] [--rounds 3] [--rows 12]
Prints each side's median and range, and the ratio trl / ours with its range over rounds. About a minute on two cores.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings

os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from spiritlevel.backends._rows import Row, collate
from spiritlevel.finetune import _losses
from spiritlevel.finetune._logps import logps, sequence_logps
from spiritlevel.finetune._masters import masters


def rows(n, seed, vocabulary):
    draw = torch.Generator().manual_seed(seed)
    lengths = sorted(torch.randint(60, 101, (n,), generator=draw).tolist())
    return [Row(tuple(torch.randint(3, vocabulary, (length,), generator=draw).tolist()), length // 2) for length in lengths]


def rates(tokens, began, busy):
    return tokens / (time.perf_counter() - began), tokens / (time.process_time() - busy)


def folder_of(name):
    if name:
        return name
    from spiritlevel.backends import bundled
    from spiritlevel.backends.spec import Spec

    return str(bundled.locate(Spec("bundled", ""), None).folder)


def ours(model, batches, phase):
    with masters(model, "bfloat16") as held:
        optimizer = torch.optim.AdamW(held.params, lr=1e-6, weight_decay=0.0, fused=True)
        for rows_ in batches:
            batch = collate(rows_)
            reference = None
            if phase == "dpo":
                with torch.no_grad():
                    reference = sequence_logps(logps(model, batch), batch.counts)
            began, busy = time.perf_counter(), time.process_time()
            flat = logps(model, batch)
            if phase == "sft":
                loss = _losses.sft(flat)
            else:
                half, sums = len(rows_) // 2, sequence_logps(flat, batch.counts)
                loss = _losses.dpo(sums[:half], sums[half:], reference[:half], reference[half:], 0.1).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            held.refresh()
            yield rates(sum(len(row.ids) for row in rows_), began, busy)


def theirs(model, batches, phase, tokenizer, folder):
    import trl

    options = {"output_dir": folder, "report_to": [], "use_cpu": True, "bf16": True, "gradient_checkpointing": False}
    if phase == "sft":
        data = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}]
        arguments = trl.SFTConfig(max_length=None, dataset_kwargs={"skip_prepare_dataset": True}, **options)
        trainer = trl.SFTTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(data), processing_class=tokenizer)
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
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.0, fused=True)
    for rows_ in batches:
        if phase == "sft":
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


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def measure(model="", rounds=3, rows_each=12):
    """Ours and trl's on the same rows in turns: tokens a second and a CPU second, and their ratios."""
    found = []
    warnings.simplefilter("ignore")
    folder = folder_of(model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for phase in ("sft", "dpo"):
        first, second = (AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval() for _ in range(2))
        batches = [rows(rows_each, seed, 49_000) for seed in range(rounds + 1)]
        with tempfile.TemporaryDirectory() as scratch:
            pairs = list(zip(ours(first, batches, phase), theirs(second, batches, phase, tokenizer, scratch), strict=True))[1:]
        for at, unit in enumerate(("second", "CPU second")):  # the second is steadier where others share the machine
            mine, others = [a[at] for a, _ in pairs], [b[at] for _, b in pairs]
            ratio = spread([a / b for a, b in zip(mine, others, strict=True)])
            value = f"{ratio} times; ours {spread(mine)}, trl {spread(others)} tokens a {unit}"
            found.append({"what": f"full fine-tuning, {phase}, ours against trl", "value": value, "n": len(pairs)})
            print(f"{phase}: {value}", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("model", ""), ("rounds", 3), ("rows_each", 12)):
        parser.add_argument(f"--{name}", default=default, type=type(default))
    measure(**vars(parser.parse_args()))
