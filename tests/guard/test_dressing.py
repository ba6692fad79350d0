"""Dressing says nothing of what it dresses, and what is measured with was not fitted on."""

import re
import runpy
from pathlib import Path

from spiritlevel.guard.dressing import dressed, sentences

ROOT = Path(__file__).parents[2]
TEXTS = [f"Name {i} rivers of France" for i in range(200)]


def test_a_text_keeps_its_words_and_wears_one_or_two_sentences():
    worn = dressed(TEXTS)
    assert worn == dressed(TEXTS)
    assert worn[:5] == dressed(TEXTS[:5])  # whatever stands beside it
    assert worn != dressed(TEXTS, 1)
    counts = [sum(s in one for s in sentences()) for one in worn]
    for text, one, n in zip(TEXTS, worn, counts, strict=True):
        assert text in one
        assert 1 <= n <= 3  # a sentence may lie within another
    assert 0.1 < sum(n > 1 for n in counts) / len(TEXTS) < 0.5
    assert 0.2 < sum(one.startswith("Name") for one in worn) / len(TEXTS) < 0.8
    assert sum(any(s in one for one in worn) for s in sentences()) > 0.8 * len(sentences())


def test_fitted_and_measured_sentences_do_not_overlap():
    injected = runpy.run_path(str(ROOT / "benchmarks" / "guard.py"))["INJECTED"]
    assert len(injected) == 12
    assert all(how.count("{}") == 1 for how in injected.values())
    known = {run for one in sentences() for run in _runs(one)}
    for how in injected.values():
        assert not known & set(_runs(how)), how
        assert not [s for s in sentences() if s in how]


def _runs(text: str, words: int = 4) -> list[str]:
    """Every run of so many words."""
    found = re.findall(r"\w+", text.lower())
    return [" ".join(found[i : i + words]) for i in range(len(found) - words + 1)]
