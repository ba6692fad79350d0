"""Every head and MLP patched, exactly and to first order, by plain hooks on transformers' own modules."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spiritlevel import _activations
from spiritlevel.errors import DataError, ModelError
from spiritlevel.interpret._pairs import Batch, gap

OUT = ("o_proj", "out_proj", "dense", "c_proj")
ATTENTION = ("self_attn", "attention", "attn")
MLP = "mlp"


class Nodes:
    """Where heads and MLPs of a model are to be met: a head at the input of attention's last matrix, an MLP at its output."""

    def __init__(self, module: Any) -> None:
        self.module = module
        path, blocks = _activations.blocks(module)
        self.heads = module.config.get_text_config().num_attention_heads
        self.depth = len(blocks)
        self.attention, self.mlp = [], []
        for i, block in enumerate(blocks):
            within = next((f"{a}.{o}" for a in ATTENTION if hasattr(block, a) for o in OUT if hasattr(getattr(block, a), o)), None)
            if within is None or not hasattr(block, MLP):
                names = ", ".join(name for name, _ in block.named_children())
                raise ModelError(f"a block of {type(module).__name__!r} has no attention and MLP that are known (it has: {names})")
            self.attention.append(f"{path}.{i}.{within}:in")
            self.mlp.append(f"{path}.{i}.{MLP}")

    @property
    def names(self) -> list[str]:
        """`head L.H` of each block, then its `mlp L`, from 1."""
        return [
            name
            for layer in range(1, self.depth + 1)
            for name in (*(f"head {layer}.{h}" for h in range(1, self.heads + 1)), f"mlp {layer}")
        ]

    def logits(self, ids: Tensor, hooks: dict[str, Any]) -> Tensor:
        """(n, vocabulary) of the last token, with modules hooked."""
        with _activations.hooked(self.module, hooks):
            found: Tensor = self.module(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1]
        return found

    def read(self, ids: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """What stands at every place (n, s, width), and the logits."""
        seen: dict[str, Tensor] = {}

        def keep(name: str) -> Any:
            def hook(x: Tensor) -> None:
                seen[name] = x

            return hook

        logits = self.logits(ids, {name: keep(name) for name in (*self.attention, *self.mlp)})
        return seen, logits


def patched(nodes: Nodes, batch: Batch, corrupt: dict[str, Tensor], node: int) -> Tensor:
    """(n,) logit gap of the clean prompts with one node's output from the corrupt prompts, at all tokens."""
    layer, head = divmod(node, nodes.heads + 1)
    name = nodes.mlp[layer] if head == nodes.heads else nodes.attention[layer]

    def put(x: Tensor) -> Tensor:
        if head == nodes.heads:
            return corrupt[name]
        width = x.shape[-1] // nodes.heads
        changed = x.clone()
        changed[..., head * width : (head + 1) * width] = corrupt[name][..., head * width : (head + 1) * width]
        return changed

    with torch.inference_mode():
        return gap(nodes.logits(batch.clean, {name: put}), batch)


def baseline(nodes: Nodes, batch: Batch) -> tuple[dict[str, Tensor], np.ndarray, np.ndarray]:
    """(corrupt activations, clean gaps, corrupt gaps). DataError when a gap is not finite."""
    with torch.inference_mode():
        clean = gap(nodes.logits(batch.clean, {}), batch)
        seen, logits = nodes.read(batch.corrupt)
        corrupt = gap(logits, batch)
    if not bool(torch.isfinite(clean).all() and torch.isfinite(corrupt).all()):
        raise DataError("logits are NaN or infinite; the weights or the number format are broken")
    return seen, clean.cpu().numpy(), corrupt.cpu().numpy()


def attributed(nodes: Nodes, batch: Batch, steps: int) -> np.ndarray:
    """(nodes, n): (corrupt - clean) . gradient of the gap at each node, summed over tokens and width (Nanda 2023; Syed et al. 2023).

    `steps` above 1: the gradient averaged along the straight line of token embeddings from corrupt to clean (integrated gradients,
    Sundararajan et al. 2017, as Hanna et al. 2024 have it for circuits).
    """
    names = (*nodes.attention, *nodes.mlp)
    embedding = nodes.module.get_input_embeddings()
    found = np.zeros((nodes.depth * (nodes.heads + 1), len(batch.clean)))
    with torch.no_grad():
        corrupt, _ = nodes.read(batch.corrupt)
        start, end = embedding(batch.corrupt), embedding(batch.clean)
    grads = {name: torch.zeros_like(corrupt[name], dtype=torch.float32) for name in names}
    clean: dict[str, Tensor] = {}
    for step in range(1, steps + 1):
        at = start + (end - start) * (step / steps)
        seen: dict[str, Tensor] = {}

        def keep(name: str, into: dict[str, Tensor] = seen) -> Any:
            def hook(x: Tensor) -> None:
                into[name] = x

            return hook

        with torch.enable_grad(), _activations.hooked(nodes.module, {name: keep(name) for name in names}):
            given = at.detach().requires_grad_(True)
            logits = nodes.module(inputs_embeds=given, use_cache=False, logits_to_keep=1).logits[:, -1]
            slopes = torch.autograd.grad(gap(logits, batch).sum(), [seen[name] for name in names])
        for name, slope in zip(names, slopes, strict=True):
            grads[name] += slope.float() / steps
        clean = {name: value.detach() for name, value in seen.items()}  # the last step is the clean prompt itself
    for layer in range(nodes.depth):
        one, two = nodes.attention[layer], nodes.mlp[layer]
        heads = ((corrupt[one] - clean[one]).float() * grads[one]).sum(1).unflatten(-1, (nodes.heads, -1)).sum(-1)
        first = layer * (nodes.heads + 1)
        found[first : first + nodes.heads] = heads.T.cpu().numpy()
        found[first + nodes.heads] = ((corrupt[two] - clean[two]).float() * grads[two]).sum((1, 2)).cpu().numpy()
    return found
