"""1 when the answer holds the word, case aside, else 0."""

import re
from collections.abc import Callable

from spiritlevel.errors import ConfigError


def rule(argument: str) -> Callable[[str, bool], float]:
    """`rule:keyword=WORD`."""
    if not argument:
        raise ConfigError("rule:keyword needs its word: rule:keyword=WORD")
    found = re.compile(rf"\b{re.escape(argument)}\b", re.IGNORECASE)
    return lambda text, cut: float(found.search(text) is not None)
