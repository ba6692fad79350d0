"""The `finetune` section of a configuration."""

from typing import Literal

from pydantic import Field

from spiritlevel.finetune.chains import ChainSettings
from spiritlevel.finetune.comparison import FeedbackSettings
from spiritlevel.finetune.selection import SelectSettings
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.types import Frozen, Kind, Prompt


class FinetuneConfig(Frozen):
    """How critique, revision and training go."""

    critic: Literal["declared", "probe"] = "declared"
    """Who says that a prompt is harmful: its author where one declared it (else the probe), or the probe always."""
    reviser: str = ""
    """A model reference that revises freely, in chains; empty = the model's own guided revision."""
    chain: ChainSettings = ChainSettings()
    """With a reviser: rounds, principles and the other roles."""
    candidates: int = Field(2, ge=1)
    """Guided revisions drawn a prompt; the `reply` read-out picks the best."""
    revision_tokens: int = Field(16, ge=1)
    """Most new tokens of a guided revision after its opening."""
    own_tokens: int = Field(12, ge=1)
    """A harmless prompt's own answer is learnt to this many tokens and no end: whether to answer is decided in the first few."""
    examples: bool = True
    """Teach the constitution's own following replies too."""
    judge: Literal["reply", "slogan"] = "reply"
    """What picks the best revision: the `reply` read-out, or the deliberately bad judge of the demo's leaky exam."""
    sft: TrainSettings | None = TrainSettings(epochs=1, lr=6e-5, batch_tokens=1536)
    """Supervised training on revisions and own answers; none = skipped."""
    dpo: TrainSettings | None = None
    """Then preferences: revision over original, and own answer over a refusal on harmless prompts; none = skipped."""
    feedback: FeedbackSettings | None = None
    """Then AI feedback: two samples a prompt, compared under principles, and DPO or RL on the soft labels; none = skipped."""
    select: SelectSettings | None = None
    """Then rounds of drawing, selecting by a reward and training on what was selected; none = skipped."""
    principles: tuple[str, ...] = ()
    """Principles that are taught, beside helpfulness; empty = all. Lessons, openings and training judges then know no others."""
    seed: int = 0

    @property
    def taught(self) -> "FinetuneConfig":
        """What comes before feedback and selection, so that others of these need not teach again."""
        return self.model_copy(update={"feedback": None, "select": None})

    @property
    def heard(self) -> "FinetuneConfig":
        """What comes before selection."""
        return self.model_copy(update={"select": None})

    def teaches(self, prompt: Prompt, helpfulness: str | None) -> bool:
        """Whether training may see this prompt of the teach side: `principles` decide, and a plain instruction is of none."""
        return not self.principles or prompt.kind is Kind.PLAIN or prompt.principle in (*self.principles, helpfulness)
