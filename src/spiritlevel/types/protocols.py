"""The few things that act: models, judges, and the journal through which a stage touches the world."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel

from spiritlevel.types.values import Ask, Chat, Instrument, Judgement, Lineage, Logprobs, ModelRef, Reply, RowSet, Transcript, Use

R = TypeVar("R", bound=BaseModel)
U = TypeVar("U", bound=BaseModel)


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


class Judge(Protocol):
    """An instrument that reads transcripts."""

    @property
    def identity(self) -> Instrument:
        """Hash of weights, prompt, fitting rows and code."""
        ...

    def judge(self, transcripts: Sequence[Transcript]) -> list[Judgement]:
        """One judgement a transcript, in order, under each transcript's own principle."""
        ...


class RewardModel(Protocol):
    """An instrument that scores answers: higher is better."""

    heads: int
    """Columns of a score: one, or the members of an ensemble."""

    @property
    def identity(self) -> Instrument:
        """Hash of weights, code and what it was fitted on."""
        ...

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> "np.ndarray":
        """(n, heads) float32 of each chat's last assistant turn; a truncated one is scored as unfinished. NaN = could not score."""
        ...


class Journal(Protocol):
    """All that a stage may do to the world: durable units, rows, blobs, and a scratch folder."""

    tag: Literal["capability", "safety"]
    """What the step's cost counts as: safety, unless a stage that adds capability sets it."""

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
        """Lineage of weights just met: the ledger's, then `beside` (lineage.json), then near copies, then a declared base, else unknown."""
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
