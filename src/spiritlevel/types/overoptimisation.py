"""What over-optimisation is told with: proxy and intent against distance, fitted forms, turning points, records of stop rules."""

from typing import Literal

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen

Form = Literal["best-of-n", "rl"]
"""Gao's d (a - b d), or d (a - b log d)."""


class Fit(Frozen):
    """One of Gao's forms fitted to a curve (Gao, Schulman & Hilton 2022, eq. 1 and 2), d = sqrt(KL in nats)."""

    form: Form
    a: Estimate
    b: Estimate
    turning: Estimate
    """d where the fitted form is highest: a / (2 b), or exp(a / b - 1). Infinite when it never falls, 0 when it never rises."""
    r2: float
    """Share of the curve's variance that the form explains; NaN for a flat curve."""
    points: int


class Turning(Frozen):
    """Where a curve is seen to turn from rising to falling."""

    kind: Literal["inside", "start", "none"]
    """`inside` the range; at the `start`: a fall, and no rise before it is shown; or `none` visible in the range."""
    d: Estimate
    """Distance of the highest point."""
    drop: Estimate
    """Highest point minus the last one."""
    p: float
    """Chance of such a drop somewhere, had no point been above the last one; `none` when it is over 1 - confidence."""
    at: int
    """Index of the highest point."""
