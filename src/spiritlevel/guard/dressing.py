"""Prompts dressed in sentences that say nothing of them: orders to a classifier, claimed approvals, roles, chatter.

Whoever wants a request passed adds a sentence. Harmful and harmless prompts are dressed alike, so that such a sentence carries no label.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from spiritlevel.types import content_hash

BREAKS = (" ", "\n", "\n\n")
TWICE = 0.3
"""Share of prompts that wear two sentences."""


@cache
def sentences() -> tuple[str, ...]:
    """Those of `dressing.md`, in its order."""
    lines = Path(__file__).with_name("dressing.md").read_text("utf-8").splitlines()
    return tuple(line.removeprefix("- ") for line in lines if line.startswith("- "))


def dressed(texts: Sequence[str], seed: int = 0) -> list[str]:
    """Each text with one or two sentences before or after it; which ones hangs on the text and `seed` alone."""
    return [_dressed(text, seed) for text in texts]


def _dressed(text: str, seed: int) -> str:
    draw = np.random.default_rng(int(content_hash("dressing", seed, text)[:16], 16))
    for which in draw.permutation(len(sentences()))[: 1 + (draw.random() < TWICE)]:
        said, gap = sentences()[which], BREAKS[draw.integers(len(BREAKS))]
        text = f"{said}{gap}{text}" if draw.random() < 0.5 else f"{text}{gap}{said}"
    return text
