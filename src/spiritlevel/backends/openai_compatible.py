"""Hosted models behind the OpenAI protocol: `openai/NAME`, or a URL such as `http://127.0.0.1:8000/v1#NAME`.

Bounded concurrency, bounded retries, replies yielded as they arrive. Retries, timeouts and the deadline are ours alone.
"""

import os
import queue
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from spiritlevel.backends.network import SWITCH, forbidden, loopback
from spiritlevel.backends.text import clean, first_sentence
from spiritlevel.errors import ConfigError, EndpointError
from spiritlevel.types import Ask, Journal, ModelRef, Reply

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Patience:
    """How hard one endpoint is tried. Seconds."""

    concurrency: int = 16
    timeout: float = 60.0
    """For one attempt."""
    deadline: float = 300.0
    """For one reply, its retries and waits included."""
    retries: int = 5
    first: float = 0.5
    """Wait before the first retry; doubled each time, without chance."""
    longest: float = 30.0
    """No wait is longer, whatever Retry-After says."""
    opening: int = 3
    """This many refused connections, missing keys or unknown models, before anything succeeded, end the run."""
    streak: int = 32
    """This many failures of any kind in a row end the run."""

    @classmethod
    def from_environment(cls) -> "Patience":
        """Defaults, with SPIRITLEVEL_CONCURRENCY, SPIRITLEVEL_TIMEOUT and SPIRITLEVEL_RETRIES."""
        try:
            return cls(
                concurrency=max(1, int(os.environ.get("SPIRITLEVEL_CONCURRENCY", cls.concurrency))),
                timeout=float(os.environ.get("SPIRITLEVEL_TIMEOUT", cls.timeout)),
                retries=max(0, int(os.environ.get("SPIRITLEVEL_RETRIES", cls.retries))),
            )
        except ValueError as error:
            raise ConfigError(f"SPIRITLEVEL_CONCURRENCY, _TIMEOUT and _RETRIES must be numbers ({error}).") from error


@dataclass(frozen=True)
class Price:
    """Money for a million tokens read and written, in whatever currency the user counts."""

    read: float = 0.0
    written: float = 0.0

    @classmethod
    def from_environment(cls, name: str) -> "Price":
        """The model's entry in SPIRITLEVEL_PRICES, as in `gpt-x=0.15/0.60, other=1/2`; nothing when it has none."""
        for entry in filter(str.strip, os.environ.get("SPIRITLEVEL_PRICES", "").split(",")):
            known, _, price = entry.strip().rpartition("=")
            match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", price.strip())
            if not known or match is None:
                raise ConfigError(f"SPIRITLEVEL_PRICES has {entry.strip()!r}; write NAME=READ/WRITTEN, money for a million tokens each.")
            if known.strip() == name:
                return cls(float(match[1]), float(match[2]))
        return cls()

    def of(self, reply: Reply) -> float:
        """What a reply cost."""
        return (reply.tokens_in * self.read + reply.tokens_out * self.written) / 1e6


NO_PRICE = Price()


@dataclass(frozen=True)
class Answer:
    """One attempt's outcome: a reply, or why not and what a retry may hope for."""

    reply: Reply | None = None
    fault: str = ""
    retry: bool = True
    hopeless: bool = False
    """No attempt will ever succeed as things are: refused, no key, unknown model."""
    after: float | None = None
    """Retry-After in seconds."""


Call = Callable[[Ask, int, float], Answer]
"""(ask, seed, seconds) -> answer; made by `_openai.caller`."""


class Hosted:
    """A model behind an endpoint."""

    batch: int | None = None
    numerics: str = ""

    def __init__(self, ref: ModelRef, call: Call, close: Callable[[], None], patience: Patience, price: Price = NO_PRICE) -> None:
        self.ref, self.call, self.patience, self.price = ref, call, patience, price
        self._workers: list[threading.Thread] = []
        self._close = weakref.finalize(self, close)

    def close(self) -> None:
        """Close the connections, once calls under way have had a second to end. Happens by itself when the model is dropped."""
        end = time.monotonic() + 1
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        self._close()

    def stream(self, asks: Sequence[Ask], seeds: Sequence[int]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) as replies arrive. EndpointError when an opening run or a long streak of calls all fail;
        the failures of that streak are then not yielded, so that a later run asks them again.
        """
        stop, succeeded = threading.Event(), threading.Event()
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        made: queue.SimpleQueue[tuple[int, Reply, bool] | BaseException] = queue.SimpleQueue()
        # replies that nobody has taken count too: after a kill, no more than `concurrency` are asked again
        room = threading.Semaphore(self.patience.concurrency)
        for place in range(len(asks)):
            todo.put(place)

        def work() -> None:
            try:
                while room.acquire() and not stop.is_set():
                    place = todo.get_nowait()
                    made.put((place, *self._ask(asks[place], seeds[place], stop, succeeded)))
            except queue.Empty:
                room.release()  # for the next worker to find the end
            except BaseException as error:
                made.put(error)

        self._workers = [
            threading.Thread(target=work, name="spiritlevel-ask", daemon=True) for _ in range(min(self.patience.concurrency, len(asks)))
        ]
        for worker in self._workers:
            worker.start()
        hopeless, held = 0, list[tuple[int, Reply]]()
        try:
            for _ in asks:
                got = made.get()
                if isinstance(got, BaseException):
                    raise got
                place, reply, lost = got
                if reply.error is None:
                    succeeded.set()
                    yield from held
                    held.clear()
                    yield place, reply
                else:
                    held.append((place, reply))
                    hopeless += lost
                    opening = not succeeded.is_set() and hopeless >= min(self.patience.opening, len(asks))
                    if opening or len(held) >= self.patience.streak:
                        raise EndpointError(
                            f"{self.ref.spec!r} failed {len(held)} times in a row ({reply.error}); see to it and run again."
                        )
                room.release()
            yield from held
        finally:
            stop.set()
            for _ in self._workers:
                room.release()

    def _ask(self, ask: Ask, seed: int, stop: threading.Event, succeeded: threading.Event) -> tuple[Reply, bool]:
        end = time.monotonic() + self.patience.deadline
        for attempt in range(self.patience.retries + 1):
            answer = self.call(ask, seed, max(0.01, min(self.patience.timeout, end - time.monotonic())))
            if answer.reply is not None:
                money = answer.reply.money or self.price.of(answer.reply)
                return answer.reply.model_copy(update={"retries": attempt, "money": money}), False
            delay = min(self.patience.longest, max(answer.after or 0.0, self.patience.first * 2**attempt))
            early = answer.hopeless and not succeeded.is_set() and attempt >= 2
            last = attempt == self.patience.retries or not answer.retry or early or time.monotonic() + delay >= end
            if last or stop.wait(delay):
                break
        return Reply(error=answer.fault, retries=attempt), answer.hopeless


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """A hosted model's reference; unpinned, since nobody outside can pin it. EndpointError without a key."""
    _, name, _ = _endpoint(spec)
    head = re.match(r"[A-Za-z]+", name.rpartition("/")[2])
    host = "openai" if spec.startswith("openai/") else urlsplit(spec).hostname
    return ModelRef(spec=spec, kind="hosted", family=f"{host}/{head[0].lower() if head else name}")


def open_ref(ref: ModelRef, journal: Journal, patience: Patience | None = None) -> Hosted:
    """A client of the endpoint. EndpointError without a key or with the network switched off."""
    from spiritlevel.backends import _openai

    base, name, key = _endpoint(ref.spec)
    patience = patience or Patience.from_environment()
    call, close = _openai.caller(base, name, key, patience, new_names=ref.spec.startswith("openai/"))
    return Hosted(ref, call, close, patience, Price.from_environment(name))


def answered(ask: Ask, text: str, tokens_in: int, tokens_out: int, cut: bool, money: float = 0.0) -> Answer:
    """A reply from what came back; one without any text is a fault. `money`: the endpoint's own account, where it gives one."""
    text = clean(text)
    if ask.sampling.stop_at_sentence and (sentence := first_sentence(text)) is not None:
        text, cut = sentence, False
    if not text.strip():
        return Answer(fault="the reply was empty")
    return Answer(Reply(text=text, truncated=cut, tokens_in=tokens_in, tokens_out=tokens_out, money=money))


def _endpoint(spec: str) -> tuple[str, str, str]:
    """(base URL, model name, key) of a spec. Keys come from the environment alone, and only for the host they belong to."""
    if spec.startswith("openai/"):
        base, name = os.environ.get("OPENAI_BASE_URL") or OPENAI, spec.removeprefix("openai/")
        key, variable = os.environ.get("OPENAI_API_KEY", ""), "OPENAI_API_KEY"
    else:
        base, _, name = spec.partition("#")
        key, variable = os.environ.get("SPIRITLEVEL_API_KEY", ""), ""
    if not name or not urlsplit(base).hostname:
        raise ConfigError(f"{spec!r} names no model; write openai/NAME or http://HOST:PORT/v1#NAME.")
    if forbidden() and not loopback(base):
        raise EndpointError(f"{spec!r} leaves this machine and {SWITCH} is set; unset it or use a local model.")
    if variable and not key and not loopback(base):
        raise EndpointError(f"There is no key for {spec!r}; set {variable} in the environment.")
    return base.rstrip("/"), name, key
