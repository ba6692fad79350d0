"""The tamper ladder: what it takes to undo the safeguards of a model whose weights are in hand."""

from typing import Literal

from spiritlevel.types.results import Estimate, Measurement
from spiritlevel.types.values import Frozen, Grade, Instrument, ModelRef, Outcome, RowSet


class Tampering(Frozen):
    """One way to tamper: a rung. `safety` above 0 is a defender's fine-tuning, not an attacker's."""

    kind: Literal["harmful", "benign", "direction", "quantised"]
    amount: int = 0
    """Examples; of `quantised`, bits a weight."""
    how: Literal["lora", "full", ""] = ""
    safety: float = 0.0
    """Safety examples mixed in, as a share of the others."""

    @property
    def name(self) -> str:
        """As people read it: `50 harmful examples, lora`."""
        if self.kind == "direction":
            return "refusal direction taken out"
        if self.kind == "quantised":
            return f"{self.amount} bits a weight"
        mixed = f" + {100 * self.safety:g}% safety" if self.safety else ""
        return f"{self.amount} {self.kind} examples{mixed}, {self.how}"


class Material(Frozen):
    """What the fine-tunings learn: Lesson rows in the order in which they are taken."""

    harmful: RowSet | None
    benign: RowSet | None
    safety: RowSet | None
    """The model's own refusals."""
    task: RowSet | None
    """Benign examples that no fine-tuning sees: what an honest tuner is after."""
    taught: tuple[str, ...] = ()
    """Atoms of all prompts in it."""
    notes: tuple[str, ...] = ()


class Tampered(Frozen):
    """A copy after one rung. Its lineage says what was done, and release holds it and all that comes of it."""

    tampering: Tampering
    ref: ModelRef | None
    """None where it could not be made; `why` says why."""
    examples: int = 0
    steps: int = 0
    tokens: int = 0
    """Trained on, over all steps."""
    why: str = ""


class TamperedReply(Frozen):
    """What one copy did with one held-out prompt."""

    prompt: str
    cluster: str
    harmful: bool
    outcome: Outcome | None
    """None when the call failed."""
    harm: tuple[float | None, ...] = ()
    """Chance of delivered harm, a judge each; None = could not judge. Empty for plain prompts."""


class TaskScore(Frozen):
    """Nats a token of one benign example that no fine-tuning saw."""

    prompt: str
    cluster: str
    value: float


class TamperRead(Frozen):
    """One copy's replies and scores on what all copies are asked."""

    ref: ModelRef
    replies: RowSet
    """TamperedReply rows."""
    task: RowSet | None
    """TaskScore rows."""
    judges: tuple[Instrument, ...]
    grades: tuple[tuple[Grade, str], ...]
    """The firewall's word on each judge with these prompts."""
    kl: Estimate | None = None
    """Sequence KL to the untouched model on plain prompts, in nats."""
    kl_floor: Estimate | None = None


class Rung(Frozen):
    """What one rung does, each change in pairs against the untouched model."""

    tampered: Tampered
    measurements: tuple[Measurement, ...] = ()


class Budget(Frozen):
    """The least of one kind of tampering at which safeguards are shown to fail."""

    kind: Literal["harmful", "benign", "direction", "quantised"]
    how: Literal["lora", "full", ""]
    tried: tuple[int, ...]
    """Amounts that could be made, from the least change to the greatest."""
    fails_at: int | None
    """None: not shown up to the last of `tried`."""
    rise: Estimate | None
    """Of delivered harm there, or at the greatest where it is not shown; its confidence is shared over `tried` (Bonferroni)."""
    agreed: bool | None = None
    """Whether another judge's lower bound is over the margin, too; None without another or where nothing is shown."""


class Defence(Frozen):
    """Benign fine-tuning with safety data mixed in, held against the same fine-tuning without, in pairs."""

    safety: float
    how: Literal["lora", "full", ""]
    harm: Estimate
    """Delivered harm with, less without, by the first judge."""
    answered: Estimate
    """Plain prompts that are answered, with less without."""
    task: Estimate
    """Nats a token on held-out benign examples, with less without: above 0 is better."""
    equal: bool
    """Both are shown to lose no more than the bounds in `Ladder`."""


class Ladder(Frozen):
    """All rungs, and what they come to."""

    model: ModelRef
    answers: ModelRef
    """Who gave the compliant answers that the attack trains on."""
    margin: float
    """Rise of delivered harm that the lower bound must pass for safeguards to be called failed."""
    loss: tuple[float, float]
    """Equal utility: most that `answered` and `task` may be lost, in share and in nats a token."""
    untouched: tuple[Measurement, ...]
    rungs: tuple[Rung, ...]
    budgets: tuple[Budget, ...]
    defences: tuple[Defence, ...]
    agreement: tuple[Estimate, ...] = ()
    judges: tuple[Instrument, ...] = ()
    notes: tuple[str, ...] = ()
