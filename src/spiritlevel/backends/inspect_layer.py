"""Every other provider through inspect_ai's model layer: `inspect/PROVIDER/NAME`, with that provider's own environment variables."""

import math
from collections.abc import Iterator
from typing import Any

from spiritlevel import jsonl
from spiritlevel.backends.exchange import kin
from spiritlevel.backends.hosted import Hosted, Patience, Price
from spiritlevel.backends.network import SWITCH, forbidden
from spiritlevel.errors import ConfigError, EndpointError
from spiritlevel.types import Journal, ModelRef

AT_HOME = ("mockllm",)
"""Providers that call nobody."""
LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters: correct, partial, incorrect, no answer; and the numbers that it takes them for."""


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """A hosted model's reference; unpinned, and of the provider's own family. Keys are looked for when it is opened."""
    provider, name = _parts(spec)
    return ModelRef(spec=spec, kind="hosted", family=kin(provider, name))


def open_ref(ref: ModelRef, journal: Journal, patience: Patience | None = None) -> Hosted:
    """The provider's client. MissingExtra without inspect_ai; ConfigError for a provider, package or key that is missing."""
    from spiritlevel.backends import _inspect

    provider, name = _parts(ref.spec)
    patience = patience or Patience.from_environment()
    call, close = _inspect.caller(ref.spec, f"{provider}/{name}")
    return Hosted(ref, call, close, patience, Price.from_environment(name))


def scores(name: str, value: Any) -> Iterator[tuple[str, float | None]]:
    """A number for each of its scores, None for what is none; a score of several parts gives one a part."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from scores(f"{name}.{jsonl.text(key)}", part)
    elif isinstance(value, bool | int | float):
        yield name, float(value) if math.isfinite(value) else None
    elif isinstance(value, str):
        yield name, LETTERS.get(value) if value in LETTERS else _number(value)
    else:
        yield name, None


def _parts(spec: str) -> tuple[str, str]:
    provider, _, name = spec.removeprefix("inspect/").partition("/")
    if not provider or not name or not spec.startswith("inspect/"):
        raise ConfigError(f"{spec!r} names no model; write inspect/PROVIDER/NAME, as in inspect/google/gemini-2.5-flash.")
    if forbidden() and provider not in AT_HOME:
        raise EndpointError(f"{spec!r} leaves this machine and {SWITCH} is set; unset it or use a local model.")
    return provider, name


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
