"""Teach, open, sealed: which side of the firewall a prompt lies on."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from spiritlevel.firewall.clusters import clusters
from spiritlevel.types import Prompt, Side

LOG = logging.getLogger("spiritlevel.firewall")
SHARES = (0.5, 0.35, 0.15)
"""Of clusters: teach, open, sealed."""


def side_of(cluster_id: str, shares: tuple[float, float, float] = SHARES) -> Side:
    """Side of a cluster: a hash of its id alone, so adding prompts elsewhere moves nothing."""
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares must be at least 0 and sum to 1, not {shares!r}")
    draw = int.from_bytes(hashlib.sha256(f"side:{cluster_id}".encode()).digest()[:8], "big") / 2**64
    if draw < shares[0]:
        return Side.TEACH
    return Side.OPEN if draw < shares[0] + shares[1] else Side.SEALED


def assign(
    prompts: Sequence[Prompt],
    *,
    teach_texts: Sequence[str] = (),
    shares: tuple[float, float, float] = SHARES,
) -> list[Prompt]:
    """Prompts with cluster (of the goal, or of the text where there is none) and side filled, in order.

    A side that was given when the prompt was made is a declaration and holds for its cluster; `teach_texts` (training examples)
    declare teach. In a cluster declared for more than one side, prompts that are not declared teach are spent: they are left out.
    """
    ids = clusters(
        [*(p.goal or p.text for p in prompts), *teach_texts],
        [*(p.group for p in prompts), *("" for _ in teach_texts)],
    )
    declared: dict[str, set[Side]] = {}
    for prompt, cluster in zip(prompts, ids, strict=False):
        if "side" in prompt.model_fields_set:
            declared.setdefault(cluster, set()).add(prompt.side)
    for cluster in ids[len(prompts) :]:
        declared.setdefault(cluster, set()).add(Side.TEACH)
    kept = []
    for prompt, cluster in zip(prompts, ids, strict=False):
        sides = declared.get(cluster, set())
        own = prompt.side if "side" in prompt.model_fields_set else None
        if len(sides) > 1 and Side.TEACH not in (own, *(sides if own is None else ())):
            continue
        side = next(iter(sides)) if len(sides) == 1 else Side.TEACH if sides else side_of(cluster, shares)
        kept.append(prompt.model_copy(update={"cluster": cluster, "side": side}))
    name, size = largest(kept)
    LOG.info(
        "%d prompts in %d clusters, the largest (%s) of %d; %d left out because their clusters merged across sides",
        len(kept),
        len({p.cluster for p in kept}),
        name[:10],
        size,
        len(prompts) - len(kept),
    )
    return kept


def largest(prompts: Iterable[Prompt]) -> tuple[str, int]:
    """Cluster with the most prompts, and how many; ("", 0) without prompts."""
    counted = Counter(prompt.cluster for prompt in prompts)
    return max(counted.items(), key=lambda item: (item[1], item[0]), default=("", 0))


def cell(prompt: Prompt, taught_clusters: frozenset[str] | set[str], taught_families: frozenset[str] | set[str]) -> str:
    """Which of the four cells a prompt falls in; `held out` means unseen cluster and unseen family."""
    seen: Literal["seen", "unseen"] = "seen" if prompt.cluster in taught_clusters else "unseen"
    family: Literal["seen", "unseen"] = "seen" if prompt.family in taught_families else "unseen"
    return f"{seen} cluster, {family} family"
