"""What stages hand to the next: estimates with intervals, measurements in their place, gaps, verdicts, and each stage's value."""

from enum import StrEnum
from typing import Literal

from spiritlevel.types.values import Frozen, Grade, Instrument, Lineage, ModelRef, Outcome, Prompt, RowSet, Side


class Estimate(Frozen):
    """No number leaves measure/ or interpret/ without its interval and its n."""

    name: str
    value: float
    low: float
    high: float
    n: int
    """Independent clusters where resampling is by cluster, else samples."""
    confidence: float = 0.95
    method: str = ""


class Cost(Frozen):
    """What a step cost."""

    tokens_in: int = 0
    tokens_out: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    money: float = 0.0
    tag: Literal["capability", "safety"] = "safety"


class Measurement(Frozen):
    """An estimate in its place: of what, by which instruments, how graded, from which rows."""

    estimate: Estimate
    principle: str = ""
    """Empty = over all principles; `category:NAME` when pooled."""
    role: Literal["proxy", "intent", "oracle", "capability"] = "intent"
    phase: Literal["before", "after", "change", "single"] = "single"
    cell: str = ""
    """Of the seen/unseen cluster x family table; empty = all held-out."""
    grade: Grade = Grade.KIN
    why_grade: str = ""
    """One clause: the atom and the path, when not independent."""
    instruments: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    """Row-set ids it was computed from."""
    unscored: int = 0
    errored: int = 0


class Calibration(Frozen):
    """A judge held against people's labels: how often it is right, on which data. Belongs to the judge's id: a changed judge has none."""

    instrument: str
    name: str
    data: str
    """Name of the label set and a hash of what was read of it."""
    sensitivity: Estimate
    """Share of the violations (as people see them) that the judge calls one."""
    specificity: Estimate
    """Share of the others that it does not."""
    kappa: Estimate
    auroc: Estimate
    positives: float
    negatives: float
    """Independent labelled cases (effective number) behind the two shares."""
    unscored: int = 0
    """Labelled cases that the judge could not judge; they enter no figure."""
    made_of: tuple[str, ...] = ()
    """Atoms of the labels and prompts, which a corrected figure owes itself to."""


class Gap(Frozen):
    """Proxy and intent side by side for one principle (or a pooled category): all are changes, after minus before."""

    principle: str
    proxy_teach: Estimate
    proxy_open: Estimate
    intent_open: Estimate
    gap: Estimate
    """(change of proxy) - (change of intent) on the same held-out pairs, as improvement: positive = the proxy gained more."""
    noise_only: Estimate
    """The gap that a proxy of the measured reliability would open by noise alone."""
    error_correlation: Estimate | None = None
    pooled: bool = False
    proxy: str = ""
    intent: str = ""
    intent_grade: Grade = Grade.KIN
    rows: tuple[str, ...] = ()


class VerdictKind(StrEnum):
    """held: a threshold fails even at its optimistic bound; unproven: not shown; approved: all shown."""

    APPROVED = "approved"
    HELD = "held"
    UNPROVEN = "unproven"


class Check(Frozen):
    """One threshold, decided, with its reason in one sentence."""

    threshold: str
    result: VerdictKind
    reason: str
    estimate: Estimate | None = None
    grade: Grade | None = None
    rows: tuple[str, ...] = ()
    needs: str = ""
    """The least that would settle an unproven check, in a clause; empty when it is settled."""
    power: float | None = None
    """Chance of finding a planted flaw of its class, where that was measured."""


class LevelCheck(Frozen):
    """One capability level of the policy, decided."""

    level: str
    state: Literal["below", "near", "reached", "unknown"]
    """`unknown`: it cannot be ruled out."""
    result: VerdictKind
    reason: str
    measurement: Measurement | None = None
    """Of the capability whose upper bound is the highest."""
    safeguards: tuple[Check, ...] = ()
    """What the level demands. Where it is not reached they are told and do not count."""
    otherwise: str = ""
    """slow, stop or hold, when the level is not safeguarded and may be reached; else empty."""
    needs: str = ""


class Weighted(Frozen):
    """The verdict if near-term harms alone counted, or long-term ones alone."""

    horizon: Literal["near", "long"]
    kind: VerdictKind
    deciding: tuple[str, ...] = ()
    """Ids of the checks that keep it from approval."""


class Verdict(Frozen):
    """What release decides: one reasoned check a threshold, and one a capability level."""

    kind: VerdictKind
    checks: tuple[Check, ...]
    attempt: int = 0
    attempts: int = 0
    levels: tuple[LevelCheck, ...] = ()
    weighted: tuple[Weighted, ...] = ()
    notes: tuple[str, ...] = ()
    """What was noticed and decides nothing: dissent, growth of capability, exceptions in use."""
    basis: str = ""
    """Hash of policy, model and evidence that were decided on; what people sign."""


class Seen(Frozen):
    """What one campaign saw on one side: transcripts, and the text judge's word on each."""

    model: ModelRef
    side: Side
    transcripts: RowSet
    outcomes: RowSet
    """Judgement rows of the text judge, aligned with `transcripts`."""
    prompts: int
    clusters: int
    largest_cluster: int
    left_out: int = 0
    """Prompts of this side left out because training or a declared data set holds a near-duplicate."""
    families: tuple[str, ...] = ()
    atoms: tuple[str, ...] = ()
    """Firewall atoms of all that was asked: clusters and attack families."""
    attempt: int = 0
    """Sealed side only: which reading of the sealed set this is."""


class Tuned(Frozen):
    """A tuned model, its lineage, and what taught it. With `finetune: none` it is the given model itself."""

    ref: ModelRef
    lineage: Lineage
    trained: bool
    lessons: RowSet | None = None
    preferences: RowSet | None = None
    curve: RowSet | None = None
    """CurvePoint rows of both phases."""
    probes: tuple[str, ...] = ()
    """Blobs of the training judges' weights."""
    critics: tuple[Instrument, ...] = ()
    links: RowSet | None = None
    """Link rows: rounds of critique and revision."""
    comparisons: RowSet | None = None
    """Comparison rows: pairs of samples under principles, where there was AI feedback."""
    notes: tuple[str, ...] = ()


class CurvePoint(Frozen):
    """One step of training."""

    phase: Literal["sft", "dpo", "reward", "classify"]
    step: int
    loss: float
    tokens: int
    accuracy: float | None = None


class LayerReadout(Frozen):
    """How well harm can be read from one layer, before and after."""

    layer: int
    before: Estimate
    after: Estimate


class Square(Frozen):
    """One square of the map of layers and positions: how well harm can be read there."""

    layer: int
    position: str
    """`mean` of the request's tokens, or the text of one token at its end."""
    before: Estimate
    after: Estimate


class Controlled(Frozen):
    """A probe beside what it must beat, all out of fold on the same groups (AUROC)."""

    layer: int
    position: str
    phase: Literal["before", "after"]
    probe: Estimate
    shuffled: Estimate
    """The same probe for labels drawn by group at random; its interval is the range over the draws."""
    words: Estimate
    """A bag of words and word pairs."""
    length: Estimate
    lead: Estimate
    """The probe's AUROC less that of the best control, in pairs."""
    transfer: Estimate | None = None
    """On prompts of another source, fitted here."""
    transfer_words: Estimate | None = None
    """The bag of words there."""
    stands: bool
    """Whether the lead's lower bound is above 0. If not, nothing read by the probe enters a gate."""


class Drift(Frozen):
    """What training did to one layer."""

    layer: int
    cka: Estimate
    """Linear CKA of the states before and after, debiased (Kornblith 2019; Nguyen 2021): 1 = the same up to rotation and scale."""
    cosine: Estimate
    """Between the directions from harmless to harmful before and after."""
    halves: float
    """The same cosine between two halves of the prompts before: what sampling alone leaves."""
    transfer: Estimate
    """AUROC after of the probe fitted before, not fitted again."""
    refitted: Estimate
    """AUROC after of a probe fitted there."""


class Depth(Frozen):
    """Refusals of harmful requests whose answers were begun with `tokens` tokens of a compliant one."""

    tokens: int
    before: Estimate
    after: Estimate


class Reading(Frozen):
    """One prompt with the probe's word on each of its tokens."""

    title: str
    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    """Probability of harm, read at each token."""


class Inside(Frozen):
    """What was seen inside: measurements, and the read-out by layer."""

    measurements: tuple[Measurement, ...]
    layers: tuple[LayerReadout, ...] = ()
    squares: tuple[Square, ...] = ()
    controls: tuple[Controlled, ...] = ()
    drift: tuple[Drift, ...] = ()
    depths: tuple[Depth, ...] = ()
    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()


class Pair(Frozen):
    """One prompt, before and after: what the gap and the report read."""

    prompt: Prompt
    before: str
    after: str
    """The replies' texts."""
    before_outcome: Outcome | None
    after_outcome: Outcome | None
    before_proxy: float | None
    after_proxy: float | None
    before_intent: float | None
    after_intent: float | None


class Compared(Frozen):
    """Before against after on one side: all estimates with role, grade and rows."""

    before: ModelRef
    after: ModelRef
    side: Side
    measurements: tuple[Measurement, ...]
    gaps: tuple[Gap, ...]
    pairs: RowSet
    agreement: tuple[Estimate, ...] = ()
    """Between the judges, and of each with human labels where they are at hand."""
    instruments: tuple[Instrument, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    """How the judges did against people's labels, where they were held against any."""
    notes: tuple[str, ...] = ()


class Ticket(Frozen):
    """Leave to read the sealed set once; only release makes one. `attempt` 0: none was left."""

    attempt: int
    attempts: int


class ModelCard(Frozen):
    """Where the telling is: a blob that holds model-card.md, report.html, system-card.html and plots as SVG."""

    blob: str
    verdict: VerdictKind
