"""The guard at work: prompts in parts and windows, the worst counts; a probability by principle, and block or pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import DataError, NeedsWeights
from spiritlevel.guard.parts import pieces
from spiritlevel.guard.reading import BodyReader, Reader
from spiritlevel.guard.shares import Shares
from spiritlevel.guard.values import About, Decision, Limit
from spiritlevel.judges.heads import Head
from spiritlevel.types import Instrument, Judgement, Transcript


@dataclass(frozen=True)
class Guard:
    """A classifier of prompts and replies. It follows no instruction in either: it has no words to follow them with."""

    about: About
    request: Head
    answer: Head
    shares: Shares
    reader: Reader

    @property
    def identity(self) -> Instrument:
        """For the firewall: as a judge of the model whose body it reads, a guard is kin."""
        return self.about.identity

    def prompt(self, text: str) -> Decision:
        """Whether the prompt asks for what a principle forbids. DataError for an empty one."""
        return self.prompts([text])[0]

    def prompts(self, texts: Sequence[str]) -> list[Decision]:
        """The same of many, read in batches."""
        read = [pieces(self.reader, _some(text, "prompt")) for text in texts]
        if not read:
            return []
        features = self.reader.requests([window for windows in read for window in windows])[:, 0]
        return self._decided(features, features, self.request, self.about.prompt, [len(windows) for windows in read])

    def reply(self, prompt: str, reply: str) -> Decision:
        """Whether the reply delivers what a principle forbids. DataError where either is empty."""
        return self.replies([(prompt, reply)])[0]

    def replies(self, pairs: Sequence[tuple[str, str]]) -> list[Decision]:
        """The same of many (prompt, reply). A long prompt is known to the reply by its last window."""
        asked = [self.reader.windows(_some(prompt, "prompt"))[-1] for prompt, _ in pairs]
        parts = [self.reader.windows(_some(reply, "reply")) for _, reply in pairs]
        if not parts:
            return []
        said = self.reader.replies([(one, window) for one, windows in zip(asked, parts, strict=True) for window in windows])[:, 0]
        about = self.reader.requests(asked)[:, 0]
        sizes = [len(p) for p in parts]
        return self._decided(said, np.repeat(about, sizes, axis=0), self.answer, self.about.reply, sizes)

    def state(self, vector: NDArray[np.generic]) -> Decision:
        """As `prompt`, but of the whole text alone, for (2 * width,) that the deployment has read itself: the mean over the prompt's own
        tokens after block `about.layer`, then the last token's. DataError for another shape.
        """
        x = np.asarray(vector, np.float32)
        if x.shape != self.request.mean.shape:
            raise DataError(f"this guard reads vectors of {self.request.mean.shape[0]} numbers, not of shape {x.shape!r}")
        return self._decided(x[None], x[None], self.request, self.about.prompt, [1])[0]

    @contextmanager
    def watching(self, prompt: str) -> Iterator["Watch"]:
        """Read along while `reader.weights.module` answers `prompt` (one row, rendered by its own template): no pass of the guard's own.

        NeedsWeights for a guard of texts.
        """
        if not isinstance(self.reader, BodyReader):
            raise NeedsWeights("a guard of texts sees no hidden states; train one with --model for the model that is deployed")
        from spiritlevel.backends import _spans

        weights: Any = self.reader.weights
        ids, start, stop = _spans.request(weights, _some(prompt, "prompt"))
        with _spans.watching(weights, self.about.layer) as seen:
            yield Watch(self, seen, len(ids), start, stop)

    def judge(self, transcripts: Sequence[Transcript]) -> list[Judgement]:
        """As a judge of replies: one judgement each; a failed call or an empty reply cannot be judged."""
        readable = [t for t in transcripts if t.reply.error is None and t.reply.text.strip() and t.prompt.text.strip()]
        told = dict(zip([t.id for t in readable], self.replies([(t.prompt.text, t.reply.text) for t in readable]), strict=True))
        return [
            Judgement(
                transcript=t.id,
                principle=t.prompt.principle,
                instrument=self.identity.id,
                probability=told[t.id].probability if t.id in told else None,
                reason="" if t.id in told else "the call failed, or the prompt or reply is empty",
            )
            for t in transcripts
        ]

    def _decided(
        self, features: NDArray[np.generic], asked: NDArray[np.generic], head: Head, limit: Limit, sizes: Sequence[int]
    ) -> list[Decision]:
        p, shares = head.probability(features), self.shares.of(asked)
        found, first = [], 0
        for size in sizes:
            worst = first + int(p[first : first + size].argmax())
            found.append(
                Decision(
                    blocked=bool(p[worst] > limit.threshold),
                    probability=round(float(p[worst]), 6),
                    threshold=limit.threshold,
                    principles={n: round(float(p[worst] * s), 6) for n, s in zip(self.shares.names, shares[worst], strict=True)},
                    windows=size,
                )
            )
            first += size
        return found


@dataclass(frozen=True)
class Watch:
    """What is known while the model answers: the prompt once it has been read, the reply as far as it has come."""

    guard: Guard
    seen: list[Any]
    tokens: int
    start: int
    stop: int

    def _stream(self) -> Any:
        from spiritlevel.backends import _spans

        found = _spans.joined(self.seen) if self.seen else None
        if found is None or len(found) < self.tokens:
            raise DataError("the model has not read the prompt yet; ask after its first pass")
        return found

    @property
    def prompt(self) -> Decision:
        """As Guard.prompt; DataError before the model's first pass is over."""
        from spiritlevel.backends import _spans

        stream = self._stream()
        return self.guard.state(_spans.summary(stream[self.start : self.stop], stream[self.tokens - 1]))

    @property
    def reply(self) -> Decision:
        """As Guard.reply for the tokens that the model has taken in so far; DataError before the first."""
        from spiritlevel.backends import _spans

        stream = self._stream()
        if len(stream) == self.tokens:
            raise DataError("the model has not taken in a token of its reply yet; ask after its second pass")
        said = _spans.summary(stream[self.tokens :], stream[-1])
        asked = _spans.summary(stream[self.start : self.stop], stream[self.tokens - 1])
        return self.guard._decided(said[None], asked[None], self.guard.answer, self.guard.about.reply, [1])[0]


def _some(text: str, what: str) -> str:
    if not text.strip():
        raise DataError(f"the {what} is empty, so there is nothing to judge; leave it out")
    return text
