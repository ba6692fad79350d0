"""Attacks written as prose: templates in a Markdown file, one a `- ` item, with `{goal}` where the request goes."""

from collections.abc import Callable
from pathlib import Path

from spiritlevel.constitution.reading import Faults, read
from spiritlevel.errors import ConfigError
from spiritlevel.types import content_hash

SLOT = "{goal}"


def templates(path: Path) -> tuple[str, ...]:
    """The templates of a file; ConfigError when one lacks its slot."""
    faults = Faults()
    items = [text for section in read(path, faults).sections for _, text in section.bullets()]
    if faults.found or not items or any(SLOT not in item for item in items):
        raise ConfigError(f"attack file {path.name!r} is malformed; each '- ' item needs {SLOT}: {'; '.join(faults.found)}")
    return tuple(items)


def wrapper(stem: str) -> Callable[[str, int], str]:
    """The attack of `STEM.md` beside this file: a goal and a seed pick a template."""
    path = Path(__file__).with_name(f"{stem}.md")

    def wrap(goal: str, seed: int) -> str:
        items = templates(path)
        return items[int(content_hash(stem, goal, seed), 16) % len(items)].replace(SLOT, goal)

    return wrap
