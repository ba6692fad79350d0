"""Which rows go into which optimiser step, and in which batches: a pure function of lengths and seed."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from spiritlevel.backends._rows import packed_size

Schedule = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True)
class Step:
    """One optimiser step: its batches, each a tuple of row (or pair) numbers, sorted by length within the step."""

    batches: tuple[tuple[int, ...], ...]


def plan(
    lengths: Sequence[int], step_tokens: int, batch_tokens: int, seed: int, *, shared: int | None = None, ranks: int = 1
) -> list[Step]:
    """Shuffle, cut into steps of about `step_tokens`, sort within a step, cut into batches of at most `batch_tokens`.

    A step is thus a fair draw (a sort over all data would make steps of short refusals only). A batch is as long as its padded rows,
    or, where rows are packed, as all rows together, less the `shared` tokens of each that run once. What is too long is alone.
    Where `ranks` processes share a step its batches are cut for as many; which rows a step has does not depend on it.
    """
    order = list(range(len(lengths)))
    random.Random(f"order {seed}").shuffle(order)
    steps: list[Step] = []
    drawn: list[int] = []

    def size(items: Sequence[int]) -> int:
        if shared is None:
            return max(lengths[i] for i in items) * len(items)
        return packed_size([lengths[i] - shared for i in items], shared)

    for i in order:
        if drawn and sum(lengths[j] for j in drawn) + lengths[i] > step_tokens:
            steps.append(Step(_cut(drawn, lengths, size, batch_tokens, ranks)))
            drawn = []
        drawn.append(i)
    if drawn:
        steps.append(Step(_cut(drawn, lengths, size, batch_tokens, ranks)))
    return steps


Size = Callable[[Sequence[int]], int]


def _cut(drawn: Sequence[int], lengths: Sequence[int], size: Size, batch_tokens: int, ranks: int) -> tuple[tuple[int, ...], ...]:
    """As few batches a rank as `batch_tokens` allows, and then as even: the smallest limit that needs no more of them."""
    ranked = sorted(drawn, key=lambda j: (lengths[j], j))
    best = _greedy(ranked, size, batch_tokens)
    most = -(-len(best) // ranks) * ranks
    low, high = max(size([i]) for i in drawn), batch_tokens
    while low < high:
        middle = (low + high) // 2
        found = _greedy(ranked, size, middle)
        if len(found) <= most:
            best, high = found, middle
        else:
            low = middle + 1
    return best


def _greedy(ranked: Sequence[int], size: Size, limit: int) -> tuple[tuple[int, ...], ...]:
    batches: list[tuple[int, ...]] = []
    open_: list[int] = []
    for i in ranked:
        if open_ and size([*open_, i]) > limit:
            batches.append(tuple(open_))
            open_ = []
        open_.append(i)
    return (*batches, tuple(open_))


def order(steps: int, epochs: int, seed: int) -> list[int]:
    """Step numbers over all epochs. The steps themselves stay the same, so reference scores keep the shapes they were made in."""
    out: list[int] = []
    for epoch in range(epochs):
        numbers = list(range(steps))
        random.Random(f"epoch {seed} {epoch}").shuffle(numbers)
        out += numbers
    return out


def rate(step: int, total: int, warmup: float, schedule: Schedule) -> float:
    """Factor on the learning rate at `step` (from 0): linear warm-up over the fraction `warmup`, then down to 0 (or constant)."""
    rising = max(1, round(warmup * total))
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(1, total - rising)
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * done)) if schedule == "cosine" else 1 - done


def drawn(n: int, each: int, at: int, seed: int) -> list[int]:
    """Which of `n` prompts step `at` (from 0) takes: `each` at a time from shuffles of all of them, one after the other."""
    out = []
    for place in range(at * each, (at + 1) * each):
        numbers = list(range(n))
        random.Random(f"prompts {seed} {place // n}").shuffle(numbers)
        out.append(numbers[place % n])
    return out
