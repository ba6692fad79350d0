"""Questions to a run, answered with its own sentences: each is quoted whole and names its rows. No model writes a word.

lexicon    what people call things      statement, measured, decided, made, beside, concepts    all that a run says, a sentence each
matching   what answers a question      near       what it asks for, by sentence embeddings, where they are installed

"The evidence does not say" is an answer: it is given whenever that is likelier than what any statement says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from spiritlevel import plugins
from spiritlevel.errors import DataError
from spiritlevel.report.ask import beside, concepts, decided, made, matching, measured, near
from spiritlevel.report.ask.gathered import told_of
from spiritlevel.report.ask.lexicon import Lexicon, Mention, Read, core, load, proper, stems
from spiritlevel.report.ask.statement import Statement, Told

__all__ = ["MOST", "Answer", "Asked", "Statement", "Told", "prepared", "told_of"]

ATTACKS = "spiritlevel.attacks"
MOST = 3
"""Sentences of an answer."""
OPENERS = ("can ", "could ", "may ", "shall ", "should ", "is ", "are ")
"""A yes or no that names nothing is asked of the verdict."""
LONGEST = 1000
"""Characters of a question."""


@dataclass(frozen=True)
class Answer:
    """What a run says to a question."""

    question: str
    answered: bool
    """False: the evidence does not say; `statements` then are the limits that the run itself states of it."""
    statements: tuple[Statement, ...] = ()
    missing: tuple[str, ...] = ()
    """What the question names that the nearest statement does not cover."""


@dataclass(frozen=True)
class Asked:
    """A run that can be asked."""

    told: Told
    lexicon: Lexicon
    statements: tuple[Statement, ...]
    embed: bool

    def answer(self, question: str) -> Answer:
        """Facts before prose; DataError for an empty question or one that is too long."""
        plain = " ".join(question.split())
        if not any(c.isalnum() for c in plain):
            raise DataError(f"the question {question!r:.60} has no words; ask one, such as: Is the model approved?")
        if len(plain) > LONGEST:
            raise DataError(f"the question has {len(plain):,} characters; ask in at most {LONGEST:,}")
        asked = self.lexicon.spelt(plain, self.known)
        read = self._read(asked)
        if not read.mentions and not read.left and asked.lower().startswith(OPENERS):
            read = self.lexicon.read("verdict")
        facts = matching.facts(read, self.statements, self.roots)
        if found := self._likeliest(asked, read, facts) if self.embed else self._covering(asked, read, facts):
            return self._told(question, read, found)
        closed = any("sealed" in m.names for m in read.hard) and self.told.exam is None
        limits = tuple(s for s in self.statements if s.kind == "sealed") if closed else ()
        near = [m for m in facts if not m.apart]
        return Answer(question, False, limits, near[0].missing if near else read.left or tuple(m.words for m in read.hard))

    def _read(self, asked: str) -> Read:
        """What is told before a question may name things, but its other words need not be understood."""
        read, own = self.lexicon.read(asked), self.lexicon.read(core(asked))
        names = proper(asked)
        return Read(read.mentions, tuple(word for word in read.left if word in own.left or word in names))

    def _covering(self, asked: str, read: Read, facts: Sequence[matching.Match]) -> Sequence[Statement]:
        """Facts that cover all that is named, else prose; prose first on what authors say."""
        told = matching.prose(asked, read, self.lexicon, self.statements)
        whole = [m for m in facts if not m.apart and not m.missing]
        return told if told and (matching.learned(read) or not whole) else matching.together(whole, MOST)

    def _likeliest(self, asked: str, read: Read, facts: Sequence[matching.Match]) -> Sequence[Statement]:
        """Facts or prose by what the question is taken to ask for."""
        found = matching.likeliest(proper(asked), facts, near.likely(dict.fromkeys((asked, core(asked)))))
        if found and (best := found[0].statement).kind == "concept":
            return [matching.paragraph(asked, self.lexicon, self.statements, best.source)]
        return matching.together([m for m in found if m.statement.asked == found[0].statement.asked], MOST)

    @cached_property
    def roots(self) -> list[frozenset[str]]:
        """Stems of every statement's own words."""
        return [frozenset(stems(f"{s.text} {s.words}")) for s in self.statements]

    @cached_property
    def known(self) -> frozenset[str]:
        """Stems of all that is told, prose too, and MiniLM's own words: such a word is not misspelt."""
        return frozenset().union(*self.roots, near.words() if self.embed else ())

    def _told(self, question: str, read: Read, found: Sequence[Statement]) -> Answer:
        """A limit that the run states answers what it does not know; asked for its limits, it tells them."""
        wanted = any("limits" in m.names for m in read.mentions)
        if found[0].kind == "unknown" and not wanted:
            return Answer(question, False, tuple(s for s in found if s.kind == "unknown"))
        kept = tuple(s for s in found if wanted or s.kind != "unknown")
        return Answer(question, True, kept)


def prepared(told: Told, *, embed: bool | None = None) -> Asked:
    """All statements of a run, in order. `embed`: use sentence embeddings; None = where they are installed."""
    lexicon = load()
    for phrase, names in _own(told, lexicon).items():
        lexicon.add(phrase, Mention(frozenset(names), phrase))
    found = (
        *decided.statements(told, lexicon),
        *measured.statements(told, lexicon),
        *made.statements(told),
        *beside.statements(told, lexicon),
    )
    return Asked(told, lexicon, (*found, *concepts.paragraphs()), near.installed() if embed is None else embed)


def _own(told: Told, lexicon: Lexicon) -> dict[str, set[str]]:
    """Phrases for this run's own principles, attack families and settings; one phrase may mean any of several."""
    found: dict[str, set[str]] = {}

    def add(name: str, *phrases: str) -> None:
        for phrase in phrases:
            found.setdefault(phrase.lower(), set()).add(name)

    for p in told.law.principles:
        category = told.law.policy.categories.get(p.category)
        add(
            f"principle:{p.id}",
            p.id.replace("-", " "),
            p.title,
            *lexicon.subjects.get(p.category, ()),
            *([category.title] if category else []),
        )
    for horizon, phrases in {"near": ("near term", "short term"), "long": ("long term",)}.items():
        add(f"principle:horizon:{horizon}", *phrases)
    for name, phrases in measured.phrases([m for c in (told.compared, told.exam) if c for m in c.measurements]).items():
        add(name, *phrases)
    for name in plugins.names(ATTACKS):  # of those that were not tried nothing can be told
        if name.replace("-", " ") not in found and name != "direct":
            add(f"cell:{name}", name.replace("-", " "))
    for key, _ in beside.leaves(told.config):
        last = key.rpartition(".")[2].replace("_", " ")
        if not lexicon.knows(last) and len(last) > 3:
            add(f"key:{key}", last)
    return found
