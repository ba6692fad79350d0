"""Near-duplicate clusters of prompts: single link at character-5-gram Jaccard of at least one half."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from spiritlevel.types import content_hash

GRAM = 5
LINK = 0.5
BLOCK = 200_000
"""Candidate pairs compared at once; bounds memory."""


def normalise(text: str) -> str:
    """NFKC, case-folded, without punctuation, control and format characters; runs of white space become one space.

    A lone surrogate counts as a control character. A text of punctuation alone keeps it, so that "?" and "!" stay apart.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(" " if c.isspace() else c for c in folded if c.isspace() or unicodedata.category(c)[0] not in "PC")
    return " ".join(kept.split()) or " ".join(folded.split())


def clusters(texts: Sequence[str], groups: Sequence[str] | None = None) -> list[str]:
    """Cluster id of each text: the least content hash among the normalised texts of its cluster.

    Texts of one non-empty group are merged further. Texts shorter than five characters are one gram: they match when equal.
    """
    if groups is not None and len(groups) != len(texts):
        raise ValueError(f"{len(groups)} groups for {len(texts)} texts")
    if not texts:
        return []
    forms = [normalise(text) for text in texts]
    places: dict[str, int] = {}
    where = [places.setdefault(form, len(places)) for form in forms]
    edges = [_links(list(places))]
    met: dict[str, int] = {}
    for place, group in zip(where, groups or (), strict=False):
        if group:
            edges.append(np.array([[met.setdefault(group, place), place]]))
    component = _components(len(places), np.concatenate(edges))
    least: dict[int, str] = {}
    for form, place in places.items():
        own = content_hash(form)
        least[component[place]] = min(own, least.get(component[place], own))
    return [least[component[place]] for place in where]


def _components(n: int, edges: "np.ndarray[Any, Any]") -> list[int]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return [int(label) for label in connected_components(graph, directed=False)[1]]


def _links(forms: Sequence[str]) -> "np.ndarray[Any, Any]":
    """Pairs (i, j) of distinct texts at or above the link: exact, by prefix filtering (Bayardo et al. 2007).

    With grams ordered rarest first, two sets of Jaccard t share one of the first |s| - ceil(t |s|) + 1 grams of each.
    """
    from scipy.sparse import csr_array

    sets = [{form[i : i + GRAM] for i in range(max(1, len(form) - GRAM + 1))} for form in forms]
    count: defaultdict[str, int] = defaultdict(int)
    for grams in sets:
        for gram in grams:
            count[gram] += 1
    number = {gram: rank for rank, gram in enumerate(sorted(count, key=lambda gram: (count[gram], gram)))}
    ranked = [sorted(number[gram] for gram in grams) for grams in sets]
    size = np.array([len(ranks) for ranks in ranked])
    posting: defaultdict[int, list[int]] = defaultdict(list)
    for index, ranks in enumerate(ranked):
        for rank in ranks[: len(ranks) - int(np.ceil(LINK * len(ranks))) + 1]:
            if count[forms and rank] if False else True:
                posting[rank].append(index)
    whole = csr_array(
        (np.ones(int(size.sum()), dtype=np.int32), np.concatenate(ranked), np.concatenate([[0], np.cumsum(size)])),
        shape=(len(forms), len(number)),
    )
    found = [np.empty((0, 2), dtype=np.int64)]
    return np.concatenate(found), posting, whole
