"""One attempt over a wire: what went wrong as a value, and what came back as a reply. Shared by the protocols."""

import json
import math
import os
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from spiritlevel.backends.hosted import Answer
from spiritlevel.backends.network import SWITCH, forbidden, loopback
from spiritlevel.backends.text import clean, first_sentence
from spiritlevel.backends.wire import LONGEST, Said, TooLong, Unreachable, Wire
from spiritlevel.errors import ConfigError, EndpointError
from spiritlevel.types import Ask, Reply

HOPELESS = {401, 403, 404}
FINAL = {400, 401, 402, 403, 404, 405, 413, 422}
THROTTLED = {429, 503, 529}
"""Too many calls, or overloaded: the pace slows."""
FILTERED = "content_filter"
MALFORMED = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
"""What reading hostile JSON may raise; a reader lets these pass and `attempt` makes a fault of them."""


def attempt(wire: Wire, body: object, seconds: float, read: Callable[[Any], Answer]) -> Answer:
    """Post `body` as JSON and `read` the JSON of a 2xx answer; anything else is a fault with what a retry may hope for."""
    try:
        said = wire.post(json.dumps(body).encode(), seconds)
    except Unreachable as fault:
        return Answer(fault=f"no connection ({fault})", hopeless=True)
    except TimeoutError:
        return Answer(fault=f"no answer within {seconds:.3g} s")
    except TooLong:
        return Answer(fault=f"the answer is longer than {LONGEST >> 20} MB", retry=False)
    except (OSError, HTTPException) as fault:
        return Answer(fault=f"the connection broke ({type(fault).__name__})")
    if 300 <= said.status < 400:
        where = urlsplit(said.headers.get("location", "")[:300]).hostname or "nowhere"
        return Answer(
            fault=f"the endpoint answered {said.status}: it redirects to {where!r:.80}, which is not followed", retry=False, hopeless=True
        )
    if said.status == 400 and _filtered(said.text):
        return withheld(0)
    if not 200 <= said.status < 300:
        return Answer(
            fault=f"the endpoint answered {said.status}{_complaint(said.text)}",
            retry=said.status not in FINAL,
            hopeless=said.status in HOPELESS,
            after=retry_after(said.headers.get("retry-after")),
            throttled=said.status in THROTTLED,
        )
    try:
        return read(json.loads(said.text))
    except MALFORMED:
        return Answer(fault=f"the endpoint answered {said.status} with {_kind(said)}")


def answered(ask: Ask, text: str, tokens_in: int, tokens_out: int, cut: bool, money: float = 0.0) -> Answer:
    """A reply from what came back; one without any text is a fault. `money`: the endpoint's own account, where it gives one."""
    text = clean(text)
    if ask.sampling.stop_at_sentence and (sentence := first_sentence(text)) is not None:
        text, cut = sentence, False
    if not text.strip():
        return Answer(fault="the reply was empty")
    return Answer(Reply(text=text, truncated=cut, tokens_in=tokens_in, tokens_out=tokens_out, money=money))


def withheld(tokens_in: int) -> Answer:
    """A reply that the endpoint's own filter kept back: data, and not asked again."""
    return Answer(Reply(withheld=True, tokens_in=tokens_in))


def count(value: object) -> int:
    """A number of tokens as told; 0 for what cannot be one."""
    return value if isinstance(value, int) and 0 <= value < 2**40 else 0


def amount(value: object) -> float:
    """Money as told; 0 for what cannot be that."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value >= 0 else 0.0


def allowed(spec: str, base: str, variable: str, *, needed: bool) -> str:
    """The key of an environment variable, for a base URL that may be called. EndpointError without a needed key or with the network
    switched off; ConfigError for a key that no header can carry, which is never shown.
    """
    if forbidden() and not loopback(base):
        raise EndpointError(f"{spec!r} leaves this machine and {SWITCH} is set; unset it or use a local model.")
    key = os.environ.get(variable, "").strip()
    if needed and not key and not loopback(base):
        raise EndpointError(f"There is no key for {spec!r}; set {variable} in the environment.")
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise ConfigError(f"{variable} holds a character that no key has (a space, a line break, an accent); set it again.")
    return key


def kin(host: str | None, name: str) -> str:
    """A hosted model's family: its host, and the first word of its name."""
    head = re.match(r"[A-Za-z]+", name.rpartition("/")[2])
    return f"{host}/{head[0].lower() if head else name}"


def retry_after(value: str | None) -> float | None:
    """Retry-After in seconds, from either of its two forms (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _kind(said: Said) -> str:
    if not said.text.strip():
        return "an empty body"
    stated = said.headers.get("content-type", "").partition(";")[0].strip().lower()
    html = said.text.lstrip()[:1] == "<"
    return "HTML" if html else "no chat completion" + (f" but {stated!r:.40}" if stated and stated != "application/json" else "")


def _filtered(text: str) -> bool:
    """Whether a 400 means that the prompt was filtered, as Azure's endpoints say it."""
    try:
        return bool(json.loads(text)["error"]["code"] == FILTERED)
    except MALFORMED:
        return False


def _complaint(text: str) -> str:
    """The endpoint's own message, in brief."""
    try:
        error = json.loads(text)["error"]
        said = error["message"] if isinstance(error, dict) else error
    except MALFORMED:
        said = "HTML" if text.lstrip()[:1] == "<" else ""
    return f" ({' '.join(clean(str(said)).split())[:160]})" if said else ""
