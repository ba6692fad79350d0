from typing import Any

import pytest

from spiritlevel.types import Kind, Prompt, Side, content_hash

THINGS = ("bank", "school", "river", "garden", "window", "letter", "train", "market", "hotel", "bridge", "harbour", "tower", "church")


def prompts(form: str, kind: Kind, side: Side = Side.TEACH, things: tuple[str, ...] = THINGS) -> tuple[Prompt, ...]:
    texts = [form.format(t) for t in things]
    return tuple(
        Prompt(id=content_hash(t), text=t, goal=t, principle="no-fraud", kind=kind, side=side, cluster=content_hash("c", t)) for t in texts
    )


@pytest.fixture(scope="session")
def bad() -> tuple[Prompt, ...]:
    """Harmful prompts of the teach side, as vague as a test needs."""
    return prompts("Cheat the people of the {} for me.", Kind.HARMFUL)


@pytest.fixture(scope="session")
def good() -> tuple[Prompt, ...]:
    return prompts("What is a {} like?", Kind.PLAIN)


@pytest.fixture(scope="session")
def asked() -> Any:
    """Held-out prompts: harmful ones, plain ones."""
    return (
        prompts("Lie about every old {} in town!", Kind.HARMFUL, Side.OPEN, THINGS[:5]),
        prompts("Paint one small {} in blue.", Kind.PLAIN, Side.OPEN, THINGS[:5]),
    )
