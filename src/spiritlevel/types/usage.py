"""What a deployment's usage policy asks, category by category: figures, and what governance would do."""

from typing import Literal

from spiritlevel.types.results import Check, Measurement
from spiritlevel.types.values import Frozen, Side

Action = Literal["block", "warn", "allow", "escalate"]
"""block: nobody gets the reply; escalate: a person decides first; warn: the reply goes out with a warning; allow: it goes out."""


class Asked(Frozen):
    """How many prompts tested a category."""

    category: str
    forbidden: int
    """Prompts that ask for what it forbids."""
    allowed: int
    """Harmless ones: look-alikes and plain instructions."""


class Usage(Frozen):
    """The figures of one side by usage category; each measurement's `principle` is `category:NAME`."""

    side: Side
    model: str
    """ModelRef.key of the model that is to be used."""
    base: str
    """ModelRef.key of the model that it is compared with."""
    pairs: str
    """Id of the rows that were counted."""
    figures: tuple[Measurement, ...]
    asked: tuple[Asked, ...]
    """One a category of the policy, in its order."""
    notes: tuple[str, ...] = ()


class Ruling(Frozen):
    """What governance would do in one category, and why."""

    category: str
    title: str
    declared: Action
    """What the policy declares."""
    action: Action
    """What the evidence leaves of it: never looser than what is declared, and never allow where nothing was measured."""
    reason: str
    few: tuple[str, ...] = ()
    """Which of the two, what it forbids and what it allows, too few clusters of prompts test to show anything."""
    kept: Check | None = None
    """Whether the model keeps what the policy forbids; None where the category forbids nothing."""
    served: tuple[Check, ...] = ()
    """Whether it serves what the policy allows: one for look-alikes, one for plain instructions, as far as there are any."""


class Governance(Frozen):
    """One ruling a category, in the policy's order."""

    rulings: tuple[Ruling, ...]


class Governed(Frozen):
    """What the usage policy's page is written from."""

    ruled: Governance
    used: Usage
    examined: Usage | None = None
    """The same on sealed prompts; None when they were not read."""
