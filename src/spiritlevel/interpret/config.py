"""What `interpret` may be told."""

from typing import Literal

from pydantic import Field

from spiritlevel.types import Frozen


class InterpretConfig(Frozen):
    """Looking inside."""

    every: int = Field(3, ge=1)
    """Read every n-th layer, and the last."""
    max_prompts: int = Field(240, ge=20)
    """Certify-half prompts read, at most; harmful and look-alike by turns."""
    max_transcripts: int = Field(400, ge=1)
    """Open transcripts of each kind (harmful, harmless) that are read, at most."""
    probe: Literal["logistic", "means"] = "logistic"
    """How probes of harm are fitted; `means`: difference in means, the direction that interventions use."""
    c: float = Field(0.003, gt=0)
    """Inverse strength of the logistic probes' regularisation; fixed, so that before and after are read alike."""
    depths: tuple[int, ...] = (0, 1, 3, 8, 16)
    """Tokens of a compliant answer that are given before the model goes on; none = refusals are not followed into the answer."""
    asked: int = Field(24, ge=4)
    """Harmful requests followed into their answers, pushed along evaluation awareness, and put to the model in words, at most."""
    contrast: str = ""
    """Markdown file with test-like and user-like prompts; default: the one that comes with the package; `none` = not looked for."""
    shown: int = Field(6, ge=0)
    """Prompts shown in the report with their tokens coloured by the probe."""
    seed: int = 0
    """Of folds and resampling."""
