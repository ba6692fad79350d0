"""Markdown files with front matter, read with line numbers; every fault is collected, none stops the reading."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
BAD_VALUES = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What PyYAML lets through for values that no type can hold (2020-99-99, `!!bool x`) or that nest too deep."""


class NotYaml(ValueError):
    """Text that is not usable YAML; `line` (1-based) is where, and the message what it is and what to do."""

    def __init__(self, line: int, what: str = "not valid YAML; correct the line (quote values that hold a colon)") -> None:
        self.line = line
        super().__init__(what)


class _Twice(yaml.constructor.ConstructorError):
    """A key that stands twice in one mapping: YAML would keep the last and lose the first without a word."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _Twice(None, None, f"not clear YAML, since {key.value[:40]!r} stands there twice; keep one", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    value = str(loader.construct_scalar(node))
    if any("\ud800" <= c <= "\udfff" for c in value):  # an escape can make what no file can hold
        raise yaml.constructor.ConstructorError(None, None, "a lone surrogate", node.start_mark)
    return value


_Loader.add_constructor("tag:yaml.org,2002:str", _text)


def parse_yaml(text: str) -> object:
    """What YAML text holds; NotYaml, and nothing else, when it cannot be read."""
    try:
        return yaml.load(text.replace("\x00", ""), Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise (NotYaml(line, str(error.problem)) if isinstance(error, _Twice) else NotYaml(line)) from None
    except BAD_VALUES:
        raise NotYaml(1) from None


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
    """Parse a file; never raises. NUL and undecodable bytes are faults; what can be read is still returned."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        faults.add(path, 1, f"cannot be read ({error.strerror}); put a readable text file there")
        return Document(path, {}, [Section(0, "", 1, [])])
    text = raw.decode("utf-8", errors="replace")
    if "\x00" in text or REPLACEMENT in text:
        bad = next(i for i, t in enumerate(text.split("\n"), 1) if "\x00" in t or REPLACEMENT in t)
        faults.add(path, bad, "bytes that are not UTF-8 text, or NUL; save the file as UTF-8 and remove them")
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
        loaded = parse_yaml("\n".join(lines)) or {}
    except NotYaml as error:
        faults.add(path, error.line + 1, f"front matter is {error}")
        return {}
    if not isinstance(loaded, dict):
        faults.add(path, 2, "front matter is not a list of `field: value` lines; write it so")
        return {}
    return {str(key): value for key, value in loaded.items()}
