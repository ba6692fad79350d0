"""Footnotes of evidence: each distinct set of row sets gets one number, in order of first mention."""

from collections.abc import Iterable, Mapping

from markupsafe import Markup

from spiritlevel.report import words
from spiritlevel.types import Estimate

NONE = "none"
"""Stands where a figure names no rows; the evidence table says what that means."""


class Refs:
    """Numbers for one document. `known` says in words what an id is."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.numbers: dict[tuple[str, ...], int] = {}

    def key(self, rows: Iterable[str]) -> tuple[str, ...]:
        """The ids without repeats, sorted; `(NONE,)` for none."""
        return tuple(sorted({row for row in rows if row})) or (NONE,)

    def number(self, rows: Iterable[str]) -> int:
        """The number of a set of rows in this document."""
        return self.numbers.setdefault(self.key(rows), len(self.numbers) + 1)

    def attribute(self, rows: Iterable[str]) -> str:
        """Value of `data-evidence`: all ids, whole."""
        return " ".join(words.line(row) for row in self.key(rows))

    def cite(self, rows: Iterable[str]) -> Markup:
        """A small superscript link to the evidence table."""
        key = self.key(rows)
        n = self.number(key)
        return Markup('<sup class="cite"><a href="#e{0}" title="evidence: {1}">{0}</a></sup>').format(n, self.attribute(key))

    def figure(self, e: Estimate, rows: Iterable[str], phase: str = "") -> Markup:
        """A number element: value, interval, n, and its evidence."""
        key = self.key(rows)
        return Markup('<span class="num" data-evidence="{}"><b>{}</b>{} <span class="ci">{}</span></span>').format(
            self.attribute(key), tight(words.number(e.value, e.name, phase)), self.cite(key), tight(words.interval(e, phase))
        )

    def count(self, n: int, rows: Iterable[str]) -> Markup:
        """A number element for a plain count, which has no interval."""
        key = self.key(rows)
        return Markup('<span class="num count" data-evidence="{}">{}{}</span>').format(self.attribute(key), f"{n:,}", self.cite(key))

    def table(self) -> list[tuple[int, list[tuple[str, str]]]]:
        """(number, ids with what is known of each), for the end of the document."""
        return [(n, [(row, self.known.get(row, "")) for row in key]) for key, n in self.numbers.items()]


def tight(text: str) -> str:
    """Breaks lines only after a comma."""
    return text.replace(" ", "\u00a0").replace(",\u00a0", ", ")
