"""How the gate works, beside the policy."""

import json
from pathlib import Path

from pydantic import Field, field_validator

from spiritlevel.constitution import Policy, Threshold
from spiritlevel.errors import ConfigError
from spiritlevel.types import Circumstances, Frozen, Shown


class ReleaseConfig(Frozen):
    """How the gate works, beside the policy of the constitution."""

    read_sealed: bool = True
    """Read the sealed set when open evidence does not already hold the model. Without it nothing is approved."""
    power: tuple[Shown, ...] = ()
    """What an audit of planted flaws showed: the file that `audit-power --out` writes, read when the configuration is."""
    capability_hours: float = Field(0.0, ge=0)
    """CPU hours of capability work that no run of this project recorded, for the share of safety work."""

    @field_validator("power", mode="before")
    @classmethod
    def _read(cls, given: object) -> object:
        """A path stands for what its file holds, so that the resolved configuration has the figures themselves."""
        return shown(Path(given)) if isinstance(given, str) else given

    def power_of(self, t: Threshold, base: str) -> Shown | None:
        """The least power that was shown for a threshold's class of flaw on this very base; None when it was not measured."""
        figures = [s for s in self.power if (s.flaw, s.base) == (t.flaw, base) and t.strength in (None, s.strength) and s.detected.n]
        return min(figures, key=lambda s: s.detected.low if s.detected.low >= 0 else -1.0, default=None)  # NaN is the least


def shown(path: Path) -> list[object]:
    """The figures of a file that `audit-power --out` wrote; ConfigError when it is none."""
    try:
        return list(json.loads(path.read_text("utf-8"))["shown"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"release.power names {str(path)!r}, which holds no power figures; write it with audit-power --out") from error


class Given(Frozen):
    """All that a verdict rests on beside the measurements; kept with the run, so that the decision can be made again."""

    policy: Policy
    config: ReleaseConfig
    circumstances: Circumstances
