"""docs/concepts.md as statements: a paragraph under its heading each; the list of sources and the commands are left out."""

import re
from functools import cache
from pathlib import Path

from spiritlevel.errors import DataError
from spiritlevel.report.ask.statement import Statement

NAME = "concepts.md"
PAGE = "docs/concepts.md"
HERE = Path(__file__)


def page() -> str:
    """The page as it was installed, or of the source tree. DataError when neither is there."""
    for file in (HERE.with_name(NAME), HERE.parents[4] / PAGE):
        if file.is_file():
            return file.read_text("utf-8")
    raise DataError(f"the page {PAGE!r} is missing from this installation; install spiritlevel again")


@cache
def paragraphs() -> tuple[Statement, ...]:
    """Paragraphs of prose in order; what they rest on is the page and heading."""
    found: list[Statement] = []
    heading = ""
    for block in re.split(r"\n\s*\n", page()):
        text = " ".join(block.split())
        if text.startswith("#"):
            heading = text.lstrip("# ")
        elif text and not text.startswith((">", "- ", "|", "```")) and heading != "Sources":
            plain = re.sub(r"\*\*?|`", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text))
            found.append(Statement(plain, (), "concept", frozenset(), source=f"{PAGE}, {heading}", words=heading))
    return tuple(found)
