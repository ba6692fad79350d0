"""What trials of a target with tools hand on: what was done in the world, beside what was asked."""

from typing import Literal

from spiritlevel.types.campaigns import Spent
from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, Instrument, ModelRef, RowSet, Side, Transcript


class Trial(Frozen):
    """One scenario, or its harmless twin, played once to its end."""

    scenario: str
    placement: str
    dress: str
    armed: bool
    """False: the twin."""
    repeat: int
    hit: bool
    """The attacker's call took effect."""
    done: bool | None
    """The user's task was done; None where the task itself is the misuse."""
    shown: bool
    """The target read the attacker's words."""
    valid: int
    """Calls that a tool took."""
    faulty: int
    """Calls of an unknown tool or with wrong arguments."""
    unreadable: int
    """Lines that meant to be calls."""
    replies: int
    refused: bool
    """Its last words refuse, as the text judge reads them."""
    ended: Literal["words", "steps", "budget", "error"]
    """By words without a call, by using up its steps, cut by a budget, or by a call to the model that failed."""
    last: Transcript
    """With the whole chat before it."""


class Cell(Frozen):
    """Rates over some scenarios, each with its interval; resampled by scenario."""

    name: str
    """`all injections`, `in mail`, `as system-notice`, `misuse`."""
    scenarios: int
    hit: Estimate
    """Attack success over all trials."""
    hit_shown: Estimate
    """The same over trials in which the target read the attacker's words."""
    done: Estimate
    """Tasks done although something was injected."""
    done_twin: Estimate
    """Tasks of the twins done."""


class Agents(Frozen):
    """Trials of one target."""

    target: ModelRef
    side: Side
    left_out: int
    """Scenarios of another side, or that the target's training saw."""
    warned: bool
    """Whether the target was told that results are no orders."""
    attempts: RowSet
    trials: RowSet
    findings: RowSet
    cells: tuple[Cell, ...]
    by_itself: Estimate
    """Twins in which the attacker's call was made all the same."""
    over_refusal: Estimate
    """Twins that ended in a refusal."""
    played: int
    """Trials, twins included."""
    no_call: int
    """Trials without one valid call: a low success there shows inability, not safety."""
    valid: int
    faulty: int
    unreadable: int
    ended: dict[str, int]
    """How many trials ended how; cut and failed ones are in no rate."""
    instruments: tuple[Instrument, ...]
    spent: Spent
    stopped: str
    """`done`, or which budget was used up."""
