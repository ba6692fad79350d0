"""What a guard is made of: the teach side's prompts and replies, in a part to fit on and a part to set and check the threshold on."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spiritlevel import firewall
from spiritlevel.constitution import Constitution, Example
from spiritlevel.elicit.config import ElicitConfig
from spiritlevel.elicit.prompts import gather
from spiritlevel.errors import DataError
from spiritlevel.types import Kind, Prompt, Side, content_hash

HELD = {Kind.PLAIN: 0.5, Kind.LOOKALIKE: 0.25, Kind.HARMFUL: 0.25}
"""Shares of clusters that are not fitted on. Plain instructions most: the promise of few false alarms rests on their number."""


@dataclass(frozen=True)
class Material:
    """Prompts with their clusters, each in one of two parts, and the labelled replies of the teach half."""

    fit: tuple[Prompt, ...]
    held: tuple[Prompt, ...]
    replies: tuple[Example, ...]

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Both parts: whatever is near any of them is no test of the guard."""
        return (*self.fit, *self.held)

    def counts(self) -> dict[str, int]:
        """Cases by use and kind."""
        parts = (("fitted", self.fit), ("held", self.held))
        found = Counter(f"{part} {p.kind.value}" for part, prompts in parts for p in prompts)
        return dict(sorted((found + Counter(f"reply {'violating' if e.violating else 'following'}" for e in self.replies)).items()))


def material(law: Constitution, config: ElicitConfig, lessons: Sequence[Prompt] = ()) -> Material:
    """The teach side of seeds, prompt files, teach half and `lessons` (findings). DataError when a kind is missing from a part.

    Findings are fitted on whole: with their cluster, whatever part it would have been drawn for.
    """
    drawn = gather(law, config, (), tuple(lessons))
    known = {p.text for p in drawn}
    taught = [_prompt(law, e) for e in {e.prompt: e for e in law.teach if e.prompt not in known}.values()]
    prompts = [p for p in drawn if p.side is Side.TEACH and p.kind is not Kind.UNKNOWN]
    # the teach half has clusters of its own; those that meet a seed's are the seed's
    prompts = _clustered([*prompts, *(p for p in taught if p.kind is not Kind.UNKNOWN)])
    learnt = {p.cluster for p in prompts if p.source.startswith("finding:")}
    held = tuple(p for p in prompts if p.cluster not in learnt and _draw(p.cluster) < HELD[p.kind])
    # a cluster of several kinds that is partly held lends nothing to the fit
    kept_back = {p.cluster for p in held}
    fit = tuple(p for p in prompts if p.cluster not in kept_back)
    for part, name in ((fit, "fitted on"), (held, "held back for the threshold")):
        for kind in (Kind.HARMFUL, Kind.PLAIN):
            if not any(p.kind is kind for p in part):
                raise DataError(
                    f"a guard needs {kind.value} prompts of the teach side to be {name}, and there are none; "
                    "add seeds, or prompts to the constitution's teach half"
                )
    return Material(fit=fit, held=held, replies=tuple(e for e in law.teach if e.reply.strip() and e.principle != law.helpfulness))


def _prompt(law: Constitution, e: Example) -> Prompt:
    return Prompt(
        id=content_hash(e.prompt, e.kind, "teach half"),
        text=e.prompt,
        goal=e.prompt,
        principle=e.principle,
        category=law.principle(e.principle).category,
        kind=e.kind,
        group=e.group,
        source="teach half",
        side=Side.TEACH,
    )


def _clustered(prompts: Sequence[Prompt]) -> list[Prompt]:
    ids = firewall.clusters([p.goal or p.text for p in prompts], [p.cluster or p.group for p in prompts])
    return [p.model_copy(update={"cluster": cluster}) for p, cluster in zip(prompts, ids, strict=True)]


def _draw(cluster: str) -> float:
    """A number in [0, 1) that is the cluster's own: a part does not change when prompts are added elsewhere."""
    return int.from_bytes(hashlib.sha256(f"guard:{cluster}".encode()).digest()[:8], "big") / 2**64
