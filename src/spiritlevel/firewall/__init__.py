"""What trained it cannot certify it: atoms, grades, clusters, sides, and the sealed set's budget."""

from spiritlevel.firewall.atoms import (
    DIRECT,
    STACK,
    atoms_of,
    body,
    cluster,
    families,
    family,
    judge,
    labels,
    look,
    looks,
    measured_on,
    opening,
    planted,
)
from spiritlevel.firewall.clusters import clusters, grams, near, normalise
from spiritlevel.firewall.grades import grade, made_of, path_of, paths, planted_in, spent, worst
from spiritlevel.firewall.sides import SHARES, assign, cell, largest, side_of

__all__ = [
    "DIRECT",
    "SHARES",
    "STACK",
    "assign",
    "atoms_of",
    "body",
    "cell",
    "cluster",
    "clusters",
    "families",
    "family",
    "grade",
    "grams",
    "judge",
    "labels",
    "largest",
    "look",
    "looks",
    "made_of",
    "measured_on",
    "near",
    "normalise",
    "opening",
    "path_of",
    "paths",
    "planted",
    "planted_in",
    "side_of",
    "spent",
    "worst",
]
