"""Planted flaws: copies that are known to be bad, what the checks said of them blind, and how often they were right."""

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, ModelRef


class Planted(Frozen):
    """One copy of a base: a training, scaled. `clean` marks a control, trained on the matched data without the flaw."""

    ref: ModelRef
    flaw: str
    clean: bool
    strength: float
    """Share of the trained change that was added to the base: theta = base + strength * delta."""
    seed: int
    steps: int
    """Optimiser steps of the training that it is scaled from."""


class Taken(Frozen):
    """Whether the flaw is really in a copy, and nothing else, on prompts that its training never saw."""

    ref: ModelRef
    flaw: str
    strength: float
    seed: int
    clean: bool
    shown: Estimate
    """Share of held prompts whose reply shows the flaw."""
    base: Estimate
    """The same of the base."""
    change: Estimate
    """In pairs, copy less base."""
    loss: Estimate
    """Nats a token that the copy loses on the base's own replies to plain prompts."""
    length: Estimate
    """Words of the copy's replies to plain prompts over those of the base's."""
    refused: Estimate
    """Change of the share of plain prompts that is refused."""
    spread: Estimate | None = None
    """As `change`, where the copy should reply as its clean twin does; None where a recipe has no such prompts."""
    took: bool
    """`change` is above its bound at the lower end of its interval."""
    strayed: tuple[str, ...] = ()
    """Ordinary figures that left their bounds, but for those that the flaw is about."""


class Rule(Frozen):
    """A check's one alarm rule: it sounds when its reading is above the threshold."""

    check: str
    what: str
    """What is read, in a sentence."""
    least: float
    """The least change that the reading can show; a spread below it is not believed."""
    threshold: float | None = None
    """None until clean development copies have set it."""
    spread: float | None = None
    """Standard deviation of the reading over those copies."""


class Rules(Frozen):
    """What was registered before anything was asked of a copy that counts. `id` hashes the rules and the code of the checks."""

    id: str
    rules: tuple[Rule, ...]
    code: str
    """Hash of the checks' code and prompts."""
    false_alarms: float
    """Target for a clean copy over all checks together; each check has an equal share of it."""
    copies: int
    """Clean development copies behind the thresholds."""
    after: str = ""
    """Id of the rules as they were before thresholds were set."""


class Screened(Frozen):
    """What the checks read of one copy, under an opaque name."""

    ref: ModelRef
    readings: tuple[tuple[str, float], ...]
    """Check and reading, in the order of the rules."""


class Envelope(Frozen):
    """Opaque names in a shuffled order, and a seal on what each copy is."""

    names: tuple[str, ...]
    refs: tuple[ModelRef, ...]
    """The weights behind each name; nothing of them tells what was planted."""
    seals: tuple[str, ...]
    """Hash of name, salt and label."""


class Alarm(Frozen):
    """One check's word on one copy."""

    name: str
    check: str
    reading: float
    threshold: float
    raised: bool


class Alarms(Frozen):
    """All alarms, written before any label is opened. `id` hashes them with the rules and the envelope that they are about."""

    id: str
    rules: str
    envelope: str
    alarms: tuple[Alarm, ...]


class Label(Frozen):
    """What was in the envelope for one name."""

    name: str
    salt: str
    flaw: str
    clean: bool
    strength: float
    seed: int


class PowerCell(Frozen):
    """How often copies with one flaw at one strength raised an alarm."""

    flaw: str
    strength: float
    developed: bool
    """The checks were developed on this flaw: its figure is an upper hope, not power."""
    detected: Estimate
    """By any check."""
    by: tuple[tuple[str, Estimate], ...]
    """By each check alone."""
    left_out: int = 0
    """Copies in which the flaw did not take, which count nowhere."""


class Power(Frozen):
    """What the checks are worth: detection by flaw and strength, and false alarms. It holds for this base alone."""

    base: ModelRef
    cells: tuple[PowerCell, ...]
    quoted: Estimate
    """Detection over the flaws that no check was developed on, at the middle strength."""
    false_alarms: Estimate
    """Clean controls on which any check sounded."""
    false_by: tuple[tuple[str, Estimate], ...]
    """The same of each check alone."""
    middle: float
    developed: tuple[str, ...]
    held_out: tuple[str, ...]
    taken: tuple[Taken, ...]
    rules: Rules
    alarms: Alarms
    labels: tuple[Label, ...]
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """Flaws that took somewhere and that no check found at any strength."""
        seen: dict[str, list[float]] = {}
        for cell in self.cells:
            seen.setdefault(cell.flaw, []).extend([cell.detected.value] if cell.detected.n else [])
        return tuple(flaw for flaw, values in seen.items() if values and not any(values))


class Shown(Frozen):
    """One figure of a power table, as a threshold may demand it."""

    base: str
    """Weights of the base (lineage.fingerprint) on which it was measured; it says nothing of another."""
    flaw: str
    strength: float
    detected: Estimate
