"""Contrast sets as prose: a Markdown file each, with two sections of texts, or one of `question | one answer | the other`."""

from pathlib import Path

import numpy as np

from spiritlevel.constitution.reading import Document, Faults, read
from spiritlevel.errors import ConfigError
from spiritlevel.interpret.probes import Contrast
from spiritlevel.types import Chat, user

HOME = Path(__file__).parent


def texts(path: Path) -> Contrast:
    """Texts of a file's first section against those of its second; ConfigError names file and line, DataError as Contrast."""
    document = _read(path)
    sections = [section for section in document.sections if section.level == 1]
    if len(sections) != 2:
        raise ConfigError(f"{str(path)!r} has {len(sections)} sections and a contrast has two; write a heading and its texts for each side")
    sides = [[text for _, text in section.bullets()] for section in sections]
    labels = np.asarray([True] * len(sides[0]) + [False] * len(sides[1]))
    return Contrast((*sides[0], *sides[1]), labels, tuple(str(i) for side in sides for i in range(len(side))))


def pairs(path: Path) -> list[tuple[Chat, Chat]]:
    """(positive, negative) chats of each line `question | positive answer | negative answer`."""
    found = []
    for section in _read(path).sections:
        for line, text in section.bullets():
            parts = [part.strip() for part in text.split("|")]
            if len(parts) != 3 or not all(parts) or parts[1] == parts[2]:
                raise ConfigError(f"{path}:{line}: {text!r:.80} is no pair; write `question | one answer | the other`")
            found.append((user(parts[0], prefill=parts[1]), user(parts[0], prefill=parts[2])))
    if len(found) < 2:
        raise ConfigError(f"{str(path)!r} has {len(found)} pairs; a probe needs at least two")
    return found


def _read(path: Path) -> Document:
    faults = Faults()
    document = read(path, faults)
    if faults.found:
        raise ConfigError("; ".join(faults.found))
    return document
