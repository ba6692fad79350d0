"""The OpenAI client, stripped to what is needed: no retries, no telemetry headers, faults as values."""

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from spiritlevel.backends.network import loopback
from spiritlevel.backends.openai_compatible import Answer, Call, Patience, answered
from spiritlevel.backends.text import clean
from spiritlevel.types import Ask, Reply

HOPELESS = {401, 403, 404}
FINAL = {400, 401, 402, 403, 404, 405, 413, 422}


def caller(base: str, name: str, key: str, patience: Patience, *, new_names: bool) -> tuple[Call, Callable[[], None]]:
    """A function that makes one attempt, and one that closes the client. `new_names`: OpenAI's own newer parameter names."""

    def strip(request: Any) -> None:
        for header in [header for header in request.headers if header.lower().startswith("x-stainless")]:
            del request.headers[header]
        request.headers["User-Agent"] = "spiritlevel"
        if not key:
            request.headers.pop("Authorization", None)

    def mark(response: Any) -> None:
        response.request.headers["X-Stainless-Raw-Response"] = "true"  # by which the SDK knows what it was asked for; never sent

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [strip], "response": [mark]}
    http = openai.DefaultHttpxClient(event_hooks=hooks, trust_env=not loopback(base), follow_redirects=False)
    client = openai.OpenAI(base_url=base, api_key=key or "none", max_retries=0, timeout=patience.timeout, http_client=http)
    limit = "max_completion_tokens" if new_names else "max_tokens"

    def call(ask: Ask, seed: int, seconds: float) -> Answer:
        messages: Any = [{"role": turn.role, "content": clean(turn.content)} for turn in ask.chat]
        body: Any = {"temperature": ask.sampling.temperature, "seed": seed & 0x7FFFFFFF, limit: ask.sampling.max_tokens}
        try:
            raw = client.chat.completions.with_raw_response.create(model=name, messages=messages, timeout=seconds, **body)
            return _read(ask, raw.http_response.status_code, raw.http_response.text)
        except openai.APIStatusError as error:
            status = error.status_code
            said = _said(error.response.text)
            return Answer(
                fault=f"the endpoint answered {status}{said}",
                retry=status not in FINAL,
                hopeless=status in HOPELESS,
                after=_after(error.response.headers.get("retry-after")),
            )
        except openai.APITimeoutError:
            return Answer(fault=f"no answer within {seconds:.3g} s")
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            refused = "Connect" in type(cause).__name__
            return Answer(fault=f"no connection ({cause})" if refused else f"the connection broke ({cause})", hopeless=refused)
        except (openai.OpenAIError, ValueError, UnicodeError) as error:
            return Answer(fault=f"the answer cannot be read ({type(error).__name__})")

    return call, client.close


def _read(ask: Ask, status: int, text: str) -> Answer:
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        message = choice["message"]
        words = message.get("content") or message.get("refusal") or ""
        used = body.get("usage") or {}
        counts = int(used.get("prompt_tokens") or 0), int(used.get("completion_tokens") or 0)
        money = float(used.get("cost") or 0.0)
        if not isinstance(words, str):
            raise TypeError
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        kind = "HTML" if text.lstrip()[:1] == "<" else "no chat completion"
        return Answer(fault=f"the endpoint answered {status} with {kind if text.strip() else 'an empty body'}")
    if choice.get("finish_reason") == "content_filter" and not words.strip():
        return Answer(Reply(error="withheld by the endpoint's content filter", tokens_in=counts[0]))
    return answered(ask, words, *counts, choice.get("finish_reason") == "length", money)


def _said(text: str) -> str:
    """The endpoint's own message, in brief."""
    try:
        error = json.loads(text)["error"]
        said = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        said = "HTML" if text.lstrip()[:1] == "<" else ""
    return f" ({str(said)[:160]})" if said else ""


def _after(value: str | None) -> float | None:
    """Retry-After in seconds, from either of its two forms."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        import time

        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
