"""What over-optimisation is told with: proxy and intent against distance, fitted forms, turning points, records of stop rules."""

from typing import Literal

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, Grade

Form = Literal["best-of-n", "rl"]
"""Gao's d (a - b d), or d (a - b log d)."""


class Fit(Frozen):
    """One of Gao's forms fitted to a curve (Gao, Schulman & Hilton 2022, eq. 1 and 2), d = sqrt(KL in nats)."""

    form: Form
    a: Estimate
    b: Estimate
    turning: Estimate
    """d where the fitted form is highest: a / (2 b), or exp(a / b - 1). Infinite when it does not come down, 0 when it falls
    from the start."""
    r2: float
    """Share of the curve's variance that the form explains; NaN for a flat curve."""
    points: int


class Turning(Frozen):
    """Where a curve is seen to turn from rising to falling."""

    kind: Literal["inside", "start", "none"]
    """`inside` the range; at the `start`: a fall, and no rise before it is shown; or `none` visible in the range."""
    d: Estimate
    """Distance of the highest point."""
    drop: Estimate
    """Highest point minus the last one."""
    p: float
    """Chance of such a drop somewhere, had no point been above the last one; `none` when it is over 1 - confidence."""
    at: int
    """Index of the highest point."""


class Gauge(Frozen):
    """What a stop rule may read of one checkpoint (or one n of best-of-n): training's own instruments, never intent."""

    kl: float
    """Nats from the start."""
    proxy: float
    """Mean of what is optimised."""
    disagreement: float | None = None
    """Mean spread between the proxy's heads, in the proxy's unit; None where it has one head."""
    length: float | None = None
    """Mean tokens of an answer."""


class StopRule(Frozen):
    """When to stop, written down before the runs that judge it. The first sign that shows stops; a sign left None is not looked at."""

    name: str
    kl: float | None = None
    """Most nats from the start."""
    disagreement: float | None = None
    """Most spread between the heads, as a multiple of that at the start."""
    length: float | None = None
    """Most times longer, or shorter, than at the start."""
    pessimism: float | None = None
    """Stop when proxy - pessimism x disagreement has not risen above its best for `patience` checkpoints."""
    patience: int = 2


class Stop(Frozen):
    """What a rule did on one run."""

    kept: int
    """Index of the checkpoint that is kept: the last one within the limits, or the pessimistic best."""
    fired: int | None
    """Index at which it stopped; None when the run went to its end."""
    why: str = ""


class StopRun(Frozen):
    """One run on which rules are judged: what training saw, and what the oracle says of the same checkpoints."""

    name: str
    gauges: tuple[Gauge, ...]
    intent: tuple[float, ...]


class StopLine(Frozen):
    """One rule's record."""

    rule: StopRule
    before: int
    """Runs in which the kept checkpoint comes before the best one by intent."""
    at: int
    """Runs in which none is better."""
    after: int
    fired: int
    """Runs in which the rule stopped at all."""
    regret: Estimate
    """Intent of the best checkpoint minus that of the kept one, mean over runs."""
    saved: Estimate
    """Regret of never stopping minus this rule's, in pairs; above 0 = better than no rule."""
    beside_kl: Estimate
    """Regret of the fixed KL budget that was best in hindsight minus this rule's, in pairs."""
    warned: Estimate
    """Among runs whose intent turned: share in which it stopped, and kept a checkpoint no later than the best."""
    warns: bool
    """Whether the record shows an early warning: `saved` and `beside_kl` above 0, `warned` above one half, each with its interval."""


class StopRecord(Frozen):
    """Stop rules against the oracle over runs. All intervals share the error budget over the rules that were tried."""

    lines: tuple[StopLine, ...]
    runs: int
    turned: int
    """Runs whose intent ends below its best."""
    fixed_kl: float | None
    """The budget in nats that was best in hindsight."""
    says: str
    """What may be claimed, in a sentence."""


class GapPoint(Frozen):
    """How far it went, and what was gained there, in standard deviations of the base policy's samples."""

    label: str
    """`n = 8`, `step 40`."""
    kl: float
    """Nats."""
    d: Estimate
    """sqrt(KL)."""
    proxy: Estimate
    intent: Estimate
    expected: Estimate
    """What the intent would gain if the proxy's errors were noise that selection does not find: base slope x proxy's gain."""
    above_floor: bool = True
    """Whether the KL is over its noise floor; what is under it enters no fit."""


class GapCurve(Frozen):
    """One proxy or mitigation pushed ever harder: gains of proxy and intent against distance."""

    name: str
    form: Form
    points: tuple[GapPoint, ...]
    turning: Turning
    """Of the intent as observed."""
    proxy_fit: Fit | None
    intent_fit: Fit | None
    gap: Estimate
    """Proxy's gain minus intent's at the last point."""
    beside: Estimate | None = None
    """Intent's gain at the last point minus that of the plot's first curve there, in pairs; None for the first."""
    notes: tuple[str, ...] = ()


class IntentIs(Frozen):
    """Whose word the intent is, and what it may do for the policy."""

    name: str
    role: Literal["intent", "oracle"] = "intent"
    """`oracle`: declared in a known-answer world; it proves a method and certifies no model."""
    grade: Grade = Grade.KIN
    why: str = ""


class GapPlot(Frozen):
    """Curves on the same axes. The first is what the others are held against."""

    title: str
    curves: tuple[GapCurve, ...]
    intent: IntentIs
    scale: str
    """How scores were standardised, in a sentence."""
    distance: str
    """What the KL is, in a sentence."""
    prompts: int
    """Independent prompt groups."""
    samples: int
    """Samples a prompt (of each checkpoint)."""
    seeds: int = 1
    unscored: int = 0
    notes: tuple[str, ...] = ()
