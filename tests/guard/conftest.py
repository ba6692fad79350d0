"""A guard of each kind on the small project: the real MiniLM, a real tiny transformer; a high rate of false positives, for few cases."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spiritlevel import backends, constitution
from spiritlevel.elicit.config import ElicitConfig
from spiritlevel.evidence import MemoryJournal
from spiritlevel.guard import Guard, fitting, save
from spiritlevel.guard.material import Material, material

RATE = 0.3


class Trained(NamedTuple):
    guard: Guard
    folder: Path


@pytest.fixture(scope="session")
def law(small: Any) -> Any:
    return constitution.load(str(small.law))


@pytest.fixture(scope="session")
def made(small: Any, law: Any) -> Material:
    return material(law, ElicitConfig(seeds=str(small.seeds)))


@pytest.fixture(scope="session")
def text(law: Any, made: Material, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    found, folder = fitting.train(law, made, None, RATE), tmp_path_factory.mktemp("guards") / "text"
    save(found, made.prompts, folder)
    return Trained(found, folder)


@pytest.fixture(scope="session")
def body(law: Any, made: Material, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    weights = backends.open_weights(backends.resolve("tiny:llama"), MemoryJournal())
    found, folder = fitting.train(law, made, weights, RATE), tmp_path_factory.mktemp("guards") / "body"
    save(found, made.prompts, folder)
    return Trained(found, folder)
