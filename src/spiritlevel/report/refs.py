"""Footnotes of evidence: each distinct set of row sets gets one number, in order of first mention."""

from collections.abc import Iterable, Mapping

from markupsafe import Markup

from spiritlevel.constitution import Constitution
from spiritlevel.report import words
from spiritlevel.types import Check, Estimate, Gap, Grade, Measurement, Verdict, content_hash

NONE = "none"
"""Stands where a figure names no rows; the evidence table says what that means."""
Rows = Iterable[str]
Read = tuple[Grade, tuple[str, ...]]


class Refs:
    """Numbers for one document. `known` says in words what an id is, `stale` why the rows of a step are no longer relied on."""

    def __init__(self, known: Mapping[str, str], stale: Mapping[str, str] | None = None) -> None:
        self.known = known
        self.stale = stale or {}
        self.numbers: dict[tuple[str, ...], int] = {}
        self.read: dict[tuple[str, ...], dict[Read, None]] = {}

    def key(self, rows: Rows) -> tuple[str, ...]:
        """The ids without repeats, sorted; `(NONE,)` for none."""
        return tuple(sorted({row for row in rows if row})) or (NONE,)

    def number(self, rows: Rows) -> int:
        """The number of a set of rows in this document."""
        return self.numbers.setdefault(self.key(rows), len(self.numbers) + 1)

    def attribute(self, rows: Rows) -> str:
        """Value of `data-evidence`: all ids, whole."""
        return " ".join(words.line(row) for row in self.key(rows))

    def cite(self, rows: Rows) -> Markup:
        """A small superscript link to the evidence table."""
        key = self.key(rows)
        n = self.number(key)
        return Markup('<sup class="cite"><a href="#e{0}" title="evidence: {1}">{0}</a></sup>').format(n, self.attribute(key))

    def mark(self, rows: Rows) -> Markup:
        """The same in Markdown."""
        return Markup("[e{0}](#evidence)").format(self.number(rows))

    def witness(self, rows: Rows, grade: Grade | None, instruments: Iterable[str] = ()) -> None:
        """Remember how a set of rows was graded and which instruments read it, for the evidence table."""
        if grade is not None:
            self.read.setdefault(self.key(rows), {})[grade, tuple(i for i in instruments if i)] = None

    def struck(self, m: Measurement) -> str:
        """Why a figure is struck out, in a clause; empty when it is not."""
        if m.grade is Grade.SPENT:
            return f"spent: {m.why_grade or 'it touched training, selection or stopping'}"
        return next((f"stale: {why}" for row in m.rows if (why := self.stale.get(row))), "")

    def measured(self, m: Measurement) -> Markup:
        """A number element of a measurement, struck out with its reason where it is spent or stale."""
        self.witness(m.rows, m.grade, m.instruments)
        shown = self.figure(m.estimate, m.rows, m.phase)
        why = self.struck(m)
        return Markup('<del title="{}">{}</del>').format(words.line(why, 300), shown) if why else shown

    def checked(self, c: Check, phase: str = "") -> Markup:
        """A number element of a condition, struck out where its evidence is spent."""
        if c.estimate is None:
            return Markup("")
        self.witness(c.rows, c.grade)
        shown = self.figure(c.estimate, c.rows, phase)
        return Markup('<del title="spent">{}</del>').format(shown) if c.grade is Grade.SPENT else shown

    def gap(self, g: Gap, e: Estimate) -> Markup:
        """A number element of one of a gap's estimates."""
        self.witness(g.rows, g.intent_grade, (g.proxy, g.intent))
        return self.figure(e, g.rows)

    def figure(self, e: Estimate, rows: Rows, phase: str = "") -> Markup:
        """A number element: value, interval, n, and its evidence."""
        key = self.key(rows)
        return Markup('<span class="num" data-evidence="{}"><b>{}</b>{} <span class="ci">{}</span></span>').format(
            self.attribute(key), tight(words.number(e.value, e.name, phase)), self.cite(key), tight(words.interval(e, phase))
        )

    def count(self, n: int, rows: Rows) -> Markup:
        """A number element for a plain count, which has no interval."""
        return self.bare(f"{n:,}", rows)

    def bare(self, shown: str, rows: Rows) -> Markup:
        """A number element for what is already in words and has no interval."""
        key = self.key(rows)
        return Markup('<span class="num count" data-evidence="{}">{}{}</span>').format(self.attribute(key), shown, self.cite(key))

    def limit(self, shown: str, law: Constitution) -> Markup:
        """A threshold quoted from the policy, with a link to it."""
        return Markup('<span class="from-policy">{}{}</span>').format(shown, self.cite([policy(law)]))

    def table(self) -> list[tuple[int, list[tuple[str, str]], list[Read]]]:
        """(number, ids with what is known of each, grades with instruments), for the end of the document."""
        return [(n, [(row, self.known.get(row, "")) for row in key], self._read(key)) for key, n in self.numbers.items()]

    def _read(self, key: tuple[str, ...]) -> list[Read]:
        found = self.read.get(key, {})
        named = {grade for grade, by in found if by}
        return [(grade, by) for grade, by in found if by or grade not in named]


def policy(law: Constitution) -> str:
    """Evidence id of the policy, from which thresholds are quoted."""
    return f"policy:{content_hash(law.policy)}"


def decided(verdict: Verdict) -> str:
    """Evidence id of the decision."""
    return f"verdict:{verdict.basis or content_hash(verdict)}"


def tight(text: str) -> str:
    """Breaks lines only after a comma."""
    return text.replace(" ", "\u00a0").replace(",\u00a0", ", ")
