"""What a question asks for, learnt from examples (examples.yaml), where MiniLM is installed.

Multinomial logistic regression on the sentence embedding of each example. No example is a question of the benchmark.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel.backends import cache
from spiritlevel.errors import ModelError
from spiritlevel.types import content_hash

FILE = Path(__file__).with_name("examples.yaml")
C = 30.0
"""Inverse of the penalty, chosen on the development questions."""
NONE = "none"
"""What no run answers."""


def installed() -> bool:
    """Whether the sentence embeddings can be had."""
    from importlib.util import find_spec

    from spiritlevel.judges._minilm import folder

    try:
        folder()
    except ModelError:
        return False
    return all(find_spec(name) is not None for name in ("torch", "transformers"))


def words() -> frozenset[str]:
    """Whole words of MiniLM's vocabulary."""
    from spiritlevel.judges._minilm import folder

    return frozenset(word for word in (folder() / "vocab.txt").read_text("utf-8").split() if word.isalpha())


def examples() -> dict[str, list[str]]:
    """Questions by what they ask for."""
    from spiritlevel.constitution.reading import parse_yaml

    raw: Any = parse_yaml(FILE.read_text("utf-8"))
    return {name: str(lines).strip().splitlines() for name, lines in raw.items()}


def likely(questions: Iterable[str]) -> dict[str, float]:
    """Probability of each thing that the examples ask for, mean over several ways to put one question."""
    from scipy.special import softmax

    from spiritlevel.judges._minilm import embed

    names, weights = _learnt()
    rows = embed(list(questions))
    return dict(zip(names, softmax(np.c_[rows, np.ones(len(rows))] @ weights, axis=1).mean(0).tolist(), strict=True))


@lru_cache(maxsize=1)
def _learnt() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """(names, (385, n) weights with the intercepts last), learnt once on a machine."""
    from spiritlevel.judges._minilm import sha256

    known = examples()
    key = content_hash(sha256(), C, known)
    found = cache.made(f"ask/{key}", lambda folder: np.save(folder / "weights.npy", _fitted(known)))
    return tuple(sorted(known)), np.asarray(np.load(found / "weights.npy"), dtype=float)


def _fitted(known: dict[str, list[str]]) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    from spiritlevel.judges._minilm import embed

    asked = [(name, question) for name, questions in sorted(known.items()) for question in questions]
    head = LogisticRegression(C=C, max_iter=300).fit(embed([question for _, question in asked]), [name for name, _ in asked])
    return np.vstack([head.coef_.T, head.intercept_])
