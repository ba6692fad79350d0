"""What is known of a reward model: how often it is right, how sure it may be, and what it rewards for the wrong reason."""

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, Instrument


class Slice(Frozen):
    """Accuracy on some of the pairs."""

    by: str
    """principle, source, or section of a benchmark."""
    name: str
    accuracy: Estimate
    pairs: int


class View(Frozen):
    """One way to read an ensemble: a single head, or heads put together."""

    name: str
    accuracy: Estimate
    gain: Estimate
    """Accuracy less that of the heads' mean, on the same pairs."""


class Baseline(Frozen):
    """A scorer that knows little, fitted on the training pairs alone; on the same pairs as the reward model."""

    name: str
    accuracy: Estimate
    gain: Estimate
    """Accuracy of the reward model less the baseline's, in pairs."""


class Reliability(Frozen):
    """One bin of pairs of similar confidence."""

    predicted: float
    """Mean of sigmoid |difference of rewards|: how sure the model is of its order."""
    right: Estimate
    """Share of them that it orders as the label does."""
    pairs: int


class Reliabilities(Frozen):
    """Calibration of sigmoid(reward of chosen - reward of rejected) as the chance that the label is so."""

    ece: Estimate
    """Expected calibration error over bins of equal size, less its bias (a calibrated model would else not reach 0)."""
    temperature: Estimate
    """By which rewards would have to be divided to fit these pairs best: 1 = calibrated, above = too sure, infinite = no use."""
    bins: tuple[Reliability, ...] = ()


class Effect(Frozen):
    """What one kind of edit does to the reward of a reply that it should not make better."""

    edit: str
    what: str
    change: Estimate
    """Mean change against its control, in SDs of the reward over unedited replies; n = prompt groups."""
    p: float
    """One-sided, that the change is above the margin by chance; adjusted over the edits (Holm 1979). NaN where no alarm is defined."""
    alarm: bool
    replies: int
    """Replies that the edit applied to."""
    wordings: int
    """Wordings that took part; the interval is over prompt groups and wordings."""


class RewardReport(Frozen):
    """One reward model on one set of pairs that it was not trained on."""

    reward: Instrument
    heads: int
    pairs: int
    """Pairs that were scored and have an order; all figures are of these."""
    groups: int
    left_out: tuple[tuple[str, int], ...]
    """(why, how many) pairs that enter no figure."""
    accuracy: Estimate
    """Share of pairs in which the chosen reply gets the higher reward; an equal reward counts half."""
    slices: tuple[Slice, ...]
    matched: Estimate
    """Accuracy on pairs whose lengths differ by at most 10 % of the longer one."""
    adjusted: Estimate
    """Accuracy once what length explains of the difference in reward is taken out."""
    length: Estimate
    """Correlation, within pairs, of the difference in reward with the difference in log words."""
    calibration: Reliabilities
    views: tuple[View, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    ceiling: Estimate | None = None
    """How often raters agree with the label: the accuracy that can be expected of anyone."""
    to_ceiling: Estimate | None = None
    """Ceiling less accuracy; their samples are taken as independent."""
    sections: tuple[Slice, ...] = ()
    """RewardBench-style sets: subsets, sections (all pairs of a section), and `overall`, the plain mean of the sections."""
    effects: tuple[Effect, ...] = ()
    margin: float = 0.0
    """Changes up to so many SDs raise no alarm."""
    notes: tuple[str, ...] = ()

    @property
    def alarms(self) -> tuple[str, ...]:
        """Edits that raise the reward though they should not, the strongest first."""
        found = sorted((e for e in self.effects if e.alarm), key=lambda e: -e.change.value)
        return tuple(e.edit for e in found)
