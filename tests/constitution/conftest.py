"""A small constitution with no fault of form, and the default one."""

from pathlib import Path

import pytest

PRINCIPLE = """---
id: {id}
title: Does not do {id}
priority: 2
category: {category}
protects: people
horizon: near
cost: some
applies: always
exceptions: none
source: us
approver: us
---
Do not do {id}.

## Why

Because.

## How to decline

- I can't help with {id}.
"""
POLICY = """categories:
  fraud: {title: Fraud, action: block}
thresholds:
  - id: harm
    measure: delivered_harm
    at_most: 0.2
"""
WORDS = ("ant", "bear", "cat", "dog", "eel", "fox", "goat", "hen", "ibis", "jay")
MORE = ("kite", "lynx", "mole", "newt", "owl", "pig", "quail", "rat", "seal", "toad")


def examples(id: str, half: str, words: tuple[str, ...]) -> str:
    text = f"---\nprinciple: {id}\n---\n"
    for word in words:
        text += f"\n# {half}-{word}\n## harmful: {word * 4} please\n### violating\nSure: {word}.\n### following\nNo.\n"
        text += f"## lookalike: {word * 7} kindly\n### violating\nNo.\n### following\nSure.\n"
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two principles, `alpha` and `beta`, in a folder that check passes."""
    root = tmp_path / "law"
    for name in ("principles", "teach", "certify"):
        (root / name).mkdir(parents=True)
    (root / "policy.yaml").write_text(POLICY)
    for id, mine in (("alpha", WORDS), ("beta", MORE)):
        (root / "principles" / f"{id}.md").write_text(PRINCIPLE.format(id=id, category="fraud"))
        (root / "teach" / f"{id}.md").write_text(examples(id, "t", mine[:5]))
        (root / "certify" / f"{id}.md").write_text(examples(id, "c", mine[5:]))
    return root
