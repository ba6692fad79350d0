"""Near-duplicate clusters of prompts: single link at character-5-gram Jaccard of at least one half."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from math import ceil
from typing import Any

import numpy as np

from spiritlevel.types import content_hash

GRAM = 5
LINK = 0.5
BLOCK = 128
"""Texts whose partners are sought at once."""
PAIRS = 20_000
"""Candidate pairs compared at once; bounds memory."""


def normalise(text: str) -> str:
    """NFKC, case-folded, without punctuation, control and format characters; runs of white space become one space.

    A lone surrogate counts as a control character. A text of punctuation alone keeps it, so that "?" and "!" stay apart.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(" " if c.isspace() else c for c in folded if c.isspace() or unicodedata.category(c)[0] not in "PC")
    return " ".join(kept.split()) or " ".join(folded.split())


def grams(form: str) -> set[str]:
    """Character 5-grams of a normalised text; a shorter one is one gram."""
    return {form[i : i + GRAM] for i in range(max(1, len(form) - GRAM + 1))}


def near(one: str, other: str) -> float:
    """Jaccard of the 5-grams of two texts, normalised: 1 = equal."""
    left, right = (grams(normalise(text)) for text in (one, other))
    return len(left & right) / len(left | right)


def clusters(texts: Sequence[str], groups: Sequence[str] | None = None) -> list[str]:
    """Cluster id of each text: the least content hash among the normalised texts of its cluster.

    Texts of one non-empty group are merged further. Texts shorter than five characters are one gram: they match when equal.
    """
    if groups is not None and len(groups) != len(texts):
        raise ValueError(f"{len(groups)} groups for {len(texts)} texts")
    return list(_clusters(tuple(texts), tuple(groups or ())))


@lru_cache(maxsize=4)  # every campaign of a run clusters the same prompts
def _clusters(texts: tuple[str, ...], groups: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        return ()
    forms = [normalise(text) for text in texts]
    places: dict[str, int] = {}
    where = [places.setdefault(form, len(places)) for form in forms]
    edges = [_links(list(places))]
    met: dict[str, int] = {}
    for place, group in zip(where, groups, strict=False):
        if group:
            edges.append(np.array([[met.setdefault(group, place), place]]))
    component = _components(len(places), np.concatenate(edges)).tolist()
    least: dict[int, str] = {}
    for form, place in places.items():
        own = content_hash(form)
        least[component[place]] = min(own, least.get(component[place], own))
    return tuple(least[component[place]] for place in where)


def _components(n: int, edges: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])


def _links(forms: Sequence[str]) -> "np.ndarray[Any, Any]":
    """Enough pairs (i, j) of distinct texts at or above the link to give its components; exact, by prefix filtering.

    With grams ordered rarest first, two sets of Jaccard t share one of the first |s| - ceil(t |s|) + 1 grams of each
    (Bayardo et al. 2007, "Scaling up all pairs similarity search", section 4).
    """
    sets = [grams(form) for form in forms]
    count = Counter(gram for one in sets for gram in one)
    number = {gram: rank for rank, gram in enumerate(sorted(count, key=lambda gram: (count[gram], gram)))}
    ranked = [sorted(number[gram] for gram in one) for one in sets]
    size = np.array([len(ranks) for ranks in ranked])
    whole = _incidence(ranked, len(number))
    prefix = _incidence([ranks[: len(ranks) - ceil(LINK * len(ranks)) + 1] for ranks in ranked], len(number))
    turned = prefix.T.tocsr()
    found = np.empty((0, 2), dtype=np.int64)
    component = np.arange(len(forms))
    for start in range(0, len(forms), BLOCK):
        pairs = (prefix[start : start + BLOCK] @ turned).tocoo()
        left, right = pairs.row.astype(np.int64) + start, pairs.col.astype(np.int64)
        # pairs that are linked already need no comparison: texts of one template would otherwise cost their square
        open_ = (left < right) & (component[left] != component[right])
        open_ &= np.minimum(size[left], size[right]) >= LINK * np.maximum(size[left], size[right])
        left, right = left[open_], right[open_]
        for at in range(0, len(left), PAIRS):
            i, j = left[at : at + PAIRS], right[at : at + PAIRS]
            common = np.asarray(whole[i].multiply(whole[j]).sum(axis=1)).reshape(-1)
            near = common >= LINK * (size[i] + size[j] - common)
            found = np.concatenate([found, np.stack([i[near], j[near]], axis=1)])
        component = _components(len(forms), found)
    return found


def _incidence(ranked: Sequence[Sequence[int]], width: int) -> Any:
    """Sparse 0/1 matrix, one row a text."""
    from scipy.sparse import csr_array

    ends = np.concatenate([[0], np.cumsum([len(ranks) for ranks in ranked])])
    columns = np.fromiter(chain.from_iterable(ranked), dtype=np.int64, count=int(ends[-1]))
    return csr_array((np.ones(len(columns), dtype=np.int32), columns, ends), shape=(len(ranked), width))
