"""Weaker models of one family, made of one model: fewer blocks, coarser weights, noise. Written as folders that `path:` opens."""

from pathlib import Path
from typing import Literal

from spiritlevel.types import OpenWeights

How = Literal["pruned", "quantised", "noised"]


def write(model: OpenWeights, folder: Path, how: How, strength: float, *, seed: int = 0) -> str:
    """`path:FOLDER` of a weaker copy. `strength`: blocks left out from the middle, bits of a weight, noise in SDs of each weight matrix."""
    from spiritlevel.measure.suites import _degrade

    return _degrade.write(model, folder, how, strength, seed)
