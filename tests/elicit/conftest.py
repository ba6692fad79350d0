"""A law, a cheap configuration, and a model that answers by script."""

import pytest

from spiritlevel import constitution
from spiritlevel.constitution import Constitution
from spiritlevel.types import ModelRef


@pytest.fixture(scope="session")
def law() -> Constitution:
    return constitution.load()


@pytest.fixture
def model() -> ModelRef:
    return ModelRef(spec="scripted:mixed", kind="scripted", family="scripted")
