"""Where weights come from: fingerprints by value, sketches for near copies, lineage.json, and the project's ledger and chain."""

from spiritlevel.lineage.chain import Link
from spiritlevel.lineage.ledger import Ledger, ancestry, identify
from spiritlevel.lineage.weights import (
    NEAR,
    Gather,
    Sketch,
    derived,
    distance,
    fingerprint,
    of_folder,
    read,
    read_sketch,
    sketch,
    write,
)

__all__ = [
    "NEAR",
    "Gather",
    "Ledger",
    "Link",
    "Sketch",
    "ancestry",
    "derived",
    "distance",
    "fingerprint",
    "identify",
    "of_folder",
    "read",
    "read_sketch",
    "sketch",
    "write",
]
