"""What is known of a panel of raters."""

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen


class Bias(Frozen):
    """How far a feature moves the choice, other things being equal."""

    name: str
    """position, or a feature of the replies (raters.features)."""
    lean: Estimate
    """Log-odds of preferring the reply that has one SD more of it (position: the one shown first)."""
    p: float
    named: bool
    """By the registered rule: Holm over all biases of the panel."""


class RaterSeen(Frozen):
    """One rater beside the others."""

    rater: str
    by: str
    panel: str
    labels: int
    agrees: Estimate
    """Share of labels that are the majority of the others'."""
    first: Estimate
    """Share of decided pairs in which the reply shown first was preferred."""
    right: float
    """Chance of the right label by Dawid and Skene's model; NaN on a scale, and for one rater alone."""
    severity: float
    """Scale: how far below the others on the same items. Pair: log-odds towards the first shown."""


class MachineSeen(Frozen):
    """One machine beside the people who rated the same items."""

    rater: str
    agrees: Estimate
    """Share of its labels, each order for itself, that are the majority of people's. On a scale: not measured."""
    kappa: Estimate
    """The same as Cohen's kappa; on a scale Krippendorff's alpha (interval) with people's mean."""
    turned: Estimate
    """Share of the pairs labelled in both orders on which the other order turned its label."""


class PanelSeen(Frozen):
    """One group of raters, apart from the others."""

    panel: str
    raters: int
    alpha: Estimate
    biases: tuple[Bias, ...]


class Panel(Frozen):
    """The report of a set of ratings."""

    items: int
    ratings: int
    could_not_say: int
    scale: bool
    alpha: Estimate
    """Krippendorff's: nominal for pairs, interval on a scale."""
    kappa: tuple[tuple[str, str, float, int], ...]
    """(rater, rater, Cohen's kappa, items that both rated)."""
    ceiling: Estimate
    """Share of a held-out rater's labels that the majority of the others predicts: what a reward model can reach against one label."""
    biases: tuple[Bias, ...]
    raters: tuple[RaterSeen, ...]
    panels: tuple[PanelSeen, ...] = ()
    """Empty with one group."""
    between: Estimate | None = None
    """Share of the items rated by both of the two largest groups on which their majorities differ."""
    between_p: float | None = None
    """Chance of so great a difference were the groups drawn by lot (permutation of raters)."""
    second: tuple[tuple[str, float], ...] = ()
    """(item, entropy in bits) of what is least settled: worth another rating."""
    notes: tuple[str, ...] = ()


class SideBySide(Frozen):
    """People and machines on the same items, each kind a panel of its own: no machine enters what is said of people."""

    people: Panel | None
    machines: Panel | None
    beside: tuple[MachineSeen, ...] = ()
    """Empty where only one kind has rated."""
