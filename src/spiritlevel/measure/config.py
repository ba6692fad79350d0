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
    min_clusters: int = Field(20, ge=2)
    """Under this many clusters a principle is pooled by category, then by horizon, then over all."""
    rounds: int = Field(1000, ge=100)
    """Bootstrap rounds."""
    seed: int = 0
