"""1 when the answer came to its end, 0 when it was cut at its length limit."""

from collections.abc import Callable

from spiritlevel.errors import ConfigError


def rule(argument: str) -> Callable[[str, bool], float]:
    """`rule:ended`."""
    if argument:
        raise ConfigError(f"rule:ended takes no argument, got {argument!r}")
    return lambda text, cut: float(not cut)
