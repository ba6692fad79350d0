"""A quick version of benchmarks/suite_intervals.py: 60 simulations each, at a bar that a true coverage of 95 % misses once in 3,000."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def intervals() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "suite_intervals.py"
    spec = importlib.util.spec_from_file_location("suite_intervals", path)
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("kind", ["a share", "a gap between twins", "a change", "the slope"])
def test_intervals_hold_the_truth(intervals: ModuleType, kind: str) -> None:
    inside, width = intervals.coverage(kind, "40 groups of four", 60, seed=5)
    assert inside / 60 >= 0.83
    assert 0 < width < 3


@pytest.mark.parametrize("kind", ["bias where the context tells", "bias where it does not"])
def test_bootstraps_hold_the_truth(intervals: ModuleType, kind: str) -> None:
    inside, width = intervals.coverage(kind, "100 groups of one", 40, seed=5)
    assert inside / 40 >= 0.8
    assert 0 < width < 1
