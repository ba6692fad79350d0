"""The request in look-alike or broken-up characters, as in Boucher et al. 2022 (Bad Characters), sections IV-B and IV-C."""

import string

from spiritlevel.types import content_hash

WIDE = {ord(c): chr(ord(c) + 0xFEE0) for c in string.ascii_letters + string.digits}
"""Full-width forms."""
CYRILLIC = str.maketrans("aceopxyAEOPCTX", "асеорхуАЕОРСТХ")
"""Letters that look the same."""
JOINER = "\u200d"
"""Zero-width joiner: invisible between letters."""


def wrap(goal: str, seed: int) -> str:
    """The goal as full-width letters, with Cyrillic look-alikes, or with invisible joiners inside words; drawn by content."""
    match int(content_hash("unicode", goal, seed), 16) % 3:
        case 0:
            return goal.translate(WIDE)
        case 1:
            return goal.translate(CYRILLIC)
        case _:
            return " ".join(JOINER.join(word) for word in goal.split(" "))
