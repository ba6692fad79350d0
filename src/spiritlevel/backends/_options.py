"""Log-probabilities of several continuations of one beginning: the beginning runs once, the continuations branch from it.

A question and its choices are one line: the beginning, then each continuation, which sees the beginning and itself alone (a tree of
attention). What all questions of a batch begin with (a template, examples) runs once for all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from spiritlevel import _activations
from spiritlevel.backends import _decode
from spiritlevel.backends._local import LocalModel

HEAD_ROWS = 256
"""Places that go through the head at once: it is as wide as the vocabulary, and float32."""
SHARED = 8
"""Tokens from which a common beginning is run by itself."""


@dataclass(frozen=True)
class Tree:
    """Token ids of a beginning, and of each way to go on; no branch is empty, and the beginning holds at least one token."""

    trunk: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Tokens that are run: a branch's last one predicts nothing."""
        return len(self.trunk) + sum(len(branch) - 1 for branch in self.branches)


def tree(sequences: Sequence[Sequence[int]]) -> Tree:
    """The sequences with what they all begin with taken apart. Each has at least two tokens, the first being common."""
    first, most = sequences[0], min(map(len, sequences)) - 1
    common = next((i for i in range(most) if any(one[i] != first[i] for one in sequences)), most)
    return Tree(tuple(first[:common]), tuple(tuple(one[common:]) for one in sequences))


Scored = tuple[float, bool]
"""(summed log-probability in nats of a branch after its trunk, whether it is what greedy decoding would give)."""


def scored(model: LocalModel, trees: Sequence[Tree], *, greedy: bool = False) -> list[list[Scored]]:
    """Each branch of each tree; float32 head and softmax. Without `greedy` nothing is compared, and every second value is False."""
    longest = max((len(one.trunk) + max(map(len, one.branches)) for one in trees), default=0)
    run = _branched if model._in_loop(longest) else _one_by_one
    found: list[list[Scored]] = [[] for _ in trees]
    with torch.inference_mode():
        head = _Head(model, greedy)
        for places in _batches(trees):
            for place, values in zip(places, run(model, head, [trees[place] for place in places]), strict=True):
                found[place] = values
    return found


class _Head:
    """Hidden states to log-probabilities of given tokens, in pieces."""

    def __init__(self, model: LocalModel, greedy: bool) -> None:
        self.greedy = greedy
        head = model.module.get_output_embeddings()
        self.weight = head.weight.float()
        self.bias = None if head.bias is None else head.bias.float()
        self.cap = getattr(model.module.config, "final_logit_softcapping", None)

    def __call__(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(k, 2) from hidden (k, width) and labels (k,)."""
        found = []
        for part, wanted in zip(hidden.split(HEAD_ROWS), labels.split(HEAD_ROWS), strict=True):
            logits = torch.nn.functional.linear(part.float(), self.weight, self.bias)
            logits = logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap
            found.append(self.of(logits, wanted))
        return torch.cat(found)

    def of(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(k, 2): log-probability of each label, and 1 where it is the likeliest token."""
        own = logits.gather(1, labels[:, None])[:, 0]
        best = own >= logits.amax(-1) if self.greedy else torch.zeros_like(own)
        return torch.stack((own - logits.logsumexp(-1), best.to(own.dtype)), 1)


def _batches(trees: Sequence[Tree]) -> Iterator[list[int]]:
    """Places by size, in batches of at most PASS_TOKENS with padding (or one tree)."""
    places: list[int] = []
    for place in sorted(range(len(trees)), key=lambda i: (trees[i].size, i)):
        if places and (len(places) + 1) * trees[place].size > _activations.PASS_TOKENS:
            yield places
            places = []
        places.append(place)
    if places:
        yield places


def _branched(model: LocalModel, head: _Head, trees: Sequence[Tree]) -> list[list[Scored]]:
    """One pass over all trees of a batch in the decode loop's weights."""
    decoder = model._loop()
    shared = _decode._shared([list(one.trunk) for one in trees])
    shared = shared if shared >= SHARED else 0
    own = max(one.size for one in trees) - shared
    cache = _decode.Cache(decoder, len(trees), shared + own)
    if shared:
        ids = torch.tensor([trees[0].trunk[:shared]], device=decoder.device)
        at = torch.arange(shared, device=decoder.device)[None]
        decoder._forward(ids, at, cache, slice(0, 1), 0, (at <= at.T)[None, None])
        cache.spread(shared)
    ids = torch.zeros((len(trees), own), dtype=torch.long)
    at = torch.zeros_like(ids)
    seen = torch.zeros((len(trees), own, shared + own), dtype=torch.bool)
    seen[:, :, :shared] = True
    seen[:, range(own), range(shared, shared + own)] = True  # padding sees itself: no row of the softmax is empty
    rows: list[int] = []
    columns: list[int] = []
    labels: list[int] = []
    for row, one in enumerate(trees):
        trunk, end = one.trunk[shared:], len(one.trunk) - shared
        ids[row, :end] = torch.tensor(trunk)
        at[row, :end] = torch.arange(shared, len(one.trunk))
        seen[row, :end, shared : shared + end] = torch.ones(end, end, dtype=torch.bool).tril()
        for branch in one.branches:
            n = len(branch) - 1
            new = slice(end, end + n)
            ids[row, new] = torch.tensor(branch[:-1], dtype=torch.long)
            at[row, new] = torch.arange(len(one.trunk), len(one.trunk) + n)
            seen[row, new, : len(one.trunk)] = True
            seen[row, new, shared + end : shared + end + n] = torch.ones(n, n, dtype=torch.bool).tril()
            rows += [row] * (n + 1)
            columns += [len(one.trunk) - shared - 1, *range(end, end + n)]
            labels += branch
            end += n
    device = decoder.device
    where = torch.tensor(rows, device=device), torch.tensor(columns, device=device)
    hidden = decoder._forward(ids.to(device), at.to(device), cache, slice(0, len(trees)), shared, seen[:, None].to(device), where=where)
    return _summed(trees, head(hidden, torch.tensor(labels, device=device)))


def _one_by_one(model: LocalModel, head: _Head, trees: Sequence[Tree]) -> list[list[Scored]]:
    """For bodies that the loop does not know: every branch a padded row of its own, the beginning repeated."""
    rows = [[*one.trunk, *branch[:-1]] for one in trees for branch in one.branches]
    starts = [(len(one.trunk), branch) for one in trees for branch in one.branches]
    values: list[torch.Tensor] = []
    each = max(1, _activations.PASS_TOKENS // max(map(len, rows)))
    for first in range(0, len(rows), each):
        part = starts[first : first + each]
        ids, mask = _activations.padded(rows[first : first + each], model.device)
        places = [(row, start - 1 + i) for row, (start, branch) in enumerate(part) for i in range(len(branch))]
        logits = model._scores(ids, mask, [row for row, _ in places], [column for _, column in places])
        labels = torch.tensor([token for _, branch in part for token in branch], device=logits.device)
        values.append(head.of(logits, labels))
    return _summed(trees, torch.cat(values))


def _summed(trees: Sequence[Tree], values: torch.Tensor) -> list[list[Scored]]:
    flat: Any = iter(values.tolist())
    each = [[[next(flat) for _ in branch] for branch in one.branches] for one in trees]
    return [[(sum(value for value, _ in branch), all(best for _, best in branch)) for branch in branches] for branches in each]
