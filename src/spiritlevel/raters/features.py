"""What a rater may see in a reply that says nothing of how good it is."""

import re
from functools import lru_cache
from pathlib import Path

from spiritlevel.constitution.reading import parse_yaml

LISTED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)


@lru_cache
def tones() -> dict[str, re.Pattern[str]]:
    """Phrases of each tone as one pattern."""
    lists: dict[str, list[str]] = parse_yaml(Path(__file__).with_name("tones.yaml").read_text("utf-8"))  # type: ignore[assignment]
    return {name: re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE) for name, words in lists.items()}


def features(text: str, keyword: str = "") -> dict[str, float]:
    """Length in words; flattery, confident, hedging and lists as counts; keyword as 0 or 1 where one is given."""
    found = {"length": float(len(text.split())), "lists": float(len(LISTED.findall(text)))}
    found |= {name: float(len(pattern.findall(text))) for name, pattern in tones().items()}
    if keyword:
        found["keyword"] = float(re.search(rf"\b{re.escape(keyword)}\b", text, re.IGNORECASE) is not None)
    return found
