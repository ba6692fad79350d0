"""Pairs of prompts that a random tiny model tells apart, so that patching has something to find."""

import torch

from spiritlevel import backends
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.interpret.tasks import Counterfactual

WORDS = [("12", "13"), ("24", "27"), ("35", "38"), ("46", "40"), ("51", "59"), ("62", "61"), ("73", "75"), ("84", "89")]
"""Digits are tokens of their own in the tiny tokenizers, so that clean and corrupt prompts are of one length."""


def told_apart(spec: str) -> tuple[Counterfactual, ...]:
    """Answer and foil are the tokens that the change of one word favours most and least."""
    weights = backends.open_weights(backends.resolve(spec), MemoryJournal())
    found = []
    for one, two in WORDS:
        clean, corrupt = f"The {one} is", f"The {two} is"
        with torch.inference_mode():
            a, b = (weights.module(torch.tensor([weights.tokenizer.encode(t)])).logits[0, -1] for t in (clean, corrupt))
        order = [i for i in (a - b).argsort(descending=True).tolist() if _one(weights, i)]
        answer, foil = (weights.tokenizer.decode([i]) for i in (order[0], order[-1]))
        found.append(Counterfactual(clean=clean, corrupt=corrupt, answer=answer, foil=foil, group=one))
    return tuple(found)


def _one(weights, token: int) -> bool:
    text = weights.tokenizer.decode([token])
    return "\ufffd" not in text and weights.tokenizer.encode(text, add_special_tokens=False) == [token]
