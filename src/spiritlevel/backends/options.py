"""How likely a model with weights in hand finds each of several ways to go on: after a chat's opening, or after plain text."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from spiritlevel.backends.text import clean
from spiritlevel.errors import DataError
from spiritlevel.types import Chat, Frozen, Journal, Model, OpenWeights, Turn

U = TypeVar("U", bound=BaseModel)
UNITS = 64
"""Units that are scored and stored together."""
TOO_LONG = "the question is longer than the model's context"


class Likely(Frozen):
    """Log-probability in nats of each option; none where what they follow does not fit."""

    values: tuple[float, ...]


def kept(
    journal: Journal,
    model: Model,
    kind: str,
    units: Sequence[U],
    score: Callable[[OpenWeights, Sequence[U]], Iterable[Any]],
    row: Any,
    label: str,
) -> list[Any]:
    """Rows `row(values=...)` of what `score` finds of each unit with these weights, through the journal."""

    def work(part: Sequence[U]) -> Iterable[tuple[int, Any]]:
        return ((i, row(values=tuple(values))) for i, values in enumerate(score(cast(OpenWeights, model), part)))

    salt = model.ref.key + model.numerics
    return journal.rows(journal.map(kind, units, work, row, batch=UNITS, salt=salt, label=label), row)


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
    sequences = []
    for text, ends in zip(texts, options, strict=True):
        lead = _lead(local.tokenizer, text)
        sequences.append([[*lead, *_plain(local.tokenizer, text, _worded(end))] for end in ends])
    return _scored(local, sequences)


def continued(model: OpenWeights, texts: Sequence[str], ends: Sequence[Sequence[str]]) -> list[list[tuple[float, bool]]]:
    """After plain text, each end whole: (its log-probability in nats, whether greedy decoding would give it). No values past the context.

    As lm-evaluation-harness has it: spaces that end the text belong to what follows, and tokens are those of both in one string.
    """
    from spiritlevel.backends import _options

    local = cast(Any, model)
    trees: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}  # (text, its tokens) -> those of each end
    places = []
    for row, (text, each) in enumerate(zip(texts, ends, strict=True)):
        given = text.rstrip()
        lead = _lead(local.tokenizer, given)
        trunk = len(lead) + len(_plain(local.tokenizer, given, ""))
        own = []
        for end in each:
            whole = (*lead, *_plain(local.tokenizer, given, text[len(given) :] + _worded(end)))
            cut = min(trunk, len(whole) - 1)  # the text and what follows may be one token together
            branches = trees.setdefault((row, whole[:cut]), [])
            own.append(((row, whole[:cut]), len(branches)))
            branches.append(whole[cut:])
        places.append(own)
    fit = [key for key, branches in trees.items() if len(key[1]) + max(map(len, branches)) <= local.context]
    built = [_options.Tree(key[1], tuple(trees[key])) for key in fit]
    scored = dict(zip(fit, _options.scored(local, built, greedy=True), strict=True))
    return [[scored[key][i] for key, i in own] if all(key in scored for key, _ in own) else [] for own in places]


def _lead(tokenizer: Any, text: str) -> list[int]:
    """What stands before a text: the token that begins texts where there must be one."""
    if text and not getattr(tokenizer, "add_bos_token", False):
        return []
    return [next((id for id in (tokenizer.bos_token_id, tokenizer.eos_token_id) if id is not None), 0)]


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
        found[place] = [value for value, _ in values]
    return found
