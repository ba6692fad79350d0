"""A Llama-like model as a graph: the embedding, heads and MLPs write to the residual stream; heads' queries, keys and values, MLPs
and the head of the model read it. One forward pass in which each reader may be given an input of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spiritlevel.backends import _decode
from spiritlevel.errors import ModelError
from spiritlevel.interpret._pairs import Batch, gap

Read = Callable[[int, Tensor], Tensor]
"""(stage, residual stream (n, s, d)) -> what each of the stage's readers is given: (readers, n, s, d), or (1, n, s, d) for all."""
Write = Callable[[Tensor], None]
"""Told what each writer adds, in order: (writers, n, s, d)."""


class Graph:
    """Stages: attention of block 1, its MLP, attention of block 2, ..., the head of the model. ModelError for another architecture."""

    def __init__(self, module: Any) -> None:
        if not _decode.knows(module):
            names = ", ".join(name for name, _ in module.named_children())
            raise ModelError(
                f"the residual stream of {type(module).__name__!r} is not known well enough to cut its edges (it has: {names}); "
                f"use one of {', '.join(sorted(_decode.KNOWN))}, or patch whole heads and MLPs with: spiritlevel patch"
            )
        config = module.config
        self.module, self.body = module, module.model
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.width = self.body.layers[0].self_attn.head_dim
        self.depth = len(self.body.layers)
        self.window = _decode.window(module)
        self.readers = self.heads + 2 * self.groups
        self._cut = [self._weights(block.self_attn) for block in self.body.layers]

    def _weights(self, attention: Any) -> tuple[Tensor, Tensor | None, Tensor]:
        """(readers, width, d) of queries, keys and values, their biases (readers, width), and (heads, width, d) of the output."""
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        into = torch.cat([p.weight.detach() for p in parts]).unflatten(0, (self.readers, self.width))
        bias = None if parts[0].bias is None else torch.cat([p.bias.detach() for p in parts]).unflatten(0, (self.readers, 1, self.width))
        out = attention.o_proj.weight.detach().T.unflatten(0, (self.heads, self.width))
        return into, bias, out.contiguous()

    @property
    def writers(self) -> list[str]:
        """`embedding`, then of each block `head L.H` and `mlp L`, from 1."""
        each = [[*(f"head {n}.{h}" for h in range(1, self.heads + 1)), f"mlp {n}"] for n in range(1, self.depth + 1)]
        return ["embedding", *(name for block in each for name in block)]

    def readers_of(self, stage: int) -> list[str]:
        """Names of a stage's readers: `head L.H q`, `keys L.G`, `values L.G`; `mlp L`; `logits`."""
        block, second = divmod(stage, 2)
        if stage == 2 * self.depth:
            return ["logits"]
        if second:
            return [f"mlp {block + 1}"]
        heads = [f"head {block + 1}.{h} q" for h in range(1, self.heads + 1)]
        return [*heads, *(f"{what} {block + 1}.{g}" for what in ("keys", "values") for g in range(1, self.groups + 1))]

    def before(self, stage: int) -> int:
        """How many writers come before a stage."""
        block, second = divmod(stage, 2)
        return 1 + block * (int(self.heads) + 1) + (int(self.heads) if second else 0)

    @property
    def stages(self) -> int:
        """How many there are."""
        return 2 * self.depth + 1

    def logits(self, ids: Tensor, read: Read, write: Write | None = None, start: Tensor | None = None) -> Tensor:
        """Float32 logits (n, vocabulary) of the last token of (n, s) unpadded ids; `start` (n, s, d) stands in for their embeddings."""
        if self.window is not None and ids.shape[1] > self.window:
            raise ModelError(f"a prompt of {ids.shape[1]} tokens is longer than the attention window of {self.window}; give shorter ones")
        x = self.module.get_input_embeddings()(ids) if start is None else start
        if write:
            write(x[None])
        cos, sin = self.body.rotary_emb(x, torch.arange(ids.shape[1], device=ids.device)[None])
        for n, block in enumerate(self.body.layers):
            heads = self._attend(n, block, read(2 * n, x), cos, sin)
            if write:
                write(heads)
            x = x + heads.sum(0)
            mlp = block.mlp(block.post_attention_layernorm(read(2 * n + 1, x)[0]))
            if write:
                write(mlp[None])
            x = x + mlp
        seen = self.body.norm(read(2 * self.depth, x)[0, :, -1])
        found: Tensor = self.module.get_output_embeddings()(seen).float()
        return found

    def _attend(self, n: int, block: Any, given: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(heads, n, s, d) that each head adds; a bias of the output is counted with the first."""
        attention = block.self_attn
        into, bias, out = self._cut[n]
        normed = block.input_layernorm(given)
        qkv = torch.einsum("rnsd,rwd->rnsw", normed.expand(self.readers, *normed.shape[1:]), into)
        qkv = qkv if bias is None else qkv + bias[:, None]
        q, k, v = qkv.split((self.heads, self.groups, self.groups))
        if hasattr(attention, "q_norm"):
            q, k = attention.q_norm(q), attention.k_norm(k)
        q, k = (t * cos + _turned(t) * sin for t in (q, k))
        k, v = (t.repeat_interleave(self.heads // self.groups, 0) for t in (k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=attention.scaling)
        added = torch.einsum("hnsw,hwd->hnsd", mixed, out)
        if attention.o_proj.bias is not None:
            added = torch.cat((added[:1] + attention.o_proj.bias.detach(), added[1:]))
        return added


def _turned(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), -1)


def whole(stage: int, x: Tensor) -> Tensor:
    """Every reader is given the residual stream as it is."""
    return x[None]


def written(graph: Graph, ids: Tensor) -> tuple[Tensor, Tensor]:
    """(writers, n, s, d) of an untouched run, and its logits."""
    parts: list[Tensor] = []
    with torch.inference_mode():
        logits = graph.logits(ids, whole, parts.append)
        return torch.cat(parts), logits


def scores(graph: Graph, batch: Batch, steps: int) -> list[np.ndarray]:
    """For each stage (readers, writers before it): what the clean gap loses, to first order, when an edge carries the corrupt prompt's
    activation, summed over pairs (edge attribution patching; Syed et al. 2023). `steps`: as for attribution patching.
    """
    clean, _ = written(graph, batch.clean)
    corrupt, _ = written(graph, batch.corrupt)
    apart = (clean - corrupt).float()
    del clean
    found = [np.zeros((len(graph.readers_of(stage)), graph.before(stage))) for stage in range(graph.stages)]
    embedding = graph.module.get_input_embeddings()
    with torch.no_grad():
        low, high = embedding(batch.corrupt), embedding(batch.clean)
    for step in range(1, steps + 1):
        leaves: list[Tensor] = []

        def read(stage: int, x: Tensor, leaves: list[Tensor] = leaves) -> Tensor:
            leaf = torch.zeros(len(graph.readers_of(stage)), *x.shape, dtype=x.dtype, device=x.device, requires_grad=True)
            leaves.append(leaf)
            return x[None] + leaf

        with torch.enable_grad():
            logits = graph.logits(batch.clean, read, start=low + (high - low) * (step / steps))
            slopes = torch.autograd.grad(gap(logits, batch).sum(), leaves)
        for stage, slope in enumerate(slopes):
            before = apart[: graph.before(stage)].flatten(1)
            found[stage] += (slope.float().flatten(1) @ before.T).cpu().numpy() / steps
    return found


def kept(graph: Graph, batch: Batch, masks: Sequence[np.ndarray]) -> Tensor:
    """(n,) gap of the clean prompts when every edge outside the circuit carries the corrupt prompt's activation.

    `masks`: for each stage, booleans (readers, writers before it) that say which edges stay.
    """
    corrupt, _ = written(graph, batch.corrupt)
    apart = torch.empty_like(corrupt)
    base = torch.zeros_like(corrupt[0])
    filled = summed = 0

    def write(more: Tensor) -> None:
        nonlocal filled
        apart[filled : filled + len(more)] = more - corrupt[filled : filled + len(more)]
        filled += len(more)

    def read(stage: int, x: Tensor) -> Tensor:
        nonlocal base, summed
        base = base + corrupt[summed : graph.before(stage)].sum(0)
        summed = graph.before(stage)
        mask = masks[stage]
        places = np.nonzero(mask.any(0))[0]
        if not len(places):
            return base[None].expand(len(mask), *base.shape)
        keep = torch.from_numpy(mask[:, places]).to(apart.device, apart.dtype)
        return base + torch.einsum("ru,unsd->rnsd", keep, apart[torch.from_numpy(places).to(apart.device)])

    with torch.inference_mode():
        return gap(graph.logits(batch.clean, read, write), batch)
