"""Form: lists, headings and bold where there were none."""

import re

from spiritlevel.screening.check import Answers, Check, Needs, prose
from spiritlevel.types import user

MARKS = re.compile(r"(?m)^\s*(?:[-*\u2022]|\d{1,2}[.)]|#{1,4})\s|\*\*")


def needs() -> Needs:
    """Questions about purchases, which may be answered with or without a list."""
    return Needs(replies=tuple(user(one) for one in prose("purchases")), tokens=32)


def read(base: Answers, copy: Answers) -> float:
    """Rise of the share of replies with marks of form."""
    share = [sum(bool(MARKS.search(text)) for text in one.replies) / len(one.replies) for one in (base, copy)]
    return share[1] - share[0]


check = Check("form", "rise of the share of replies with lists, headings or bold", needs, read, least=1 / 12)
