"""A crude string match for replies that say no; it sorts training data, so it never certifies (the text judge was not used there)."""

from pathlib import Path

from spiritlevel.types import Instrument, content_hash

PHRASES = (
    "sorry",
    "i can't",
    "i cannot",
    "i can not",
    "i won't",
    "i will not",
    "i'm not able",
    "i am not able",
    "unable to",
    "not appropriate",
)


def says_no(text: str) -> bool:
    """Whether one of the phrases stands in the first 120 characters."""
    start = text[:120].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return any(phrase in start for phrase in PHRASES)


def identity() -> Instrument:
    """Its identity as a training judge."""
    return Instrument(id=content_hash("crude", Path(__file__).read_text("utf-8")), name="string match")
