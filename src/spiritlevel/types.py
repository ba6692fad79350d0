"""The nouns that pass between stages: frozen values, and the few protocols that act.

A value is small: it names row sets and holds counts and estimates. Rows are read through the journal.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticSerializationError


class Frozen(BaseModel):
    """A value: immutable, compared by content, closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def content_hash(*parts: object) -> str:
    """SHA-256 (first 32 hex digits) of the parts: pydantic values by their JSON, all else by `str`."""
    digest = hashlib.sha256()
    for part in parts:
        text = _text(part) if isinstance(part, BaseModel) else str(part)
        digest.update(text.encode("utf-8", "surrogatepass") + b"\x1f")
    return digest.hexdigest()[:32]


def _text(value: BaseModel) -> str:
    try:
        return value.model_dump_json()
    except (PydanticSerializationError, UnicodeEncodeError):  # a lone surrogate in some model's reply
        return json.dumps(value.model_dump(mode="python"), default=str)


class Side(StrEnum):
    """What may look at a prompt: training (teach), people and selection (open), the gate alone (sealed)."""

    TEACH = "teach"
    OPEN = "open"
    SEALED = "sealed"


class Grade(StrEnum):
    """What a piece of evidence may do for a model: firewall.py decides it."""

    SPENT = "spent"
    KIN = "kin"
    INDEPENDENT = "independent"


class Kind(StrEnum):
    """What a prompt asks for, as its author declared it."""

    HARMFUL = "harmful"
    LOOKALIKE = "lookalike"
    """Harmless, though its words look harmful."""
    PLAIN = "plain"
    """An ordinary instruction."""
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What a reply does with its request, as text alone can tell."""

    REFUSAL = "refusal"
    REFUSE_THEN_COMPLY = "refuse_then_comply"
    COMPLIANCE = "compliance"
    INCOHERENT = "incoherent"


class Turn(Frozen):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


Chat = tuple[Turn, ...]
"""Turns in order. A chat that ends with an assistant turn is continued from it (a prefill)."""


def user(text: str, *, prefill: str | None = None) -> Chat:
    """A one-question chat, optionally with the first words of its answer given."""
    asked = Turn(role="user", content=text)
    return (asked,) if prefill is None else (asked, Turn(role="assistant", content=prefill))


class Sampling(Frozen):
    """How a reply is drawn. `temperature` 0 is greedy. No top-p or top-k: they bias every probability ratio."""

    max_tokens: int = 64
    temperature: float = 1.0
    stop_at_sentence: bool = False
    """Stop after the first sentence that is complete (for guided revisions)."""


class Ask(Frozen):
    """One unit of generation. Its content, with the model's key, is its identity and its seed."""

    chat: Chat
    sampling: Sampling = Sampling()
    repeat: int = 0


class Reply(Frozen):
    """What came back. `error` is set, and `text` empty, when the call failed past its retries."""

    text: str = ""
    truncated: bool = False
    """Cut at `max_tokens`: it did not end by itself."""
    tokens_in: int = 0
    tokens_out: int = 0
    error: str | None = None
    retries: int = 0
    money: float = 0.0


class ModelRef(Frozen):
    """A model resolved to content; what stages pass between them instead of a live model."""

    spec: str
    """As a person reads it: `bundled@SHA`, `hf:NAME@COMMIT`, `path:DIR@TREE`, `blob:HASH`, `openai/NAME`, a URL."""
    kind: Literal["local", "hosted", "scripted"]
    weights: str = ""
    """Fingerprint of the weights by value (lineage.fingerprint), so a copy or a renaming keeps it; empty when hosted."""
    family: str
    """Body or hosted family, for the firewall's kinship (`llama-576x30`, `openai/gpt`)."""

    @property
    def key(self) -> str:
        """What unit keys use: the weights where there are some, else the name."""
        return self.weights or self.spec


class Logprobs(Frozen):
    """Log-probabilities in nats of the tokens of a chat's last assistant turn, end of turn included unless cut."""

    tokens: tuple[int, ...]
    values: tuple[float, ...]


class Model(Protocol):
    """Whatever answers."""

    ref: ModelRef
    batch: int | None
    """Local: how many units run as one batch. Hosted: None, replies are yielded as they arrive."""
    numerics: str
    """Versions, device, threads and number format for local weights (joins unit keys); empty when hosted."""

    def stream(self, asks: Sequence[Ask], seeds: Sequence[int]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) once for each ask, in any order. A failed call is a Reply with `error`."""
        ...


class OpenWeights(Model, Protocol):
    """Weights in hand: all that finetune and interpret accept."""

    layers: int
    width: int

    def cut(self, text: str, tokens: int) -> str:
        """The first `tokens` tokens of a text; all of it when it is no longer."""
        ...

    def logprobs(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> list[Logprobs]:
        """Score each chat's last assistant turn; `truncated` turns are not credited with an end of turn."""
        ...

    def activations(self, chats: Sequence[Chat], layers: Sequence[int]) -> "np.ndarray":
        """Residual stream after each of `layers` (1-based blocks) at each chat's last token: (n, len(layers), width) float32.

        A chat that ends with a user turn is rendered up to where the answer would begin (the last prompt token); one that
        ends with an assistant turn is read at the last token of its text, before any end of turn.
        """
        ...


class Prompt(Frozen):
    """One thing to ask, with all that the firewall and the statistics need to know of it."""

    id: str
    text: str
    goal: str
    """The unwrapped request; an attack's product keeps it. Clusters and sides come from the goal."""
    principle: str
    category: str = ""
    kind: Kind = Kind.UNKNOWN
    family: str = "direct"
    """Attack family; `direct` is the plain request."""
    group: str = ""
    cluster: str = ""
    """Near-duplicate cluster of the goal (firewall.clusters); the unit of resampling."""
    side: Side = Side.OPEN
    source: str = "seeds"


class Transcript(Frozen):
    """Who said what, made by which prompt, from which model."""

    prompt: Prompt
    chat: Chat
    reply: Reply
    model: str
    """ModelRef.key"""
    repeat: int = 0

    @property
    def id(self) -> str:
        """Content identity."""
        return content_hash(self)

    @property
    def full(self) -> Chat:
        """The chat with the reply as its last turn."""
        return (*self.chat, Turn(role="assistant", content=self.reply.text))


class Instrument(Frozen):
    """A judge's identity for the firewall. `id` hashes code, weights, rubric, threshold and fitting rows."""

    id: str
    name: str
    family: str = ""
    """Body or hosted family it rests on (kinship); empty for rules."""
    made_of: tuple[str, ...] = ()
    """Atoms ("cluster:…", "labels:…", "opening:…", "judge:…", "body:…") it was fitted, selected or thresholded on, transitively."""
    known_ancestry: bool = True


class Judgement(Frozen):
    """One judge's word on one transcript under one principle."""

    transcript: str
    principle: str
    instrument: str
    probability: float | None
    """That a person would say the principle is violated. None = could not judge; never 0."""
    outcome: Outcome | None = None
    reason: str = ""


class Judge(Protocol):
    """An instrument that reads transcripts."""

    @property
    def identity(self) -> Instrument:
        """Hash of weights, prompt, fitting rows and code."""
        ...

    def judge(self, transcripts: Sequence[Transcript]) -> list[Judgement]:
        """One judgement a transcript, in order, under each transcript's own principle."""
        ...


class Preference(Frozen):
    """A pair for one prompt, with who preferred and how sure."""

    chat: Chat
    chosen: str
    rejected: str
    by: str
    sure: float = 1.0
    principle: str = ""
    cluster: str = ""
    chosen_truncated: bool = False
    rejected_truncated: bool = False


class Lesson(Frozen):
    """One training example: a chat and the answer to learn, and what it replaces."""

    chat: Chat
    answer: str
    truncated: bool = False
    original: str | None = None
    """The model's own reply that the critic found wanting; None where its own answer was kept."""
    original_truncated: bool = False
    principle: str = ""
    kind: Kind = Kind.UNKNOWN
    cluster: str = ""
    family: str = "direct"


class Use(Frozen):
    """A row of the firewall: `model` owes something to `atom`. Written before it takes effect."""

    model: str
    """ModelRef.key, or `run:ID` while the weights do not exist yet."""
    atom: str
    how: Literal["train", "select", "stop", "tune"]


class Lineage(Frozen):
    """Where weights come from; lies beside them as lineage.json and in the project's ledger."""

    weights: str
    body: str
    """Fingerprint of the first ancestor that is known."""
    parents: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    judges: tuple[Instrument, ...] = ()
    """Judges that chose, scored or stopped training."""
    families: tuple[str, ...] = ()
    """Families of this body and of training judges, critics, revisers and teachers (kinship)."""
    history: Literal["known", "base", "unknown"] = "unknown"
    """known: all training since the base is recorded here; base: a foreign base, before which nothing is known; unknown."""
    note: str = ""


class RowSet(Frozen):
    """Names rows in evidence: id hashes the sorted unit keys."""

    id: str
    kind: str
    n: int


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


class Verdict(Frozen):
    """What release decides: one reasoned check a threshold."""

    kind: VerdictKind
    checks: tuple[Check, ...]
    attempt: int = 0
    attempts: int = 0


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
    notes: tuple[str, ...] = ()


class CurvePoint(Frozen):
    """One step of training."""

    phase: Literal["sft", "dpo"]
    step: int
    loss: float
    tokens: int
    accuracy: float | None = None


class LayerReadout(Frozen):
    """How well harm can be read from one layer, before and after."""

    layer: int
    before: Estimate
    after: Estimate


class Inside(Frozen):
    """What was seen inside: measurements, and the read-out by layer."""

    measurements: tuple[Measurement, ...]
    layers: tuple[LayerReadout, ...] = ()
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
    notes: tuple[str, ...] = ()


class Ticket(Frozen):
    """Leave to read the sealed set once; only release makes one. `attempt` 0: none was left."""

    attempt: int
    attempts: int


class ModelCard(Frozen):
    """Where the telling is: a blob that holds model-card.md and report.html."""

    blob: str
    verdict: VerdictKind


R = TypeVar("R", bound=BaseModel)
U = TypeVar("U", bound=BaseModel)


class Journal(Protocol):
    """All that a stage may do to the world: durable units, rows, blobs, and a scratch folder."""

    def map(
        self,
        kind: str,
        units: Sequence[U],
        work: Callable[[Sequence[U]], Iterable[tuple[int, R]]],
        row: type[R],
        *,
        batch: int | None = None,
        salt: str = "",
        label: str = "",
    ) -> RowSet:
        """Run `work` on units that have no row yet and return the row set, in the order of `units`.

        A unit's key hashes kind, salt (the instrument's or model's identity) and content; a unit done by any step of the run is
        not done again. `batch` n: batches of n cut from the sorted list of all units, a batch with one unit missing runs whole
        and commits as one transaction. `batch` None: all missing units go to `work`, each row is committed as it arrives.
        `label` names the progress bar. Equal units share one row.
        """
        ...

    def rows(self, rows: RowSet, row: type[R]) -> list[R]:
        """The rows of a set, in the order that `map` was given."""
        ...

    def put(self, kind: str, rows: Sequence[BaseModel]) -> RowSet:
        """Store computed rows as they are."""
        ...

    def blob(self, write: Callable[[Path], None]) -> str:
        """`write` fills a fresh folder; it is hashed, renamed to its hash and registered. Returns the hash."""
        ...

    def path(self, blob: str) -> Path:
        """Folder of a blob."""
        ...

    def scratch(self, name: str) -> Path:
        """A folder for training state, kept over kills, removed when its step is done; not evidence."""
        ...

    def spend(self, uses: Sequence[Use]) -> None:
        """Write firewall uses, durably, before they take effect."""
        ...

    def record(self, lineage: Lineage) -> None:
        """Enter weights into the run and the project's ledger."""
        ...

    def lineage(self, weights: str) -> Lineage | None:
        """What run or ledger know of these weights; None when nothing."""
        ...

    def identify(self, weights: str, *, sketch: BaseModel, beside: Lineage | None, family: str, base: bool) -> Lineage:
        """Lineage of weights just met: the ledger's, then `beside` (a lineage.json), then near copies, then a declared base, else unknown."""
        ...

    def attempt(self, body: str, most: int) -> int:
        """Count one reading of the sealed set against a body in the project's ledger; its number, or 0 when `most` are used up."""
        ...

    def progress(self, label: str, done: int, total: int) -> None:
        """Tell whoever watches; `map` tells for its own units."""
        ...

    def spent_tokens(self, replies: Iterable[Reply]) -> None:
        """Add to the running step's cost."""
        ...
