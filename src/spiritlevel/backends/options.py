"""How likely a model with weights in hand finds each of several ways to go on: after a chat's opening, or after plain text."""

from collections.abc import Sequence
from typing import Any, cast

from spiritlevel.backends.text import clean
from spiritlevel.errors import DataError
from spiritlevel.types import Chat, OpenWeights, Turn


def after_chats(model: OpenWeights, chats: Sequence[Chat], options: Sequence[Sequence[str]]) -> list[list[float]]:
    """Log-probability in nats of each option as the first words of the next turn (or after a prefill's); its end of turn is not counted.

    Values of one chat compare with each other. No values for a chat past the context. DataError for an option without words.
    """
    local = cast(Any, model)
    sequences = []
    for chat, texts in zip(chats, options, strict=True):
        given = chat[-1].content if chat[-1].role == "assistant" else ""
        asked = chat[:-1] if given else chat
        whole = [(*asked, Turn(role="assistant", content=given + _worded(text))) for text in texts]
        sequences.append([local.render_labelled(one, True)[0] for one in whole])
    return _scored(local, sequences)


def after_texts(model: OpenWeights, texts: Sequence[str], options: Sequence[Sequence[str]]) -> list[list[float]]:
    """The same after plain text, without a template; where there is none, after the token that begins or ends a text."""
    local = cast(Any, model)
    tokenizer = local.tokenizer
    begin = next((id for id in (tokenizer.bos_token_id, tokenizer.eos_token_id) if id is not None), 0)
    sequences = []
    for text, ends in zip(texts, options, strict=True):
        lead = [begin] if not text or getattr(tokenizer, "add_bos_token", False) else []
        sequences.append([[*lead, *_plain(tokenizer, text, _worded(end))] for end in ends])
    return _scored(local, sequences)


def _plain(tokenizer: Any, text: str, end: str) -> list[int]:
    return list(tokenizer(clean(text + end), add_special_tokens=False, split_special_tokens=True)["input_ids"])


def _worded(text: str) -> str:
    if not text.strip():
        raise DataError("An option to score has no words; leave it out.")
    return text


def _scored(local: Any, sequences: list[list[list[int]]]) -> list[list[float]]:
    from spiritlevel.backends import _options

    fit = [place for place, each in enumerate(sequences) if max(map(len, each)) <= local.context]
    found: list[list[float]] = [[] for _ in sequences]
    for place, values in zip(fit, _options.scored(local, [_options.tree(sequences[place]) for place in fit]), strict=True):
        found[place] = values
    return found
