"""What a fitted judge owes itself to: the firewall's atoms of its fitting rows."""

from collections.abc import Sequence

from spiritlevel.constitution.model import Example
from spiritlevel.types import content_hash


def group_of(example: Example) -> str:
    """What examples must not be split by: the cluster where it is known, else the author's group."""
    return example.cluster or f"{example.principle}/{example.group}"


def atoms(examples: Sequence[Example]) -> tuple[str, ...]:
    """Cluster atoms of the examples, sorted; a prompt without a cluster stands for itself."""
    return tuple(sorted({f"cluster:{e.cluster or content_hash(e.prompt)}" for e in examples}))


def opening_atoms(openings: Sequence[str], texts: Sequence[str]) -> tuple[str, ...]:
    """Atoms of the openings that some text holds word for word."""
    plain = [" ".join(t.lower().split()) for t in texts]
    return tuple(sorted(f"opening:{content_hash(o)}" for o in openings if any(" ".join(o.lower().split()) in t for t in plain)))
