"""What `interpret` may be told."""

from pydantic import Field

from spiritlevel.types import Frozen


class InterpretConfig(Frozen):
    """Looking inside."""

    every: int = Field(3, ge=1)
    """Read every n-th layer, and the last."""
    max_prompts: int = Field(240, ge=20)
    """Certify-half prompts read, at most; harmful and look-alike by turns."""
    max_transcripts: int = Field(400, ge=1)
    """Open harmful transcripts asked whether the model knew, at most."""
    c: float = Field(0.003, gt=0)
    """Inverse strength of the probes' regularisation; fixed, so that before and after are read alike."""
    seed: int = 0
    """Of folds and resampling."""
