"""Hosted models behind the Anthropic protocol: `anthropic/NAME`, with ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL."""

import os
from typing import Any
from urllib.parse import urlsplit

from spiritlevel.backends.exchange import allowed, answered, attempt, count, kin, withheld
from spiritlevel.backends.hosted import Answer, Hosted, Patience, Price
from spiritlevel.backends.text import clean
from spiritlevel.backends.wire import Wire
from spiritlevel.errors import ConfigError
from spiritlevel.types import Ask, Journal, ModelRef

ANTHROPIC = "https://api.anthropic.com"
VERSION = "2023-06-01"
"""Of the messages protocol, named in a header of every request."""
CUT = {"max_tokens", "model_context_window_exceeded", "refusal"}
"""Stop reasons of a reply that did not end by itself."""


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """A hosted model's reference; unpinned, since nobody outside can pin it. EndpointError without a key."""
    _, name, _ = _endpoint(spec)
    return ModelRef(spec=spec, kind="hosted", family=kin("anthropic", name))


def open_ref(ref: ModelRef, journal: Journal, patience: Patience | None = None) -> Hosted:
    """A client of the endpoint. EndpointError without a key or with the network switched off."""
    base, name, key = _endpoint(ref.spec)
    headers = {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})
    wire = Wire(base.rstrip("/").removesuffix("/v1") + "/v1/messages", headers)

    def call(ask: Ask, seed: int, seconds: float) -> Answer:
        return attempt(wire, {"model": name, **request(ask)}, seconds, lambda said: _read(ask, said))

    return Hosted(ref, call, wire.close, patience or Patience.from_environment(), Price.from_environment(name))


def request(ask: Ask) -> dict[str, Any]:
    """An ask in the protocol's words. It knows no seed, takes system turns apart, and refuses a prefill that ends in white space."""
    turns = [(turn.role, clean(turn.content)) for turn in ask.chat]
    messages = [{"role": role, "content": text} for role, text in turns if role != "system"]
    if messages and messages[-1]["role"] == "assistant":
        messages[-1]["content"] = messages[-1]["content"].rstrip()
    system = "\n\n".join(text for role, text in turns if role == "system")
    return {
        "messages": messages,
        "max_tokens": ask.sampling.max_tokens,
        "temperature": ask.sampling.temperature,
        **({"system": system} if system else {}),
    }


def _read(ask: Ask, said: Any) -> Answer:
    """A message; raises one of exchange.MALFORMED when it is none."""
    blocks, used = said["content"], said.get("usage") or {}
    words = "".join(block["text"] for block in blocks if block["type"] == "text")
    tokens_in = sum(count(used.get(name)) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"))
    if said.get("stop_reason") == "refusal" and not words.strip():
        return withheld(tokens_in)
    return answered(ask, words, tokens_in, count(used.get("output_tokens")), said.get("stop_reason") in CUT)


def _endpoint(spec: str) -> tuple[str, str, str]:
    """(base URL, model name, key) of a spec."""
    base, name = os.environ.get("ANTHROPIC_BASE_URL") or ANTHROPIC, spec.removeprefix("anthropic/")
    if not name or name == spec or not urlsplit(base).hostname or urlsplit(base).scheme not in ("http", "https"):
        raise ConfigError(f"{spec!r} names no model; write anthropic/NAME, and a URL in ANTHROPIC_BASE_URL if in any.")
    return base, name, allowed(spec, base, "ANTHROPIC_API_KEY", needed=True)
