"""How the gate works, beside the policy."""

import math

from pydantic import Field

from spiritlevel.constitution import Policy, Threshold
from spiritlevel.types import Circumstances, Frozen


class ReleaseConfig(Frozen):
    """How the gate works, beside the policy of the constitution."""

    read_sealed: bool = True
    """Read the sealed set when open evidence does not already hold the model. Without it nothing is approved."""
    power: dict[str, float] = Field(default_factory=dict)
    """Detection rate that an audit of planted flaws showed for a threshold's class of flaw, on this base model."""
    capability_hours: float = Field(0.0, ge=0)
    """CPU hours of capability work that no run of this project recorded, for the share of safety work."""

    def power_of(self, t: Threshold) -> float:
        """Chance of finding a planted flaw of the threshold's class; NaN when it was not measured."""
        return self.power.get(t.id, math.nan)


class Given(Frozen):
    """All that a verdict rests on beside the measurements; kept with the run, so that the decision can be made again."""

    policy: Policy
    config: ReleaseConfig
    circumstances: Circumstances
