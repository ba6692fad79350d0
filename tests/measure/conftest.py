"""Pairs made to order."""

from collections.abc import Callable
from typing import Any

import pytest

from spiritlevel import constitution
from spiritlevel.constitution import Constitution
from spiritlevel.types import Kind, Outcome, Pair, Prompt


@pytest.fixture(scope="session")
def law() -> Constitution:
    return constitution.load()


@pytest.fixture(scope="session")
def pair() -> Callable[..., Pair]:
    def make(
        id: str, principle: str = "no-fraud", kind: Kind = Kind.HARMFUL, family: str = "direct", source: str = "seeds/x.md", **fields: Any
    ) -> Pair:
        cluster = fields.pop("cluster", id)
        prompt = Prompt(id=id, text=id, goal=id, principle=principle, kind=kind, family=family, cluster=cluster, source=source)
        given: dict[str, Any] = {
            "before": "b",
            "after": "a",
            "before_outcome": Outcome.COMPLIANCE,
            "after_outcome": Outcome.REFUSAL,
            "before_proxy": 0.9,
            "after_proxy": 0.1,
            "before_intent": 0.9,
            "after_intent": 0.1,
        }
        return Pair(prompt=prompt, **{**given, **fields})

    return make
