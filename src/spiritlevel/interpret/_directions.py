"""Directions on weights in hand: next-token scores under hooks, the candidates' means, and weights made orthogonal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spiritlevel import _activations
from spiritlevel.backends import _steer
from spiritlevel.errors import ModelError
from spiritlevel.types import Ask, Chat, Reply, Steer, user

Hooks = Mapping[str, Callable[[Tensor], Tensor]]
WRITERS = ("o_proj", "out_proj", "dense", "c_proj", "down_proj", "fc2", "dense_4h_to_h", "wo")
"""Names of the matrices that write to the residual stream, in the architectures that are known."""

SPARED = 0.5
"""Least cosine of a direction with what of it is taken out of weights, the first token spared."""


def tail(weights: Any) -> int:
    """How many tokens of the template stand between what a user says and the answer, at least 1."""
    one, two = (weights.render(user(text))[::-1] for text in ("a", "Why is it so?"))
    same = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), 1)
    return max(1, same)


def ablating(weights: Any, rows: np.ndarray) -> Hooks:
    """What Steer's `ablate` does after every block, as hooks; `rows` (blocks, 3, width) as Steer.blob has them."""
    how = Steer(kind="ablate", layers=tuple(range(1, weights.layers + 1)), coefficient=1.0, blob="")
    path = _activations.blocks(weights.module)[0]
    edits = _steer.edits(torch.from_numpy(np.ascontiguousarray(rows)).float().to(weights.device), how)
    return {f"{path}.{layer - 1}": _steer.spared(edit) for layer, edit in edits.items()}


def adding(weights: Any, direction: np.ndarray, layer: int, coefficient: float) -> Hooks:
    """Addition: x + c d after block `layer` (from 1), at every token but the first (Arditi 2024, eq. 3)."""
    by = torch.from_numpy(direction * coefficient).float().to(weights.device)
    path = _activations.blocks(weights.module)[0]
    return {f"{path}.{layer - 1}": lambda x: torch.cat((x[:, :1], (x[:, 1:].float() + by).to(x.dtype)), 1)}


def next_tokens(weights: Any, chats: Sequence[Chat], hooks: Hooks) -> Tensor:
    """Float32 log-probabilities (n, vocabulary) of the first token of an answer, with modules hooked."""
    ids = [weights.render(chat)[-weights.context :] for chat in chats]
    found: list[Tensor | None] = [None] * len(ids)
    for places in _activations.passes([len(one) for one in ids]):
        with torch.inference_mode(), _activations.hooked(weights.module, hooks):
            batch, mask = _activations.padded([ids[place] for place in places], weights.device)
            last = [len(ids[place]) - 1 for place in places]
            scores = torch.log_softmax(weights._scores(batch, mask, list(range(len(places))), last), -1)
        for place, row in zip(places, scores, strict=True):
            found[place] = row
    return torch.stack([row for row in found if row is not None])


def beginnings(first: Tensor, second: Tensor, least: float) -> Tensor:
    """Tokens that the first set's answers begin with more often than the second's, by at least so much probability: (k,) ids."""
    return (first.exp().mean(0) - second.exp().mean(0) >= least).nonzero()[:, 0]


def log_odds(scores: Tensor, tokens: Tensor) -> np.ndarray:
    """(n,) log P / (1 - P) of beginning with one of the tokens, in nats."""
    p = scores[:, tokens].double().logsumexp(-1).clamp(max=-1e-12)
    return np.asarray((p - torch.log(-torch.expm1(p))).cpu().numpy())


def divergence(before: Tensor, after: Tensor) -> np.ndarray:
    """(n,) KL of the next token in nats, `before` to `after`."""
    return np.asarray((before.double().exp() * (before.double() - after.double())).sum(-1).cpu().numpy())


def writing(block: Any) -> list[tuple[str, nn.Linear]]:
    """(name, matrix) of attention's and of the MLP's writer to the residual stream. ModelError lists what the block has."""
    found = [(name, part) for name, part in block.named_modules() if name.rpartition(".")[2] in WRITERS and isinstance(part, nn.Linear)]
    if len(found) != 2:
        names = ", ".join(name for name, part in block.named_modules() if name and not list(part.children()))
        raise ModelError(
            f"{len(found)} matrices of a {type(block).__name__!r} are known to write to the residual stream, not 2 (it has: {names}); "
            "use a Llama-like model"
        )
    return found


def written_first(weights: Any) -> tuple[int, np.ndarray]:
    """The token that all chats begin with, and all that is written at it: its embedding, and what each block adds twice, (1 + 2 blocks, d).

    It sees no other token, so that these are the same in every chat.
    """
    token = int(weights.render(user("a"))[0])
    path, blocks = _activations.blocks(weights.module)
    names = [f"{path}.{i}.{name}" for i, block in enumerate(blocks) for name, _ in writing(block)]
    found = _activations.gather(weights.module, [[token]], [[0]], names, weights.device)
    embedded = weights.module.get_input_embeddings().weight[token].detach().cpu()
    return token, torch.stack([embedded, *(found[name][0] for name in names)]).double().numpy()


def orthogonalise(module: Any, row: np.ndarray, first: tuple[int, np.ndarray] | None = None) -> float:
    """Take a direction out of all that writes to the residual stream, in place; `row` (3, width): direction, centre, scale of one block.

    `first`, as `written_first` has it: what is written there stays as it was, since the direction is made orthogonal to it beforehand.
    Many models keep values a thousand times as large at the first token, and say nothing sensible without them (Sun et al. 2024). Returns
    the cosine of what was taken out with the direction.

    With scale 1 and centre 0: W - r (r . W), embedding included (Arditi 2024, eq. 5). Else what is read along it in units of the scale is
    taken away along it, and the embedding leaves the centre's share there for good. A head tied to the embedding is untied first and
    stays as it is: it reads. ModelError for an architecture whose blocks norm what they write, where no such weights exist.
    """
    blocks = _activations.blocks(module)[1]
    if any("post_feedforward" in name for name, _ in blocks[0].named_children()):
        raise ModelError(
            f"the blocks of {type(module).__name__!r} norm what they write, so no weights ablate a direction; steer it instead"
        )
    matrices = [part for block in blocks for _, part in writing(block)]
    direction, centre, scale = torch.from_numpy(np.array(row, np.float64))
    whole = direction / scale
    unit = whole
    if first is not None:
        basis = torch.linalg.qr((torch.from_numpy(first[1]) / scale).T).Q
        unit = whole - basis @ (basis.T @ whole)
    kept = float(unit.norm() / whole.norm())
    if kept < SPARED:
        raise ModelError(
            f"of the direction, {kept:.0%} is left beside what the model keeps at the first token, so that no weights ablate it; "
            "steer it instead"
        )
    unit = unit / unit.norm()
    back, onto = scale * unit, unit / scale
    embedding, head = module.get_input_embeddings(), module.get_output_embeddings()
    with torch.no_grad():
        if head.weight is embedding.weight:
            head.weight = nn.Parameter(embedding.weight.detach().clone())
            module.config.tie_word_embeddings = False
        for part in matrices:
            for tensor in [part.weight] if part.bias is None else [part.weight, part.bias]:
                wide = tensor.double()
                rank = torch.outer(back, onto @ wide) if wide.dim() == 2 else back * (onto @ wide)
                tensor.copy_((wide - rank).to(tensor.dtype))
        wide = embedding.weight.double()
        by = torch.outer(wide @ onto - centre @ onto, back)
        if first is not None:
            by[first[0]] = 0
        embedding.weight.copy_((wide - by).to(embedding.weight.dtype))
    return kept


def plus(by: Tensor) -> Callable[[Tensor], Tensor]:
    """Adds a vector, in float32."""
    return lambda x: (x.float() + by).to(x.dtype)


@contextmanager
def clamped(weights: Any, at: Mapping[int, tuple[Sequence[int], Sequence[float]]]) -> Iterator[Mapping[int, Callable[[Tensor], Tensor]]]:
    """While inside, MLP neurons stand at fixed values; gives the edits with which to draw answers (LocalModel.stream).

    `at`: block (from 1) -> (neurons, values). Their columns of the block's last matrix are zeroed and what they would add is added
    to the stream after the block, which is the same at every token but the first, where they stand at 0; put back however it ends.
    """
    blocks = _activations.blocks(weights.module)[1]
    kept: list[tuple[Any, list[int], Tensor]] = []
    edits: dict[int, Callable[[Tensor], Tensor]] = {}
    try:
        with torch.no_grad():
            for layer, (neurons, values) in at.items():
                weight = down(blocks[layer - 1]).weight
                columns = weight[:, list(neurons)].clone()
                kept.append((weight, list(neurons), columns))
                by = columns.float() @ torch.tensor(list(values), dtype=torch.float32, device=columns.device)
                weight[:, list(neurons)] = 0
                edits[layer] = plus(by)
        weights.refresh()
        yield edits
    finally:
        with torch.no_grad():
            for weight, neurons, columns in kept:
                weight[:, neurons] = columns
        weights.refresh()


def down(block: Any) -> Any:
    """The MLP's last matrix, (d, neurons). ModelError as `writing`."""
    return writing(block)[1][1]


class Clamped:
    """A local model that answers with some MLP neurons held at fixed values (types.Model); `at` as `clamped` has it."""

    def __init__(self, weights: Any, at: Mapping[int, tuple[Sequence[int], Sequence[float]]], name: str) -> None:
        self.ref, self.batch = weights.ref, weights.batch
        self.numerics = f"{weights.numerics}, clamped {name}"
        self._weights, self._at = weights, at

    def stream(self, asks: Sequence[Ask], seeds: Sequence[int]) -> Iterator[tuple[int, Reply]]:
        """As LocalModel.stream. The weights are changed until the last reply is taken."""
        with clamped(self._weights, self._at) as edits:
            yield from self._weights.stream(asks, seeds, edits)
