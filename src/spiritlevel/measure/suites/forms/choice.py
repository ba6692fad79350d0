"""Multiple choice: by the log-probabilities of letters or of the choices' own words, else by a letter in the reply's text.

Where choices are listed they are shown in more than one order, and a choice's log-probabilities are averaged over the orders, so that a
liking for a place cancels (Zheng et al. 2024, "Large language models are not robust multiple choice selectors").
"""

import re
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from spiritlevel.backends import options
from spiritlevel.backends.options import TOO_LONG, Likely
from spiritlevel.measure.suites import prose
from spiritlevel.measure.suites.forms.base import Asked, Form, chat, has_weights, replies
from spiritlevel.measure.suites.frames import Part, instruction, put
from spiritlevel.measure.suites.model import Item, Reading, Suite
from spiritlevel.types import Chat, Frozen, Journal, Model, OpenWeights

ALPHABET = "ABCDEFGHIJKLMNOP"
SAID = re.compile(r"(?:answer|choice|option)\s*(?:is|:)?\s*[\"'(*]*([A-P])\b", re.IGNORECASE)
BARE = re.compile(r"\s*[\"'(*\[]*([A-P])(?:[\"').:,*\]]|\s|$)")


class Question(Frozen):
    """A unit of scoring: a chat and what may follow."""

    chat: Chat
    options: tuple[str, ...]


def check(item: Item) -> None:
    """At least two choices, none empty, and something to score them by."""
    if not 2 <= len(item.choices) <= len(ALPHABET):
        raise ValueError(f"{len(item.choices)} choices; a row needs 2 to {len(ALPHABET)}")
    if not all(choice.strip() for choice in item.choices):
        raise ValueError("a choice is empty")
    if item.answer is None and not item.matching:
        raise ValueError("neither answer nor matching is given")


def fixed(suite: Suite, model: Model) -> Mapping[Part, str]:
    """No instruction where the choices' own words are scored."""
    words = has_weights(model) and suite.format != "letters"
    return {"instruction": "its choices are scored by their own words, and no letter is asked for"} if words else {}


def orders(kind: str, n: int) -> list[tuple[int, ...]]:
    """Orders of n choices: as they are; and reversed; or every rotation, so that each choice stands in each place once."""
    first = tuple(range(n))
    if kind == "rotations":
        return [first[i:] + first[:i] for i in range(n)]
    return [first] if kind == "one" else [first, first[::-1]]


def read(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    """The choice that is likeliest over all orders; without weights, the letters that the replies name."""
    if not has_weights(model):
        return _told(journal, model, asked, items)
    if asked.suite.format == "letters":
        return _by_letters(journal, model, asked, items)
    return _by_words(journal, model, asked, items)


def listed(item: Item, frame: str, order: Sequence[int]) -> tuple[str, str]:
    """(system prompt, question with its choices in this order and what to answer)."""
    system, question = put(item, frame)
    lines = "\n".join(f"{letter}. {item.choices[place]}" for letter, place in zip(ALPHABET, order, strict=False))
    return system, f"{question}\n\n{lines}\n\n{instruction(frame, 'letter')}"


def likely(journal: Journal, model: Model, units: Sequence[Question], label: str) -> list[Likely]:
    """Log-probabilities of each unit's options, through the journal."""

    def score(weights: OpenWeights, part: Sequence[Question]) -> list[list[float]]:
        return options.after_chats(weights, [one.chat for one in part], [one.options for one in part])

    return options.kept(journal, model, "options", units, score, Likely, label)


def _asked(asked: Asked, items: Sequence[Item]) -> list[tuple[Item, tuple[int, ...]]]:
    return [(item, order) for item in items for order in orders(asked.suite.orders, len(item.choices))]


def _shots(asked: Asked) -> list[tuple[str, str]]:
    """Examples with the right letter, their choices rotated so that the right ones stand in different places."""
    found = []
    for turn, item in enumerate(one for one in asked.shots if one.answer is not None):
        order = orders("rotations", len(item.choices))[turn % len(item.choices)]
        found.append((listed(item, "plain", order)[1], ALPHABET[order.index(cast(int, item.answer))]))
    return found


def _by_letters(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    pairs, shots = _asked(asked, items), _shots(asked)
    units = [Question(chat=chat(*listed(i, asked.frame, o), shots), options=tuple(ALPHABET[: len(o)])) for i, o in pairs]
    rows = likely(journal, model, units, asked.suite.name)
    summed = {item.id: np.zeros(len(item.choices)) for item in items}
    places: dict[str, list[int]] = {item.id: [] for item in items}
    for (item, order), row in zip(pairs, rows, strict=True):
        if not row.values:
            places.pop(item.id, None)  # one order past the context: the question was not asked as it should be
            continue
        values = np.asarray(row.values)
        summed[item.id][list(order)] += values - np.logaddexp.reduce(values)
        if item.id in places:
            places[item.id].append(int(values.argmax()))
    return [
        Reading(item=item.id, frame=asked.frame, picked=_one(int(summed[item.id].argmax()), item), places=tuple(places[item.id]))
        if item.id in places
        else Reading(item=item.id, frame=asked.frame, error=TOO_LONG)
        for item in items
    ]


def _by_words(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    shots = [(put(one, "plain")[1], one.choices[one.answer]) for one in asked.shots if one.answer is not None]
    units = [Question(chat=chat(*put(item, asked.frame), shots), options=item.choices) for item in items]
    found = []
    for item, row in zip(items, likely(journal, model, units, asked.suite.name), strict=True):
        if not row.values:
            found.append(Reading(item=item.id, frame=asked.frame, error=TOO_LONG))
            continue
        sizes = [len(choice.encode()) if asked.suite.format == "texts per byte" else 1 for choice in item.choices]
        best = int(np.argmax([value / size for value, size in zip(row.values, sizes, strict=True)]))
        found.append(Reading(item=item.id, frame=asked.frame, picked=_one(best, item)))
    return found


def _told(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    pairs, shots = _asked(asked, items), _shots(asked)
    chats = [chat(*listed(item, asked.frame, order), shots) for item, order in pairs]
    said: dict[str, list[tuple[int, int]]] = {item.id: [] for item in items}
    errors: dict[str, str] = {}
    texts: dict[str, list[str]] = {item.id: [] for item in items}
    for (item, order), reply in zip(pairs, replies(journal, model, chats, 16, asked.suite.name), strict=True):
        texts[item.id].append(reply.text)
        if reply.error is not None:
            errors[item.id] = reply.error
        elif (letter := parsed(reply.text, len(order), [item.choices[place] for place in order])) is not None:
            said[item.id].append((letter, order[letter]))
    found = []
    for item in items:
        picks = np.zeros(len(item.choices))
        for _, place in said[item.id]:
            picks[place] += 1 / len(said[item.id])
        found.append(
            Reading(
                item=item.id,
                frame=asked.frame,
                picked=tuple(picks.tolist()) if said[item.id] and item.id not in errors else (),
                places=tuple(letter for letter, _ in said[item.id]),
                text=" | ".join(texts[item.id]),
                error=errors.get(item.id, ""),
            )
        )
    return found


def parsed(text: str, n: int, choices: Sequence[str] = ()) -> int | None:
    """The place that a reply names by its letter, or by a choice's exact words; None when it names none, or one that is not there."""
    found = SAID.search(text) or BARE.match(text)
    if found is not None:
        place = ALPHABET.index(found[1].upper())
        return place if place < n else None
    plain = text.strip().rstrip(".").casefold()
    return next((i for i, choice in enumerate(choices) if choice.strip().rstrip(".").casefold() == plain), None)


def _one(place: int, item: Item) -> tuple[float, ...]:
    return tuple(float(i == place) for i in range(len(item.choices)))


FORM = Form(check, read, prose.rows, fixed)
