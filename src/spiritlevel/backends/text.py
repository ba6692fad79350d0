"""Text as models take and give it."""

import re
from collections.abc import Iterable

NO_END = re.compile(r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|cf|No|\d+)\.$", re.IGNORECASE)
END = re.compile(r"[.!?][\"'”’)\]]*(?=\s)|\n")


def clean(text: str) -> str:
    """The text with lone surrogates replaced (U+FFFD); tokenizers refuse them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def until(text: str, stops: Iterable[str]) -> str:
    """The text up to the first place of any of these strings; an empty one stops nothing."""
    for stop in filter(None, stops):
        text = text.partition(stop)[0]
    return text


def first_sentence(text: str) -> str | None:
    """The text up to the end of its first complete sentence (a leading space is kept), or None while there is none."""
    for match in END.finditer(text):
        upto = text[: match.end()].rstrip()
        if upto.strip() and not NO_END.search(upto):
            return upto
    return None
