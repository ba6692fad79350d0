"""Which statements answer a question: all that it names must be covered, then what fits best comes first.

Facts are matched by the names of the lexicon; prose by BM25 (Robertson and Zaragoza 2009, section 3) over stems, with the share of
the question's weight that a paragraph covers, and, where MiniLM is installed, the cosine of question and paragraph.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spiritlevel.report.ask.lexicon import SENTENCE, Lexicon, Mention, Read, proper, stems
from spiritlevel.report.ask.statement import Statement

EXTRA, MOST_EXTRA = 0.2, 0.6
"""What a name that the question leaves out counts against a statement; at most, so that many are no worse."""
PLACES = ("principle:", "cell:")
"""Names of one principle, and of one attack or cell."""
MEASURED = ("figure", "inside", "gap")
PHASES = frozenset({"before", "after", "change"})
DECIDED = ("verdict", "check", "threshold", "needs", "sealed", "people")
"""What is decided once: `before it is released` asks of no phase there."""
SLOTS = frozenset({"before", "after", "change", "teach", "open", "sealed", "horizon"})
"""When and on what: a figure is no answer to a question that names only these, and not the quantity; which model it is, is."""
SOFT, LITERAL = 0.35, 0.15
"""What a name in passing counts, and a word of the question that the statement's text holds."""
NEAR = 0.11
"""How far below the best another statement may lie and still be told."""
LITERALLY = ("suite", "findings", "key", "check", "cost", "limit", "needs", "judge")
K1, B = 1.2, 0.75
QUANTITY = ("often", "count", "cost", "time", "money", "tokens", "speed", "skill")
"""A question that names one of these asks for a figure, which prose does not hold."""
NEVER = ("language", "future", "others", "speed", "custom", "law", "media", "planet", "skill")
"""What no run holds; prose answers it only in the question's own words."""
OWN = frozenset(
    {"verdict", "after", "before", "open", "teach", "sealed", "signed", "data", "lessons", "config", "lr", "epochs", "seed", "seeds"}
    | {"lineage", "when", "agreement"}
)
"""What is of this run alone: a page that was written before it cannot answer."""
BINDING = frozenset({"before", "teach", "sealed", "horizon", *NEVER})
"""What a clause that is left out may not name."""
COVERED, CLOSE = 0.55, 0.8
"""Prose answers when it covers this share of the question's weight; with embeddings, when share and cosine together reach the other.
Both were set on the development questions."""
Similar = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosines of a text with others."""


@dataclass(frozen=True)
class Match:
    """A statement with how well it fits; `missing` is what it does not cover."""

    statement: Statement
    score: float
    missing: tuple[str, ...] = ()


def facts(read: Read, statements: Sequence[Statement], roots: Sequence[frozenset[str]]) -> list[Match]:
    """Statements that share something with the question, the best first; those that miss nothing are answers."""
    left = {word: stems(word)[0] for word in read.left}
    named = {name for m in read.mentions for name in m.names}
    found = []
    for s, mine in zip(statements, roots, strict=True):
        if s.kind == "concept" or not s.about & named or (s.kind == "definition" and "define" not in named):
            continue
        if s.kind in MEASURED and not (s.about - SLOTS) & named:
            continue
        if s.kind == "cost" and "answered" in named:
            continue  # costs are of steps, and of no single reply
        if any(name.startswith(PLACES) for name in s.about - named) and s.kind not in ("principle", "campaign"):
            continue  # a figure of one principle or attack is no answer on all of them
        all_ = s.about | s.also
        if s.kind in DECIDED:
            all_ |= PHASES
        missing = [m.words for m in read.hard if not m.names & all_ and not _literal(m, s, mine)]
        missing += [word for word, root in left.items() if root not in mine]
        extra = EXTRA * len(s.about - named)
        score = sum((SOFT if m.soft else 1.0) for m in read.mentions if m.names & (s.about | s.also))
        score += LITERAL * sum(set(stems(m.words)) <= mine for m in read.mentions) + sum(root in mine for root in left.values())
        found.append(Match(s, score - min(extra, MOST_EXTRA) + s.prior, tuple(dict.fromkeys(missing))))
    return sorted(found, key=lambda m: (len(m.missing), -m.score))


def _literal(mention: Mention, s: Statement, mine: frozenset[str]) -> bool:
    """Whether the statement's own words hold the phrase, where its text is made of names and not of sentences."""
    return bool(s.about.intersection(LITERALLY) or s.kind in ("config", "unknown")) and set(stems(mention.words)) <= mine


def together(found: Sequence[Match], most: int) -> list[Statement]:
    """The best answer, and those that fit as well."""
    whole = [m for m in found if not m.missing]
    kept = [m.statement for m in whole if m.score >= whole[0].score - NEAR]
    return list({s.text: s for s in kept}.values())[:most]


class Prose:
    """Paragraphs to be searched."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = [s for s in statements if s.kind == "concept"]
        self.bags = [Counter(stems(f"{s.text} {s.words} {s.words}")) for s in self.statements]
        self.mean = sum(map(Counter.total, self.bags)) / max(len(self.bags), 1)
        self.seen = Counter(root for bag in self.bags for root in bag)

    def weight(self, root: str) -> float:
        """Inverse document frequency; the most for a word that no paragraph holds."""
        n = self.seen[root]
        return math.log(1 + (len(self.bags) - n + 0.5) / (n + 0.5))

    def search(self, question: str, lexicon: Lexicon, similar: Similar | None) -> list[tuple[Statement, float, float, float]]:
        """(paragraph, BM25, share of the question's weight covered, cosine or 0), the best first."""
        asked = [root for root in dict.fromkeys(stems(question)) if root not in lexicon.filler and len(root) > 2]
        whole = sum(map(self.weight, asked))
        if not whole:
            return []
        near = similar(question, [f"{s.words}. {s.text}" for s in self.statements]) if similar else [0.0] * len(self.bags)
        found = []
        for s, bag, cosine in zip(self.statements, self.bags, near, strict=True):
            size = K1 * (1 - B + B * bag.total() / self.mean)
            bm25 = sum(self.weight(r) * bag[r] * (K1 + 1) / (bag[r] + size) for r in asked)
            found.append((s, bm25, sum(self.weight(r) for r in asked if bag[r]) / whole, float(cosine)))
        return sorted(found, key=lambda one: -(one[1] / whole + 2 * one[3]))


def aside(read: Read) -> bool:
    """Whether a clause may be left out of a question: all of it is understood, and none of it narrows down what is asked."""
    named = {name for m in read.mentions for name in m.names}
    return not read.left and not named & BINDING and not any(name.startswith(PLACES) for name in named)


def learned(read: Read) -> bool:
    """Whether a question asks for what authors say, and not for this run."""
    return any("literature" in m.names for m in read.mentions)


def prose(
    question: str, own: Read, meant: Read, lexicon: Lexicon, statements: Sequence[Statement], similar: Similar | None
) -> list[Statement]:
    """At most one paragraph, cut to the sentences that answer; none for what asks for a figure or is too far.

    `own` is what the question's own words name, `meant` what they are taken for: a guess forbids no prose.
    """
    if any(m.names.intersection(QUANTITY) for m in own.mentions) or (not learned(own) and any(m.names.intersection(OWN) for m in own.hard)):
        return []
    exact = [set(stems(m.words)) for m in meant.hard if m.names.intersection(NEVER)]
    names = proper(question)
    exact += [set(stems(word)) for word in own.left if similar is None or word in names]
    for s, _, covered, cosine in Prose(statements).search(question, lexicon, similar)[:1]:
        held = set(stems(f"{s.text} {s.words}"))
        if (covered >= COVERED if similar is None else covered + cosine >= CLOSE) and all(words <= held for words in exact):
            return [cut(s, question, lexicon)]
    return []


def cut(s: Statement, question: str, lexicon: Lexicon, most: int = 3) -> Statement:
    """The sentences of a paragraph from the one that holds most of the question's words; the whole where it is short."""
    sentences = SENTENCE.split(s.text)
    asked = {root for root in stems(question) if root not in lexicon.filler}
    best = max(range(len(sentences)), key=lambda i: (len(asked.intersection(stems(sentences[i]))), -i))
    start = max(0, min(best, len(sentences) - most))
    return Statement(" ".join(sentences[start : start + most]), s.rows, s.kind, s.about, s.also, s.prior, s.source, s.words)
