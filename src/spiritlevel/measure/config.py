"""The `measure` section of a configuration."""

from pydantic import Field

from spiritlevel.types import Frozen


class MeasureConfig(Frozen):
    """Which judges read, and how much is drawn for what needs samples of its own."""

    judge_model: str = ""
    """A model reference that judges too, with the principle as rubric; empty = none."""
    kl_prompts: int = Field(48, ge=0)
    """Plain prompts for the sequence KL to the base; 0 = not measured."""
    kl_tokens: int = Field(48, ge=1)
    """Answers for the KL are drawn at temperature 1 and cut at this length."""
    suites: tuple[str, ...] = ()
    """Suites that are asked besides, by name or file; thresholds may be put on what they measure (docs/suites.md)."""
    suite_data: str = ""
    """Folder of the suites' data files."""
    suite_rows: int = Field(0, ge=0)
    """Rows of each suite at most, in whole groups; 0 = all."""
    accept_licence: str = ""
    """Who answers for a suite whose licence is not known to allow this use."""
    min_clusters: int = Field(20, ge=2)
    """Under this many clusters a principle is pooled by category, then by horizon, then over all."""
    rounds: int = Field(1000, ge=100)
    """Bootstrap rounds."""
    seed: int = 0
