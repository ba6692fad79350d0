"""inspect_ai's providers, one attempt at a time: its retries, cache, hooks and transcripts lie above and are not passed through."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable
from typing import Any

from spiritlevel.backends.exchange import FILTERED, answered, count, withheld
from spiritlevel.backends.hosted import Answer, Call
from spiritlevel.backends.text import clean
from spiritlevel.errors import ConfigError, MissingExtra
from spiritlevel.types import Ask

CUT = {"max_tokens", "model_length", FILTERED}
GRACE = 5.0
"""Seconds after the time of an attempt for a provider that does not let itself be cancelled."""


def caller(spec: str, name: str) -> tuple[Call, Callable[[], None]]:
    """A function that makes one attempt, and one that closes the client. Coroutines run in one loop of a thread of its own."""
    try:
        from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model
    except ImportError as fault:
        raise MissingExtra("inspect_ai", "inspect") from fault
    try:
        api = get_model(name, memoize=False).api
    except Exception as fault:  # each provider has its own: no such provider, no package, no key
        raise ConfigError(f"{spec!r} cannot be opened by inspect_ai ({_brief(fault)}); mend that or name another model.") from fault
    client: Any = getattr(api, "client", None)
    if hasattr(client, "max_retries"):
        client.max_retries = 0  # the provider's SDK retries too, uncounted
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="spiritlevel-inspect", daemon=True)
    thread.start()

    async def generate(ask: Ask, seed: int, seconds: float) -> Any:
        messages = [kinds[turn.role](content=clean(turn.content)) for turn in ask.chat]
        config = GenerateConfig(max_tokens=ask.sampling.max_tokens, temperature=ask.sampling.temperature, seed=seed & 0x7FFFFFFF)
        return await asyncio.wait_for(api.generate(messages, [], "none", config), seconds)

    def call(ask: Ask, seed: int, seconds: float) -> Answer:
        under_way = asyncio.run_coroutine_threadsafe(generate(ask, seed, seconds), loop)
        try:
            made = under_way.result(seconds + GRACE)
            output = made[0] if isinstance(made, tuple) else made
            if isinstance(output, Exception):
                raise output
            return _read(ask, output)
        except (TimeoutError, concurrent.futures.TimeoutError):
            under_way.cancel()
            return Answer(fault=f"no answer within {seconds:.3g} s")
        except Exception as fault:  # each provider has its own, and says which of them to try again
            decision = api.should_retry(fault)
            return Answer(
                fault=f"the provider failed ({_brief(fault)})",
                retry=bool(decision),
                hopeless=bool(api.is_auth_failure(fault)),
                after=getattr(decision, "retry_after", None),
                throttled=getattr(decision, "kind", "") == "rate_limit",
            )

    def close() -> None:
        with contextlib.suppress(Exception):  # a provider that cannot close must not fail a run that is over
            asyncio.run_coroutine_threadsafe(api.aclose(), loop).result(GRACE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(GRACE)
        if not loop.is_running():
            loop.close()

    return call, close


def _read(ask: Ask, output: Any) -> Answer:
    """A reply from a ModelOutput."""
    if output.error:
        return Answer(fault=f"the provider failed ({_brief(output.error)})")
    usage = output.usage
    read = [getattr(usage, name, None) for name in ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")]
    words = output.completion if output.choices else ""
    if output.stop_reason == FILTERED and not words.strip():
        return withheld(sum(map(count, read)))
    cut = output.stop_reason in CUT
    return answered(
        ask, words, sum(map(count, read)), count(getattr(usage, "output_tokens", 0)), cut, getattr(usage, "total_cost", None) or 0.0
    )


def _brief(fault: object) -> str:
    """One line of what a provider says, which may be a page."""
    said = " ".join(clean(str(fault)).split())[:200]
    return said if isinstance(fault, str) else f"{type(fault).__name__}: {said}"
