"""What is meant, as values: principles, their examples, and the policy that is executed."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from spiritlevel import plugins
from spiritlevel.errors import ConfigError
from spiritlevel.types import Action, Frozen, Kind, Otherwise

Horizon = Literal["near", "long", "both"]
HORIZONS = ("horizon:near", "horizon:long")
"""Under these names figures stand that are pooled over the principles of one horizon (those of both are in each)."""

MEASURES: dict[str, str] = {
    "delivered_harm": "share of harmful prompts whose reply delivers the harm",
    "delivered_harm_corrected": "the same, corrected for the judge's errors against people's labels (needs spiritlevel judges calibrate)",
    "compliance": "share of harmful prompts whose reply is neither a refusal nor incoherent",
    "refusal": "share of harmful prompts that are refused",
    "over_refusal_lookalike": "share of harmless look-alikes that are refused",
    "over_refusal_plain": "share of plain instructions that are refused",
    "incoherence": "share of replies that are nonsense",
    "kl": "sequence KL to the base in nats per reply",
    "length_ratio": "mean reply length after over before, on plain instructions",
    "gap": "change of proxy minus change of intent on held-out pairs, pooled over principles",
    "readout_auroc": "best layer's read-out of harm",
    "knows_but_complies": "share of harmful prompts that the model reads as harmful and answers anyway",
    "triggered": "share of harmless prompts on which the reading of harm jumped from before to after",
    "triggered_aims": "share of harmless prompts on which the reading of hidden aims jumped from before to after",
    "stated_auroc": "how well the model tells harmful from harmless requests when it is asked in words",
    "evaluation_awareness": "how well test-like prompts can be told from user-like ones inside the model",
    "harm_ablated": "share of harmful prompts whose reply delivers the harm with a direction ablated (needs spiritlevel direction)",
    "sandbagging_steered": "accuracy that a cue hides and ablation brings back, beyond a random direction (needs spiritlevel sandbagging)",
    "sandbagging_tuned": "accuracy that a cue hides and a few examples bring back, beyond what they teach (needs spiritlevel sandbagging)",
}
"""What a threshold may be put on; measure/, interpret/ and the loop make these, by these names. Suites make `suite:NAME` besides."""
PROXIES = ("refusal", "compliance", "knows_but_complies")
"""Of these, what only a proxy tells: read for the gap, never for a threshold or a level."""
CHANGES = ("kl", "length_ratio", "gap")
"""Of these, what is told of two models alone: its one phase is `change`."""
AFTERWARDS = (
    *("triggered", "triggered_aims", "stated_auroc", "evaluation_awareness"),
    *("harm_ablated", "sandbagging_steered", "sandbagging_tuned"),
)
"""Of these, what is told of the tuned model alone."""
SUITE = "suite:"
"""Before the name of a measure that a suite makes."""


def measures(measure: str, suites: Path | None = None) -> dict[str, str]:
    """What `measure` is checked against: the measures above, and for `suite:...` those of the installed suites and of a folder's own.

    ConfigError for a suite file that cannot be read.
    """
    if not measure.startswith(SUITE):
        return MEASURES
    found: dict[str, str] = {}
    for name in plugins.names("spiritlevel.suite-measures"):
        found.update(plugins.load("spiritlevel.suite-measures", name)(suites))
    return found


class Principle(Frozen):
    """One principle: a Markdown file whose stem is its id."""

    id: str
    title: str
    priority: int
    """1 yields to none; 5 yields to all others."""
    category: str
    """A usage category of policy.yaml."""
    protects: str
    horizon: Horizon
    cost: str
    """Who pays for keeping it, and what."""
    applies: str
    exceptions: str
    source: str
    approver: str
    text: str
    why: str
    openings: tuple[str, ...]
    """The principle's own ways to decline (or, for helpfulness, to begin)."""

    @property
    def stated(self) -> str:
        """As critics and judges read it: the rule, whom it protects, over what horizon, at what cost, and where it does not apply."""
        horizon = {"near": "at once", "long": "in the long run", "both": "at once and in the long run"}[self.horizon]
        about = [("It protects", self.protects), ("It counts harm", horizon), ("Keeping it costs", self.cost)]
        about += [("It applies to", self.applies), ("Exceptions", self.exceptions)]
        return f"{self.title}. {self.text}\n" + "\n".join(f"{head}: {text}" for head, text in about if text.strip())


class Example(Frozen):
    """A reply to a prompt that violates or follows a principle, by its author's word."""

    principle: str
    group: str
    kind: Kind
    prompt: str
    reply: str
    violating: bool
    cluster: str = ""


def contrasts(examples: Iterable[Example]) -> list[tuple[Example, Example]]:
    """(following, violating) replies to one prompt of one group, where both are there; the last of each counts."""
    by: dict[tuple[str, str], dict[bool, Example]] = {}
    for one in examples:
        by.setdefault((one.group, one.prompt), {})[one.violating] = one
    return [(both[False], both[True]) for both in by.values() if len(both) == 2]


class Category(Frozen):
    """A usage category and what governance does with a violation."""

    title: str
    action: Action
    at_most: float | None = Field(None, ge=0, le=1)
    """Share of forbidden requests that may be served; none = the policy's own limit on delivered harm."""
    refuses_at_most: float | None = Field(None, ge=0, le=1)
    """Share of allowed requests that may be refused; none = the policy's own limits on over-refusal."""
    min_n: int = Field(20, ge=1)
    """Fewest independent clusters of prompts that show anything about it."""


class Threshold(Frozen):
    """One condition of release, on a measurement of the tuned model (or on its change)."""

    id: str
    measure: str
    phase: Literal["before", "after", "change", "single"] = "after"
    at_most: float | None = None
    at_least: float | None = None
    min_n: int = Field(20, ge=1)
    """Fewest independent clusters (or samples where there are none)."""
    needs_independent: bool = True
    """False only for what no judge decides (KL, length, cost) and for kin read-outs that can hold but are not needed to approve."""
    min_power: float | None = None
    """Least chance of detecting a planted flaw that must have been shown, at the lower end of its interval."""
    flaw: str = ""
    """The class of that flaw (the id of its recipe), which `min_power` needs."""
    strength: float | None = None
    """Strength of the planted flaw at which `min_power` is asked; none = every strength that was measured."""
    principle: str = ""
    """On this principle, or `horizon:near` or `horizon:long`, alone; empty = over all."""
    horizon: Horizon = "both"
    """Which harms it is about: those of `near` or `long` alone are left out where only the others are weighed."""
    why: str = ""


class Level(Frozen):
    """A capability level: how far a capability may come before its safeguards must be shown, and what happens otherwise."""

    id: str
    capability: str
    """A measure of the tuned model; its upper bound counts, since a threshold is about what can be brought out."""
    reached_at: float
    warn: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Margin below `reached_at` in which the level is near."""
    safeguards: tuple[Threshold, ...] = ()
    """Conditions like those of every release, and these as well once the level is reached."""
    sign_off: tuple[str, ...] = ()
    """Roles that must each have signed."""
    otherwise: Otherwise
    why: str = ""


class Policy(Frozen):
    """policy.yaml: usage categories, the conditions of release, and the capability levels that ask for more."""

    categories: dict[str, Category]
    thresholds: tuple[Threshold, ...]
    confidence: float = Field(0.95, gt=0.5, lt=1)
    max_unscored: float = Field(0.5, ge=0, le=1)
    """Share of unscored samples above which a measurement is unproven."""
    max_errored: float = Field(0.05, ge=0, le=1)
    sealed_attempts: int = Field(3, ge=1)
    """How often the sealed set may be read for one body; the error budget is shared over the attempts."""
    levels: tuple[Level, ...] = ()
    max_age_days: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Evidence older than this is unproven."""
    max_growth: float | None = Field(None, ge=0, allow_inf_nan=False)
    """If a level's capability rose by more than this since the last release, safeguards need more evidence than then."""
    safety_share: float | None = Field(None, ge=0, le=1)
    """Least share of the project's recorded cost that is spent on safety."""
    exceptions_by: tuple[str, ...] = ()
    """Roles that may let a condition stay unproven until a date; none may by default, and what is held stays held."""

    @property
    def conditions(self) -> tuple[Threshold, ...]:
        """Every threshold and every level's safeguard."""
        return (*self.thresholds, *(t for level in self.levels for t in level.safeguards))


class Constitution(Frozen):
    """A written constitution as training may see it: principles, policy, and the teach half of its examples."""

    name: str
    principles: tuple[Principle, ...]
    policy: Policy
    teach: tuple[Example, ...]

    def principle(self, id: str) -> Principle:
        """The principle with this id; KeyError if none."""
        return {p.id: p for p in self.principles}[id]

    def of_horizon(self, horizon: str) -> frozenset[str]:
        """Ids of the principles of a horizon (`near` or `long`, or of HORIZONS); those of both horizons count in each."""
        return frozenset(p.id for p in self.principles if p.horizon in (horizon.removeprefix("horizon:"), "both"))

    @property
    def openings(self) -> tuple[str, ...]:
        """Every principle's ways to decline or to help, in order: sentences that training may take as targets."""
        return tuple(opening for p in self.principles for opening in p.openings)

    @property
    def helpfulness(self) -> str | None:
        """Id of the principle under which refusing a harmless request is a violation."""
        return next((p.id for p in self.principles if p.category == "helpfulness"), None)

    def only(self, principles: Collection[str]) -> "Constitution":
        """The same with these principles and helpfulness alone, and their examples; all of it when none is named. ConfigError: unknown."""
        if not principles:
            return self
        known = [p.id for p in self.principles]
        if strange := [id for id in principles if id not in known]:
            raise ConfigError(f"the constitution has no principle {strange[0]!r:.80}; its principles: {', '.join(known)}")
        kept = {*principles, self.helpfulness}
        return self.model_copy(
            update={
                "principles": tuple(p for p in self.principles if p.id in kept),
                "teach": tuple(e for e in self.teach if e.principle in kept),
            }
        )
