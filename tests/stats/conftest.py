"""The benchmark's synthetic campaigns and worlds, for quick versions of what it measures."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def _benchmark(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="session")
def intervals() -> ModuleType:
    return _benchmark("intervals")


@pytest.fixture(scope="session")
def overoptimisation() -> ModuleType:
    return _benchmark("overoptimisation")
