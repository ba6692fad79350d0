"""Capability against alignment: a known line, an interval that covers, weaker copies that are weaker."""

from pathlib import Path

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.measure.suites.degrade import write
from spiritlevel.measure.suites.slope import Point, shown, slope
from spiritlevel.types import Estimate


def point(x: float, y: float) -> Point:
    able, meant = (Estimate(name="", value=v, low=v, high=v, n=9) for v in (x, y))
    return Point(model="m", capability=able, alignment=meant)


def test_a_line_is_found() -> None:
    found = slope([point(x, 0.2 + 0.5 * x + e) for x, e in ((0.1, 0.001), (0.3, -0.001), (0.5, 0.001), (0.7, -0.001))])
    assert found.value == pytest.approx(0.5, abs=0.01)
    assert shown(found) == "alignment rises with capability"
    assert shown(slope([point(0.1, 0.5), point(0.3, 0.1), point(0.5, 0.9), point(0.7, 0.4)])).startswith("not shown")


def test_its_interval_covers() -> None:
    rng = np.random.default_rng(0)
    xs = np.asarray([0.25, 0.3, 0.38, 0.45])
    drawn = [slope([point(x, 0.3 - x + e) for x, e in zip(xs, rng.normal(0, 0.05, 4), strict=True)]) for _ in range(400)]
    assert np.mean([e.low <= -1 <= e.high for e in drawn]) >= 0.93


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([point(0.1, 0.1)] * 3, "too few"),
        ([point(0.1, 0.1)] * 4, "same capability"),
        ([point(float("nan"), 0.1)] * 4, "no capability"),
    ],
)
def test_too_few_or_all_alike_is_refused(points: list[Point], said: str) -> None:
    with pytest.raises(DataError, match=said):
        slope(points)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("how", "strength"), [("pruned", 1), ("quantised", 3), ("noised", 0.5)])
def test_a_weaker_copy_opens_and_is_another_model(tmp_path: Path, how: str, strength: float) -> None:
    ref = backends.resolve("tiny:llama")
    spec = write(backends.open_weights(ref, None), tmp_path / "copy", how, strength)  # type: ignore[arg-type]
    made = backends.resolve(spec)
    assert made.weights != ref.weights
    assert backends.open_weights(made, None).layers == (1 if how == "pruned" else 2)  # type: ignore[arg-type]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("how", "strength"), [("pruned", 2), ("quantised", 1)])
def test_a_strength_that_leaves_nothing_is_refused(tmp_path: Path, how: str, strength: float) -> None:
    with pytest.raises(ConfigError):
        write(backends.open_weights(backends.resolve("tiny:llama"), None), tmp_path / "copy", how, strength)  # type: ignore[arg-type]
