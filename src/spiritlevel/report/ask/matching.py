"""Which statements answer a question, and when none does.

Facts are matched by the names of the lexicon. By these alone, a statement answers when it covers all that is named, and prose when
BM25 (Robertson and Zaragoza 2009, section 3) over stems finds it. With what MiniLM takes the question to ask for (near.py), both
are weighed against the evidence not saying: a log-linear model of a few weights.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spiritlevel.report.ask.lexicon import SENTENCE, Lexicon, Mention, Read, stems
from spiritlevel.report.ask.near import NONE
from spiritlevel.report.ask.statement import PLACES, Statement

EXTRA, MOST_EXTRA = 0.2, 0.6
"""What a name that the question leaves out counts against a statement; at most, so that many are no worse."""
MEASURED = ("figure", "inside", "gap")
PHASES = frozenset({"before", "after", "change"})
DECIDED = ("verdict", "check", "threshold", "needs", "sealed", "people")
"""What is decided once: `before it is released` asks of no phase there."""
SLOTS = frozenset({"before", "after", "change", "teach", "open", "sealed", "horizon"})
"""When and on what: a figure is no answer to a question that names only these, and not the quantity; which model it is, is."""
SOFT, LITERAL = 0.35, 0.15
"""What a name in passing counts, and a word of the question that the statement's text holds."""
CLOSE = 0.11
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
COVERED = 0.55
"""Prose answers when it covers this share of the question's weight."""
FITS, ASKED, UNCOVERED, UNREAD, APART = 1.35, 1.5, 3.5, 1.4, 0.9
"""Log-odds of a statement for a unit of its score and of the log-probability of what is asked; against it for each thing or name in
the question that it does not cover, each other word that it does not hold, and when it has nothing in common with the question."""
SILENT = 0.8
"""Log-odds that the evidence does not say. Fitted with the five above to the development questions, then raised by a half: a false
answer is worse than none."""
LEAST = 1e-6


@dataclass(frozen=True)
class Match:
    """A statement with how well it fits."""

    statement: Statement
    score: float
    uncovered: tuple[str, ...] = ()
    """Things that the question names and it does not tell."""
    unread: tuple[str, ...] = ()
    """Words that the lexicon lacks and it does not hold."""
    apart: bool = False
    """It tells nothing that the question names."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What it does not cover."""
        return tuple(dict.fromkeys((*self.uncovered, *self.unread)))


def facts(read: Read, statements: Sequence[Statement], roots: Sequence[frozenset[str]]) -> list[Match]:
    """All that may be meant, the best by the lexicon first; those that miss nothing and are not apart answer by it alone."""
    left = {word: stems(word)[0] for word in read.left}
    named = {name for m in read.mentions for name in m.names}
    found = []
    for s, mine in zip(statements, roots, strict=True):
        unread = tuple(word for word, root in left.items() if root not in mine)
        if s.kind == "concept":
            found.append(Match(s, 0.0, (), unread, True))
            continue
        if s.kind == "definition" and ("define" not in named or not (s.about - {"define"}) & named):
            continue
        if s.kind == "cost" and "answered" in named:
            continue  # costs are of steps, and of no single reply
        if any(name.startswith(PLACES) for name in s.about - named) and s.kind not in ("principle", "campaign"):
            continue  # a figure of one principle or attack is no answer on all of them
        all_ = s.about | s.also
        if s.kind in DECIDED:
            all_ |= PHASES
        uncovered = tuple(m.words for m in read.hard if not m.names & all_ and not _literal(m, s, mine))
        apart = not (s.about - SLOTS if s.kind in MEASURED else s.about) & named
        extra = EXTRA * len(s.about - named)
        score = sum((SOFT if m.soft else 1.0) for m in read.mentions if m.names & (s.about | s.also))
        score += LITERAL * sum(set(stems(m.words)) <= mine for m in read.mentions) + sum(root in mine for root in left.values())
        found.append(Match(s, score - min(extra, MOST_EXTRA) + s.prior, uncovered, unread, apart))
    return sorted(found, key=lambda m: (m.apart, len(m.missing), -m.score))


def likeliest(names: frozenset[str], found: Sequence[Match], likely: Mapping[str, float]) -> list[Match]:
    """Matches that are likelier meant than that the evidence does not say, the likeliest first.

    What no example asks for is as likely as what no run answers; so is what only other runs tell.
    """
    told = {m.statement.asked for m in found}
    silent = sum(p for name, p in likely.items() if name == NONE or name not in told)
    odds = [_odds(m, names, likely.get(m.statement.asked, silent)) for m in found]
    least = SILENT + ASKED * math.log(silent + LEAST)
    order = sorted((i for i in range(len(found)) if odds[i] > least), key=lambda i: -odds[i])
    return [found[i] for i in order]


def _odds(m: Match, names: frozenset[str], asked: float) -> float:
    """Prose is told by what is asked alone."""
    odds = ASKED * math.log(asked + LEAST)
    if m.statement.kind == "concept":
        return odds
    named = sum(word in names for word in m.unread)
    odds += FITS * m.score - UNCOVERED * min(len(m.uncovered) + named, 2) - UNREAD * min(len(m.unread) - named, 3)
    return odds - APART * m.apart


def _literal(mention: Mention, s: Statement, mine: frozenset[str]) -> bool:
    """Whether the statement's own words hold the phrase, where its text is made of names and not of sentences."""
    return bool(s.about.intersection(LITERALLY) or s.kind in ("config", "unknown")) and set(stems(mention.words)) <= mine


def together(found: Sequence[Match], most: int) -> list[Statement]:
    """The best answer, and those that fit as well."""
    if not found:
        return []
    best = found[0]
    alike = [m.statement for m in found if (m.apart, len(m.missing)) == (best.apart, len(best.missing)) and m.score >= best.score - CLOSE]
    return list({s.text: s for s in alike}.values())[:most]


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

    def search(self, question: str, lexicon: Lexicon) -> list[tuple[Statement, float]]:
        """(paragraph, share of the question's weight covered), the best by BM25 first; none for a question of filler."""
        asked = [root for root in dict.fromkeys(stems(question)) if root not in lexicon.filler and len(root) > 2]
        whole = sum(map(self.weight, asked))
        found = []
        for s, bag in zip(self.statements, self.bags, strict=True):
            size = K1 * (1 - B + B * bag.total() / self.mean)
            bm25 = sum(self.weight(r) * bag[r] * (K1 + 1) / (bag[r] + size) for r in asked)
            found.append((s, bm25, sum(self.weight(r) for r in asked if bag[r]) / (whole or 1)))
        return [(s, covered) for s, _, covered in sorted(found, key=lambda one: -one[1])]


def learned(read: Read) -> bool:
    """Whether a question asks for what authors say, and not for this run."""
    return any("literature" in m.names for m in read.mentions)


def prose(question: str, read: Read, lexicon: Lexicon, statements: Sequence[Statement]) -> list[Statement]:
    """At most one paragraph, cut to the sentences that answer; none for what asks for a figure or is too far."""
    if any(m.names.intersection(QUANTITY) for m in read.mentions) or (not learned(read) and any(m.names & OWN for m in read.hard)):
        return []
    exact = [set(stems(m.words)) for m in read.hard if m.names.intersection(NEVER)] + [set(stems(word)) for word in read.left]
    for s, covered in Prose(statements).search(question, lexicon)[:1]:
        held = set(stems(f"{s.text} {s.words}"))
        if covered >= COVERED and all(words <= held for words in exact):
            return [cut(s, question, lexicon)]
    return []


def paragraph(question: str, lexicon: Lexicon, statements: Sequence[Statement], source: str) -> Statement:
    """The paragraph under a heading that holds most of the question, cut to the sentences that answer."""
    return cut(next(s for s, _ in Prose(statements).search(question, lexicon) if s.source == source), question, lexicon)


def cut(s: Statement, question: str, lexicon: Lexicon, most: int = 3) -> Statement:
    """The sentences of a paragraph from the one that holds most of the question's words; the whole where it is short."""
    sentences = SENTENCE.split(s.text)
    asked = {root for root in stems(question) if root not in lexicon.filler}
    best = max(range(len(sentences)), key=lambda i: (len(asked.intersection(stems(sentences[i]))), -i))
    start = max(0, min(best, len(sentences) - most))
    return Statement(" ".join(sentences[start : start + most]), s.rows, s.kind, s.about, s.also, s.prior, s.source, s.words)
