"""A tiny model one of whose weights is no number."""

import torch

from spiritlevel import backends
from spiritlevel.evidence.memory import MemoryJournal


def broken(bad: float):
    """`tiny:llama` with `bad` in what its first block writes, so that all states after it are not finite."""
    weights = backends.open_weights(backends.resolve("tiny:llama"), MemoryJournal())
    with torch.no_grad():
        weights.module.model.layers[0].mlp.down_proj.weight[0, 0] = bad
    return weights
