"""What optimising a policy against a reward leaves: its checkpoints and how far each step went."""

from spiritlevel.types.values import Frozen, Instrument, Lineage, ModelRef, RowSet


class PolicyPoint(Frozen):
    """One step of policy optimisation, as seen on its own rollouts."""

    step: int
    """Updates that the policy had seen when it drew these answers, as in `Checkpoint.step`."""
    loss: float
    reward: float
    """Mean score that was trained on, without any penalty."""
    kl: float
    """Sequence KL to the reference in nats, k1: mean over answers of log p - log p_ref."""
    kl_low: float
    kl_high: float
    """Its 95 % interval by prompt."""
    length: float
    """Mean tokens of an answer."""
    cut: float
    """Share of answers that reached the length limit without an end."""
    distinct: float
    """Share of answers that are not equal to another of this step."""
    tokens: int
    scores: tuple[tuple[str, float], ...] = ()
    """(name, mean) of scores that were logged and not trained on."""


class Checkpoint(Frozen):
    """A policy on its way. Step 0 is the start."""

    step: int
    ref: ModelRef


class Optimised(Frozen):
    """A policy and the way it went."""

    ref: ModelRef
    """The last good checkpoint."""
    lineage: Lineage
    algorithm: str
    reward: Instrument
    checkpoints: tuple[Checkpoint, ...]
    curve: RowSet
    """PolicyPoint rows."""
    aggregate: str = "mean"
    """What it made of the reward's heads."""
    kl_floor: float = 0.0
    """KL in nats that the number format alone can show; nothing is claimed below it."""
    stopped: str = ""
    """Why it ended early; empty when it did all its steps."""
