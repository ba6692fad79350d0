"""Pairs of prompts as tokens: batches of one length, so that nothing is padded and every place means the same in both."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spiritlevel.errors import DataError
from spiritlevel.interpret.tasks import Counterfactual
from spiritlevel.types import user

BATCH_TOKENS = 256
"""Tokens in one batch: all heads' and MLPs' outputs at each of them are held at once."""


class Batch(NamedTuple):
    """Pairs of one length."""

    places: list[int]
    """Which pairs they are."""
    clean: Tensor
    """(n, s) ids."""
    corrupt: Tensor
    answer: Tensor
    """(n,) ids of the answers' first tokens."""
    foil: Tensor


class Tokens(NamedTuple):
    """One pair: ids of both prompts, first ids of answer and foil."""

    clean: list[int]
    corrupt: list[int]
    answer: int
    foil: int


def usable(weights: Any, pairs: Sequence[Counterfactual], *, chat: bool) -> tuple[tuple[Counterfactual, ...], list[str]]:
    """The pairs that can be patched with this tokenizer, and a note on the others. DataError says what is wrong when none is left."""
    kept, wrong = [], []
    for pair in pairs:
        try:
            tokens(weights, pair, chat=chat)
            kept.append(pair)
        except DataError as error:
            wrong.append(str(error))
    if len(kept) < 2:
        raise DataError(wrong[0] if wrong else f"{len(pairs)} pairs of prompts are too few; give at least 2")
    return tuple(kept), [f"{len(wrong)} of {len(pairs)} pairs were left out, the first because {wrong[0]}"] if wrong else []


def tokens(weights: Any, pair: Counterfactual, *, chat: bool) -> Tokens:
    """DataError for prompts that differ in length or not at all, and for an answer and a foil that begin alike."""
    clean, corrupt = (_ids(weights, text, chat) for text in (pair.clean, pair.corrupt))
    if clean == corrupt:
        raise DataError(f"the clean and the corrupt prompt {pair.clean!r:.80} are the same; give prompts that differ")
    if len(clean) != len(corrupt):
        raise DataError(
            f"the prompts {pair.clean!r:.60} and {pair.corrupt!r:.60} have {len(clean)} and {len(corrupt)} tokens; "
            "patching needs prompts of one length"
        )
    if len(clean) > weights.context:
        raise DataError(f"the prompt {pair.clean!r:.60} of {len(clean)} tokens is longer than the context of {weights.context}")
    answer, foil = (weights.tokenizer.encode(text, add_special_tokens=False)[:1] for text in (pair.answer, pair.foil))
    if answer == foil or not answer or not foil:
        raise DataError(f"answer {pair.answer!r:.40} and foil {pair.foil!r:.40} begin with one token, or none; give two that differ")
    return Tokens(clean, corrupt, answer[0], foil[0])


def batches(weights: Any, pairs: Sequence[Counterfactual], *, chat: bool, most: int = BATCH_TOKENS) -> list[Batch]:
    """The pairs by length; `chat`: prompts are what a user says, answers what the model would begin with. DataError as `tokens`."""
    rows: dict[int, list[tuple[int, Tokens]]] = {}
    for place, pair in enumerate(pairs):
        found = tokens(weights, pair, chat=chat)
        rows.setdefault(len(found.clean), []).append((place, found))
    made = []
    for length in sorted(rows):
        each = max(1, most // length)
        for start in range(0, len(rows[length]), each):
            part = rows[length][start : start + each]
            columns = [torch.tensor(column, device=weights.device) for column in zip(*(row for _, row in part), strict=True)]
            made.append(Batch([place for place, _ in part], *columns))
    return made


def _ids(weights: Any, text: str, chat: bool) -> list[int]:
    if not text.strip():
        raise DataError("a prompt is empty; give clean and corrupt prompts with words in them")
    found: list[int] = weights.render(user(text)) if chat else weights.tokenizer.encode(text)
    return found


def gap(logits: Tensor, batch: Batch) -> Tensor:
    """(n,) logit of the answer less that of the foil, from the last token's logits (n, vocabulary)."""
    rows = torch.arange(len(logits), device=logits.device)
    return logits[rows, batch.answer].float() - logits[rows, batch.foil].float()
