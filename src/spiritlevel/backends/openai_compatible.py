"""Hosted models behind the OpenAI protocol: `openai/NAME`, or a URL such as `http://127.0.0.1:8000/v1#NAME`.

Chat completions, with the field's environment variables OPENAI_API_KEY and OPENAI_BASE_URL.
"""

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from spiritlevel.backends.exchange import FILTERED, allowed, amount, answered, attempt, count, kin, withheld
from spiritlevel.backends.hosted import Answer, Hosted, Patience, Price
from spiritlevel.backends.text import clean
from spiritlevel.backends.wire import Wire
from spiritlevel.errors import ConfigError
from spiritlevel.types import Ask, Journal, ModelRef

OPENAI = "https://api.openai.com/v1"


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """A hosted model's reference; unpinned, since nobody outside can pin it. EndpointError without a key."""
    _, name, _ = _endpoint(spec)
    return ModelRef(spec=spec, kind="hosted", family=kin("openai" if spec.startswith("openai/") else urlsplit(spec).hostname, name))


def open_ref(ref: ModelRef, journal: Journal, patience: Patience | None = None) -> Hosted:
    """A client of the endpoint. EndpointError without a key or with the network switched off."""
    base, name, key = _endpoint(ref.spec)
    limit = "max_completion_tokens" if ref.spec.startswith("openai/") else "max_tokens"  # OpenAI's own newer name
    parts = urlsplit(base)
    wire = Wire(
        urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/chat/completions")), {"Authorization": f"Bearer {key}"} if key else {}
    )

    def call(ask: Ask, seed: int, seconds: float) -> Answer:
        body = {
            "model": name,
            "messages": [{"role": turn.role, "content": clean(turn.content)} for turn in ask.chat],
            "temperature": ask.sampling.temperature,
            "seed": seed & 0x7FFFFFFF,
            limit: ask.sampling.max_tokens,
        }
        return attempt(wire, body, seconds, lambda said: _read(ask, said))

    return Hosted(ref, call, wire.close, patience or Patience.from_environment(), Price.from_environment(name))


def _read(ask: Ask, said: Any) -> Answer:
    """A chat completion; raises one of exchange.MALFORMED when it is none."""
    choice, used = said["choices"][0], said.get("usage") or {}
    message, finish = choice["message"], choice.get("finish_reason")
    words = message.get("content") or message.get("refusal") or ""
    if not isinstance(words, str):
        raise TypeError
    tokens = count(used.get("prompt_tokens")), count(used.get("completion_tokens"))
    if finish == FILTERED and not words.strip():
        return withheld(tokens[0])
    return answered(ask, words, *tokens, finish in ("length", FILTERED), amount(used.get("cost")))


def _endpoint(spec: str) -> tuple[str, str, str]:
    """(base URL, model name, key) of a spec. Keys come from the environment alone, and only for the host they belong to."""
    own = spec.startswith("openai/")
    if own:
        base, name = os.environ.get("OPENAI_BASE_URL") or OPENAI, spec.removeprefix("openai/")
    else:
        base, _, name = spec.partition("#")
    if not name or not urlsplit(base).hostname or urlsplit(base).scheme not in ("http", "https"):
        raise ConfigError(f"{spec!r} names no model; write openai/NAME or http://HOST:PORT/v1#NAME.")
    return base, name, allowed(spec, base, "OPENAI_API_KEY" if own else "SPIRITLEVEL_API_KEY", needed=own)
