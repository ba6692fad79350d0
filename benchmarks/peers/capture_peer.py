"""Activations of padded batches by one tool, in a process of its own: `python capture_peer.py TOOL FOLDER WORK OUT`.

TOOL: ours, transformers, nnsight or transformer_lens. WORK: a JSON file with `batches` (lists of token lists), `layers` (1-based) and
`repeats`. Prints JSON: CPU seconds of each repeat around the passes alone; OUT gets the first batch's states of the last layer wanted.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def padded(rows):
    """Right-padded ids and mask."""
    long = max(map(len, rows))
    return (
        torch.tensor([row + [0] * (long - len(row)) for row in rows]),
        torch.tensor([[1] * len(row) + [0] * (long - len(row)) for row in rows]),
    )


def ours(module, tokenizer, layers, rows):
    """The package's own reader: the states of real tokens, row after row."""
    from spiritlevel import _activations

    path, _ = _activations.blocks(module)
    names = [f"{path}.{n - 1}" for n in layers]
    found = _activations.gather(module, rows, [range(len(row)) for row in rows], names, "cpu")
    return found[names[-1]]


def transformers(module, tokenizer, layers, rows):
    """The model's own hidden states: all layers, no stop."""
    ids, mask = padded(rows)
    states = module.base_model(input_ids=ids, attention_mask=mask, use_cache=False, output_hidden_states=True).hidden_states
    return real(states[layers[-1]], rows)


def nnsight(module, tokenizer, layers, rows):
    """Saved outputs of the blocks in one trace, stopped after the last."""
    import nnsight

    if not hasattr(module, "traced"):
        object.__setattr__(module, "traced", nnsight.LanguageModel(module, tokenizer=tokenizer))
    model, (ids, mask) = module.traced, padded(rows)
    with model.trace({"input_ids": ids, "attention_mask": mask}, use_cache=False) as tracer:
        kept = nnsight.save([])
        for n in layers:
            kept.append(model.model.layers[n - 1].output)
        tracer.stop()
    last = kept[-1]
    return real(last[0] if isinstance(last, tuple) else last, rows)


def transformer_lens(module, tokenizer, layers, rows):
    """run_with_cache on the wanted residual streams, stopped after the last layer."""
    from transformer_lens.model_bridge import TransformerBridge

    if not hasattr(module, "bridged"):
        made = TransformerBridge.boot_transformers(module.name_or_path, hf_model=module, tokenizer=tokenizer)
        object.__setattr__(module, "bridged", made.eval())
    ids, mask = padded(rows)
    names = [f"blocks.{n - 1}.hook_resid_post" for n in layers]
    _, cache = module.bridged.run_with_cache(ids, attention_mask=mask, names_filter=names, stop_at_layer=layers[-1])
    return real(cache[names[-1]], rows)


def real(states, rows):
    """States of real tokens alone, row after row."""
    return torch.cat([states[i, : len(row)] for i, row in enumerate(rows)])


if __name__ == "__main__":
    tool, folder, work, out = sys.argv[1:]
    torch.set_num_threads(1)
    asked = json.loads(Path(work).read_text("utf-8"))
    body = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    words = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    read = globals()[tool]
    with torch.no_grad():
        np.save(out, read(body, words, asked["layers"], asked["batches"][0]).numpy())
        seconds = []
        for _ in range(asked["repeats"]):
            began = time.process_time()
            for rows in asked["batches"]:
                read(body, words, asked["layers"], rows)
            seconds.append(time.process_time() - began)
    print(json.dumps({"seconds": seconds}))
