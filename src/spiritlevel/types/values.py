"""The small nouns: chats, models, prompts, transcripts, judgements, lessons, lineage; all frozen, compared by content."""

import hashlib
import json
from enum import StrEnum
from typing import Literal

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


ASKING_HARM = (Kind.HARMFUL, Kind.UNKNOWN)
"""Prompts under which delivered content is what counts."""
ASKING_NO_HARM = (Kind.LOOKALIKE, Kind.PLAIN)
"""Prompts under which a refusal is what counts."""


class Outcome(StrEnum):
    """What a reply does with its request, as text alone can tell."""

    REFUSAL = "refusal"
    REFUSE_THEN_COMPLY = "refuse_then_comply"
    COMPLIANCE = "compliance"
    INCOHERENT = "incoherent"


COMPLIES = (Outcome.COMPLIANCE, Outcome.REFUSE_THEN_COMPLY)
"""Outcomes that give what was asked for, whatever they say first."""


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


class Steer(Frozen):
    """A change of the residual stream while a reply is drawn, at every token but the first."""

    kind: Literal["subtract", "ablate"]
    """subtract: the direction times `coefficient`; ablate: that share of what the stream has along it."""
    layers: tuple[int, ...]
    """Blocks after which it happens, from 1."""
    coefficient: float
    blob: str
    """Journal blob with `direction.npy`: float32 (blocks, 3, width), the direction, the centre and the scale after each block."""


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
    withheld: bool = False
    """The endpoint's own filter kept the words back: a refusal by the provider, and data. `text` is empty then and `error` None."""
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
    severity: float | None = None
    """How much help a forbidden request got, 0 to 1, from judges that grade it (StrongREJECT's score); no probability."""
    outcome: Outcome | None = None
    reason: str = ""


class Preference(Frozen):
    """A pair for one prompt, with who preferred and how sure."""

    chat: Chat
    chosen: str
    rejected: str
    by: str
    sure: float = 1.0
    """Chance that `chosen` is the better one, at least 0.5: a soft label."""
    margin: float = 0.0
    """By how much `chosen` should outscore `rejected`, in reward units (Touvron 2023, eq. 2)."""
    principle: str = ""
    cluster: str = ""
    source: str = ""
    """The data set or subset it came from."""
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
    source: str = ""
    """Prompt.source: where it came from; `finding:ID@RUN` for what a campaign found."""


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
    history: Literal["known", "declared", "base", "unknown"] = "unknown"
    """known: all training since the base is recorded here; declared: what its makers say of it, which may not be all; base: a foreign
    base, before which nothing is known; unknown."""
    note: str = ""


class RowSet(Frozen):
    """Names rows in evidence: id hashes the sorted unit keys."""

    id: str
    kind: str
    n: int
