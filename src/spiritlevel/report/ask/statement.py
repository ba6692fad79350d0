"""A statement: one thing that a run says, in a sentence, with the rows that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from spiritlevel.constitution import Constitution, Policy
from spiritlevel.evidence import Step
from spiritlevel.report.campaigns import Section
from spiritlevel.types import Compared, Inside, Pair, Seen, SignOff, Ticket, Tuned, Verdict

Kind = Literal[
    "verdict", "check", "threshold", "needs", "sealed", "people", "level", "figure", "gap", "inside", "training", "model", "prompts",
    "judge", "campaign", "cost", "config", "principle", "definition", "unknown", "concept",
]  # fmt: skip
PARTED = ("figure", "inside", "gap", "training", "prompts", "unknown", "definition")
"""Kinds of which each tells of things that are asked for in different words."""
WHERE = frozenset({"before", "after", "change", "open", "teach", "sealed", "horizon", "limits"})
PLACES = ("principle:", "cell:")
"""Names of one principle, and of one attack or cell."""


@dataclass(frozen=True)
class Statement:
    """A sentence, its evidence, and what it is about."""

    text: str
    rows: tuple[str, ...]
    """Row-set ids, `step:KEY`, `lineage:HASH`, `file:NAME`; empty for what rests on no row."""
    kind: Kind
    about: frozenset[str]
    """Names of the lexicon: what it tells. One that a question does not name counts a little against it."""
    also: frozenset[str] = frozenset()
    """What it tells besides, or may be taken to."""
    prior: float = 0.0
    """Among statements that fit alike, how much this one comes first."""
    source: str = ""
    """Where prose stands: page and heading."""
    words: str = ""
    """More words that lead to it."""

    @property
    def asked(self) -> str:
        """The question that it answers, as examples.yaml calls it, whatever the phase, side, principle and attack."""
        if self.kind == "concept":
            return f"concept {self.source.partition(', ')[2]}"
        if self.kind not in PARTED:
            return self.kind
        own = sorted(name for name in self.about - WHERE if not name.startswith(PLACES))
        return "suite" if "suite" in own else " ".join((self.kind, *own))


@dataclass(frozen=True)
class Told:
    """All of a run that is told; what is not there yet is None or empty."""

    run: str
    law: Constitution
    config: Mapping[str, Any]
    steps: Sequence[Step] = ()
    tuned: Tuned | None = None
    compared: Compared | None = None
    exam: Compared | None = None
    inside: Inside | None = None
    verdict: Verdict | None = None
    policy: Policy | None = None
    """As it was decided by; None before a decision."""
    aged: str = ""
    """Why the evidence was too old when it was decided on."""
    stale: str = ""
    """Why the verdict is not of the evidence as it now stands."""
    ticket: Ticket | None = None
    seen: Sequence[Seen] = ()
    signed: Sequence[SignOff] = ()
    provoked: Sequence[Section] = ()
    pairs: Sequence[Pair] = ()
    notes: Sequence[str] = field(default=())

    def step(self, label: str, subject: str | None = None) -> tuple[str, ...]:
        """Evidence id of a step; empty when it is not done."""
        keys = [s.key for s in self.steps if s.label == label and subject in (None, s.subject)]
        return (f"step:{keys[-1]}",) if keys else ()

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Stages that the run lacks."""
        have = {"measure": self.compared, "release": self.verdict}
        return tuple(name for name, value in have.items() if value is None)
