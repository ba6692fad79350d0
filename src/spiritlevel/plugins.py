"""Plugins: entry points by group and name. The built-in ones come the same way as anybody's."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from spiritlevel.errors import ConfigError


def names(group: str) -> list[str]:
    """Sorted names that are installed in a group such as `spiritlevel.backends`."""
    return sorted({point.name for point in entry_points(group=group)})


def load(group: str, name: str) -> Callable[..., Any]:
    """What the entry point names (a function, or a module for backends); ConfigError lists the known names."""
    found = [point for point in entry_points(group=group) if point.name == name]
    if not found:
        known = ", ".join(names(group)) or "none: is the package installed?"
        raise ConfigError(f"{group.rpartition('.')[2]} has no {name!r}; known: {known}.")
    return _load(found[0])


def _load(point: EntryPoint) -> Callable[..., Any]:
    try:
        loaded: Callable[..., Any] = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The plugin {point.name!r} ({point.value}) cannot be loaded: {error}; reinstall its package.") from error
    return loaded
