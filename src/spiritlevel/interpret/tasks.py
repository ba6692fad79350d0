"""Pairs of prompts that differ in one thing and in how they go on: what patching works on. Two tasks of our own, or a file."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spiritlevel import jsonl
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.types import Frozen

NAMES: tuple[str, ...] = ("Mary", "John", "Alice", "Tom", "Anna", "Paul", "Sarah", "James", "Emma", "Mark")
NAMES += ("Laura", "Peter", "Kate", "David", "Lucy", "Simon", "Helen", "Robert", "Jane", "Michael")
PLACES = ["store", "park", "school", "office", "station", "library", "market"]
THINGS = ["drink", "book", "letter", "key", "ball", "pen", "map"]
TWO_NAMES = (
    "When {a} and {b} went to the {place}, {giver} gave a {thing} to",
    "Then {a} and {b} had a long talk at the {place}. Afterwards {giver} handed a {thing} to",
    "After {a} and {b} met at the {place}, {giver} passed a {thing} to",
    "While {a} and {b} were waiting at the {place}, {giver} showed a {thing} to",
)
NOUNS: tuple[tuple[str, str], ...] = (
    ("key", "keys"),
    ("cat", "cats"),
    ("door", "doors"),
    ("book", "books"),
    ("teacher", "teachers"),
    ("doctor", "doctors"),
)
NOUNS += (("child", "children"), ("farmer", "farmers"), ("letter", "letters"), ("picture", "pictures"))
BESIDE = ("near the cabinet", "behind the house", "with the hat", "from the village", "beside the river", "under the bridge")


class Counterfactual(Frozen):
    """A clean prompt with its answer, and a corrupt one that changes it to the foil."""

    clean: str
    corrupt: str
    answer: str
    foil: str
    group: str = ""
    """Pairs of one group are resampled together; empty = the pair by itself."""


def indirect_object(n: int, seed: int) -> list[Counterfactual]:
    """Two people, one of whom gives: to whom? (the task of Wang et al. 2022; our wording). Corrupt: the other one gives."""
    rng, found = random.Random(seed), []
    for _ in range(n):
        a, b = rng.sample(NAMES, 2)
        words = {"a": a, "b": b, "place": rng.choice(PLACES), "thing": rng.choice(THINGS)}
        template = rng.choice(TWO_NAMES)
        giver, other = (a, b) if rng.random() < 0.5 else (b, a)
        clean, corrupt = (template.format(giver=g, **words) for g in (giver, other))
        found.append(Counterfactual(clean=clean, corrupt=corrupt, answer=f" {other}", foil=f" {giver}", group=f"{a} {b}"))
    return found


def agreement(n: int, seed: int) -> list[Counterfactual]:
    """A subject, something beside it, and a verb that agrees with the subject (Linzen et al. 2016; our wording). Corrupt: its number."""
    rng, found = random.Random(seed), []
    for _ in range(n):
        one, many = rng.choice(NOUNS)
        beside = rng.choice(BESIDE)
        single, plural = (f"The {noun} {beside}" for noun in (one, many))
        if rng.random() < 0.5:
            found.append(Counterfactual(clean=single, corrupt=plural, answer=" is", foil=" are", group=f"{one} {beside}"))
        else:
            found.append(Counterfactual(clean=plural, corrupt=single, answer=" are", foil=" is", group=f"{one} {beside}"))
    return found


TASKS: dict[str, Callable[[int, int], list[Counterfactual]]] = {"indirect-object": indirect_object, "agreement": agreement}


def load(name: str, n: int, seed: int) -> tuple[Counterfactual, ...]:
    """A task by its name, each pair once, or the pairs of a file (`clean`, `corrupt`, `answer`, `foil`, perhaps `group`).

    ConfigError for what is neither; DataError names a line that cannot be read.
    """
    if name in TASKS:
        return tuple(dict.fromkeys(TASKS[name](n, seed)))
    if not Path(name).is_file():
        raise ConfigError(f"{name!r} is neither a file nor a task; give JSON lines, or one of {', '.join(TASKS)}")

    def take(row: dict[str, Any]) -> Counterfactual:
        words = {key: jsonl.text(row[key]) for key in ("clean", "corrupt", "answer", "foil")}
        return Counterfactual(**words, group=jsonl.text(row.get("group") or ""))

    found = tuple(dict.fromkeys(jsonl.read(Path(name), take, "a 'clean' and a 'corrupt' prompt, an 'answer' and a 'foil'")))
    if not found:
        raise DataError(f"{name!r} holds no pair of prompts; give JSON lines with clean, corrupt, answer and foil")
    return found
