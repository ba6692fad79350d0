"""Exact answers: a reply's last number, or its words after `Answer:`, against the right one."""

import re
from collections.abc import Sequence

from spiritlevel.measure.suites.forms.base import Asked, Form, chat, no_rows, replies
from spiritlevel.measure.suites.frames import instruction, put
from spiritlevel.measure.suites.model import Item, Reading
from spiritlevel.types import Journal, Model

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
AFTER = re.compile(r"answer\s*(?:is|:)\s*(.+)", re.IGNORECASE)


def check(item: Item) -> None:
    """A right answer is given."""
    if not item.target.strip():
        raise ValueError("no answer is given")


def read(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    """1 where the reply ends with the right answer. A reply that was cut before an answer is wrong: the budget is part of the question."""
    shots = [
        (f"{one.question}\n\n{instruction('plain', 'result')}", f"{one.tags.get('solution', '')}\nAnswer: {one.target}".strip())
        for one in asked.shots
    ]
    chats = []
    for item in items:
        system, question = put(item, asked.frame)
        chats.append(chat(system, f"{question}\n\n{instruction(asked.frame, 'result')}", shots))
    found = []
    for item, reply in zip(items, replies(journal, model, chats, asked.suite.max_tokens, asked.suite.name), strict=True):
        value = None if reply.error is not None else float(same(reply.text, item.target))
        found.append(Reading(item=item.id, frame=asked.frame, value=value, text=reply.text, error=reply.error or ""))
    return found


def same(text: str, target: str) -> bool:
    """Whether the answer in a reply is the target: as numbers where the target is one, else as words."""
    wanted = number(target)
    said = AFTER.findall(text)
    if wanted is not None:
        numbers = NUMBER.findall(said[-1] if said else text)
        return bool(numbers) and number(numbers[0] if said else numbers[-1]) == wanted
    return bool(said) and _plain(said[-1]) == _plain(target)


def number(text: str) -> float | None:
    """`1,200.50` as a number; None for what is none."""
    found = NUMBER.fullmatch(text.strip().lstrip("$").rstrip(".%"))
    return float(found[0].replace(",", "")) if found else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w ]", " ", text.casefold()).split())


FORM = Form(check, read, no_rows)
