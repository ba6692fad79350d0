"""Words of the answer, in hundreds; with an argument, minus how far it is from that many."""

from collections.abc import Callable

from spiritlevel.errors import ConfigError


def rule(argument: str) -> Callable[[str, bool], float]:
    """`rule:length` or `rule:length=WORDS`."""
    if argument and not argument.isdecimal():
        raise ConfigError(f"rule:length takes a number of words, not {argument!r}")
    if not argument:
        return lambda text, cut: len(text.split()) / 100
    return lambda text, cut: -abs(len(text.split()) - int(argument)) / 100
