"""A small constitution that the real offline judges (rules, MiniLM, words) read in a second or two."""

from collections.abc import Callable
from typing import Any

import pytest

from spiritlevel import backends, constitution
from spiritlevel.constitution import Constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.judges.model import ModelJudge
from spiritlevel.types import ModelRef

MOON = {"title": "Mining claims on the Moon", "text": "Do not move a claim to lunar ore.", "applies": "when ore on the Moon is claimed"}


@pytest.fixture(scope="session")
def law() -> Constitution:
    """Three principles of the default constitution and helpfulness, teach half."""
    whole = constitution.load()
    some = whole.only(["no-fraud", "no-hate", "protects-privacy"])
    categories = {p.category: whole.policy.categories[p.category] for p in some.principles}
    return some.model_copy(update={"policy": whole.policy.model_copy(update={"categories": categories})})


@pytest.fixture
def scripted(tmp_path: Any) -> Callable[[str], ModelRef]:
    """A scripted model that answers as its rules say."""

    def make(rules: str) -> ModelRef:
        file = tmp_path / "script.yaml"
        file.write_text(rules, encoding="utf-8")
        return backends.resolve(f"scripted:{file}")

    return make


@pytest.fixture
def reader(scripted: Any) -> Any:
    """A model judge of any principles, on a scripted model."""

    def make(rules: str) -> Any:
        journal = MemoryJournal()
        model = backends.open_model(scripted(rules), journal)
        return lambda principles: ModelJudge(journal, model, principles)

    return make


@pytest.fixture(scope="session")
def moon() -> dict[str, str]:
    return MOON
