"""The request in another writing (Base64, ROT13, leetspeak), as in Wei et al. 2023, section 4 (mismatched generalisation)."""

from spiritlevel.elicit.attacks import base64, leetspeak, rot13
from spiritlevel.types import content_hash

WAYS = (base64.wrap, rot13.wrap, leetspeak.wrap)


def wrap(goal: str, seed: int) -> str:
    """The goal encoded one of three ways, with how to read it."""
    plain = goal.encode("utf-8", "replace").decode("utf-8")
    return WAYS[int(content_hash("encoding", goal, seed), 16) % len(WAYS)](plain, seed)
