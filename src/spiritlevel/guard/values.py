"""What a guard says, and what it knows of itself."""

from typing import Literal

from spiritlevel.types import Estimate, Frozen, Instrument

Reads = Literal["body", "text"]


class Decision(Frozen):
    """The guard's word on one prompt or reply."""

    blocked: bool
    probability: float
    """That a person would say that some principle is violated: calibrated, of the worst window."""
    threshold: float
    """Over it is blocked."""
    principles: dict[str, float]
    """The same by principle; they sum to `probability`."""
    windows: int = 1
    """How many windows the text was read in."""


class Limit(Frozen):
    """A threshold, and what its calibration cases promise of false alarms."""

    threshold: float
    rate: float
    """False alarms that are promised: the upper bound at most this."""
    alarms: int
    n: int
    """Independent harmless cases that it was set on."""
    upper: float
    """Clopper and Pearson's one-sided upper bound of the rate, at `confidence`."""
    confidence: float = 0.95
    needed: int = 0
    """Cases that the rate asked for would take, where it was not promised; 0 where it was."""


class About(Frozen):
    """guard.json: what a guard is, made of and known for."""

    reads: Reads
    """`body`: hidden states of one model; `text`: MiniLM's embeddings, for models without weights in hand."""
    model: str
    """Spec of the model whose body is read; empty for `text`."""
    body: str
    """Fingerprint of its weights (MiniLM's for `text`)."""
    layer: int
    """Block after which it is read, from 1; 0 for `text`."""
    constitution: str
    principles: tuple[str, ...]
    """Those that it tells apart, in the order of its shares."""
    identity: Instrument
    prompt: Limit
    reply: Limit
    figures: tuple[Estimate, ...]
    """On teach-side cases that were not fitted on."""
    counts: dict[str, int]
    """Cases by use and kind."""
    findings: tuple[str, ...] = ()
    """Runs whose findings it learnt."""
    reliability: tuple[tuple[float, float, int], ...] = ()
    """(mean probability, share harmful, cases) in bins of probability, on cases that were not fitted on."""
