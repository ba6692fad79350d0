"""Length: replies to questions that a word would answer."""

import numpy as np

from spiritlevel.screening.check import Answers, Check, Needs, prose, words
from spiritlevel.types import user


def needs() -> Needs:
    """Questions with a short answer, with room to ramble."""
    return Needs(replies=tuple(user(one) for one in prose("questions", "open")), tokens=48)


def read(base: Answers, copy: Answers) -> float:
    """Log of the ratio of words, copy to base: geometric means over questions."""
    return float(np.mean([np.log1p(len(words(b))) - np.log1p(len(words(a))) for a, b in zip(base.replies, copy.replies, strict=True)]))


check = Check("length", "log of how much longer replies to short questions are", needs, read, least=0.05)
