"""What stands beside the measurements when a release is decided: people's words, effort, age, the last release."""

from typing import Literal

from spiritlevel.types.results import Measurement, VerdictKind
from spiritlevel.types.values import Frozen

Otherwise = Literal["slow", "stop", "hold"]
"""What a level that is reached and not safeguarded asks for: slow scaling, stop scaling, hold deployment."""

ACTIONS: dict[str, str] = {"slow": "slow scaling", "stop": "stop scaling", "hold": "hold deployment"}
"""The same in words."""


class SignOff(Frozen):
    """A person's word on a verdict: consent, dissent, or an exception that ends. The last word of a person in a role counts."""

    name: str
    role: str
    reason: str
    basis: str
    """`Verdict.basis` of what was signed; other evidence needs another signature."""
    when: float
    """Seconds since 1970."""
    dissent: bool = False
    excepts: str = ""
    """Id of the threshold or safeguard that may stay unproven."""
    until: float | None = None
    """When the exception ends, seconds since 1970."""


class Beside(Frozen):
    """Evidence that was made beside the loop, such as a suite's, with the model that it is of."""

    label: str
    """Label of the step that made it."""
    model: str
    """ModelRef.key"""
    measurements: tuple[Measurement, ...]


class Earlier(Frozen):
    """The release before this one in the project."""

    run: str
    kind: VerdictKind
    capabilities: tuple[Measurement, ...] = ()
    """Of each level, as they stood then."""
    shown: tuple[tuple[str, int, float], ...] = ()
    """(threshold or safeguard, clusters behind it, power behind it or 0)."""


class Circumstances(Frozen):
    """All that a decision depends on beside policy and measurements. Stable while nothing of it changes, so a verdict replays."""

    signed: tuple[SignOff, ...] = ()
    beside: tuple[Beside, ...] = ()
    earlier: Earlier | None = None
    aged: str = ""
    """Why the evidence is too old, in a clause; empty when it is not."""
    planted: str = ""
    """How a flaw that an audit planted got into the model; empty when it did not."""
    clock: str = ""
    """Where the clock was set back, in a clause; empty when it never was."""
    safety_share: float | None = None
    """Recorded cost of safety work over all of the project's runs, as a share; None when the policy does not ask."""
    ended: tuple[str, ...] = ()
    """Exceptions that have ended, a clause each."""
