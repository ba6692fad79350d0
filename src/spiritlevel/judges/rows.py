"""What a fitted judge owes itself to: the firewall's atoms of its fitting rows, and the groups that must not be split."""

from collections.abc import Sequence

from spiritlevel import firewall
from spiritlevel.constitution.model import Example
from spiritlevel.types import content_hash


def groups_of(examples: Sequence[Example]) -> list[str]:
    """Group of each example for cross-validation: the author's group, merged further where prompts are near-duplicates."""
    return firewall.clusters([e.prompt for e in examples], [e.cluster or f"{e.principle}/{e.group}" for e in examples])


def atoms(examples: Sequence[Example]) -> tuple[str, ...]:
    """Atoms of the examples, sorted: each prompt's own cluster atom and, where known, the cluster that it belongs to."""
    found = {firewall.cluster(content_hash(firewall.normalise(e.prompt))) for e in examples}
    return tuple(sorted(found | {firewall.cluster(e.cluster) for e in examples if e.cluster}))


def opening_atoms(openings: Sequence[str], texts: Sequence[str]) -> tuple[str, ...]:
    """Atoms of the openings that some text holds word for word (case, punctuation and spacing aside)."""
    plain = [firewall.normalise(t) for t in texts]
    return tuple(sorted({firewall.opening(o) for o in openings if any(firewall.normalise(o) in t for t in plain)}))
