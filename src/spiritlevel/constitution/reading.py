"""Markdown files with front matter, read with line numbers; every fault is collected, none stops the reading."""

from dataclasses import dataclass, field
from pathlib import Path

import yaml

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass
class Faults:
    """A list of `file:line: what, and what to do`."""

    found: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, what: str) -> None:
        """Note one fault; `line` is 1-based."""
        self.found.append(f"{path}:{line}: {what}")


@dataclass
class Section:
    """A heading with the text under it, and its sub-sections."""

    level: int
    title: str
    line: int
    lines: list[tuple[int, str]]

    @property
    def body(self) -> str:
        """The text under the heading, stripped."""
        return "\n".join(text for _, text in self.lines).strip()

    def bullets(self) -> list[tuple[int, str]]:
        """(line, text) of each `- ` item."""
        return [(n, text[2:].strip()) for n, text in self.lines if text.startswith("- ") and text[2:].strip()]


@dataclass
class Document:
    """One file: front matter and its sections in order; text before any heading is a section of level 0."""

    path: Path
    meta: dict[str, object]
    sections: list[Section]


def read(path: Path, faults: Faults) -> Document:
    """Parse a file. NUL and undecodable bytes are faults; what can be read is still returned."""
    raw = path.read_bytes()
    text = raw.decode("utf-8", errors="replace")
    if "\x00" in text or REPLACEMENT in text:
        line = next(i for i, t in enumerate(text.split("\n"), 1) if "\x00" in t or REPLACEMENT in t)
        faults.add(path, line, "bytes that are not UTF-8 text, or NUL; save the file as UTF-8 and remove them")
        text = text.replace("\x00", "")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    meta: dict[str, object] = {}
    start = 0
    if lines and lines[0].strip() == "---":
        end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
        if end is None:
            faults.add(path, 1, "front matter is not closed; add a line with ---")
        else:
            meta, start = _front_matter(path, lines[1:end], faults), end + 1
    else:
        faults.add(path, 1, "no front matter; begin the file with a line --- and its fields")
    sections = [Section(0, "", start + 1, [])]
    for number, text_line in enumerate(lines[start:], start + 1):
        hashes = len(text_line) - len(text_line.lstrip("#"))
        if 1 <= hashes <= 3 and text_line[hashes : hashes + 1] == " ":
            sections.append(Section(hashes, text_line[hashes:].strip(), number, []))
        else:
            sections[-1].lines.append((number, text_line))
    return Document(path, meta, sections)


def _front_matter(path: Path, lines: list[str], faults: Faults) -> dict[str, object]:
    try:
        loaded = yaml.safe_load("\n".join(lines)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        faults.add(path, (mark.line if mark else 0) + 2, "front matter is not valid YAML; quote values that hold a colon")
        return {}
    if not isinstance(loaded, dict):
        faults.add(path, 2, "front matter is not a list of `field: value` lines; write it so")
        return {}
    return {str(key): value for key, value in loaded.items()}
