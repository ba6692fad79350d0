"""From what people call things to what the run calls them: a question becomes the things that it names and the words left over."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("lexicon.yaml")
LEAST = 6
"""Letters of a word, and one more than of its stem, of which one may be wrong: shorter ones are one letter from too many others."""
GAP = 3
"""Most words that `..` in a phrase stands for."""
ARTICLES = frozenset({"a", "an", "the", "its", "our", "your", "their"})
JOINING = frozenset({"and", "between", "by", "from", "in", "of", "on", "to", "with"})
"""An article after one of these does not part a phrase: `the proxy and the intent`."""
TOKEN = re.compile(r"[^\W_]+(?:\.\d+)?")
PREAMBLE = re.compile(
    r"^(?:(?:speaking )?as (?:an?|the|your|our)|(?:for|since|because)\b[^:,?]*\b(?:i|me|my)\b) [^:,?]*[:,]\s*"
    r"|,? so (?:that )?(?:i|we) (?:can|could|may)\b[^?.,]*",
    re.IGNORECASE,
)
"""Who is asking and what for: `As the person who signs this:`, `so that I can tell my board`."""
COLON = re.compile(r"^.*: (?=(?:what|which|who|whose|when|where|why|how|did|does|do|is|are|was|were|has|have|can|may)\b)", re.IGNORECASE)
"""What is told before a question in one sentence: `Let me put it simply: how ...`."""
ENOUGH = 6
"""Words of a question that stands by itself; `Why is that so?` does not."""
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"(])")


def core(text: str) -> str:
    """The questions of a text, without what is told before them (`I have a meeting on Thursday.`); the whole where they say too little."""
    asked = " ".join(COLON.sub("", part) for part in SENTENCE.split(text) if part.endswith("?"))
    return asked if len(tokens(asked)) >= ENOUGH else text


def tokens(text: str) -> list[str]:
    """Words in small letters, without the marks of possession and of leaving out (`we'd`); hyphens part words."""
    plain = re.sub(r"[’'](?:s|d|ll|ve|re|m)\b", "", text.lower().replace("n’t", "n't"))
    return TOKEN.findall(plain.replace("’", "").replace("'", ""))


def proper(text: str) -> frozenset[str]:
    """Words after the first that are written as names or hold a digit, in small letters."""
    return frozenset(word.lower() for word in TOKEN.findall(text)[1:] if word != word.lower() or not word.isalpha())


@cache
def stem(word: str) -> str:
    """A word without its commonest endings: crude, and the same for a question and for what is searched."""
    for end, instead in (("abilities", "abl"), ("ability", "abl"), ("ments", ""), ("ment", ""), ("gence", "g"), ("gent", "g")):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return _single(word[: -len(end)] + instead)
    for end, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("ly", "")):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return _single(word[: -len(end)] + instead)
    if word.endswith("es") and len(word) > 5:
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _single(word: str) -> str:
    """`scamm` of `scamming` is `scam`; a last e goes as it does elsewhere."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        return word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order."""
    return [stem(word) for word in tokens(text)]


def one_off(word: str, other: str) -> bool:
    """Whether one letter is lacking, too many or another; the first letter is right."""
    if word[:1] != other[:1] or abs(len(word) - len(other)) > 1 or word == other:
        return False
    at = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    rest, its = word[at:], other[at:]
    return rest[1:] == its[1:] or rest[1:] == its or rest == its[1:]


def swapped(word: str, other: str) -> bool:
    """Whether two neighbours after the first letter are the other way round."""
    return len(word) == len(other) and any(word[:i] + word[i + 1] + word[i] + word[i + 2 :] == other for i in range(1, len(word) - 1))


@dataclass(frozen=True)
class Mention:
    """A thing that a text names: any of `names` is meant."""

    names: frozenset[str]
    words: str
    soft: bool = False
    """Named in passing: an answer need not be about it."""


@dataclass(frozen=True)
class Read:
    """A text as the lexicon reads it."""

    mentions: tuple[Mention, ...]
    left: tuple[str, ...]
    """Words that it does not know, as written."""

    @property
    def hard(self) -> tuple[Mention, ...]:
        """What an answer must be about."""
        return tuple(m for m in self.mentions if not m.soft)


@dataclass
class Lexicon:
    """Phrases by the stem that they begin with."""

    filler: frozenset[str]
    phrases: dict[str, list[tuple[tuple[str, ...], str, tuple[Mention, ...]]]] = field(default_factory=dict)
    subjects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What people call a usage category."""

    short: dict[str, str] = field(default_factory=dict)
    """Abbreviations, written out."""

    def spelt(self, text: str, known: Collection[str] = ()) -> str:
        """A question without who asks, abbreviations written out, and slips of one letter mended; words or stems that are `known` stay."""
        words = {stem(w): w for t, _ in self.all() for w in tokens(t)} | {w: w for w in self.filler}

        text = PREAMBLE.sub("", text)

        def mended(found: re.Match[str]) -> str:
            word = found[0].lower()
            root = stem(word)
            if word in self.short:
                return self.short[word]
            if root in words or root in known or word in known or not word.isalpha() or text[found.end() : found.end() + 1] in ("'", "’"):
                return found[0]
            near = (w for other, w in words.items() if min(len(word), len(root) + 1) >= LEAST and one_off(root, other))
            turned = (w for other, w in words.items() if root == word and swapped(root, other))
            return next(chain(near, turned), found[0])

        return TOKEN.sub(mended, text)

    def add(self, phrase: str, *mentions: Mention) -> None:
        """One more phrase; what it means is added to what it meant."""
        parts = tuple(
            part if part == ".." else stem(part) for word in phrase.split() for part in ([".."] if word == ".." else tokens(word))
        )
        if not parts:
            return
        known = self.phrases.setdefault(parts[0], [])
        for i, (other, text, meant) in enumerate(known):
            if other == parts:
                had = {(m.names, m.soft) for m in meant}
                known[i] = (parts, text, (*meant, *(m for m in mentions if (m.names, m.soft) not in had)))
                return
        known.append((parts, phrase, mentions))

    def knows(self, phrase: str) -> bool:
        """Whether this very phrase has a meaning, or is filler."""
        parts = tuple(stems(phrase))
        return (len(parts) == 1 and parts[0] in self.filler) or any(
            p == parts for p, _, _ in self.phrases.get(parts[0] if parts else "", ())
        )

    def all(self) -> list[tuple[str, tuple[Mention, ...]]]:
        """Every phrase without gaps, with what it means."""
        return [(text, meant) for known in self.phrases.values() for parts, text, meant in known if ".." not in parts]

    def read(self, text: str) -> Read:
        """The longest phrases first; no word is read twice."""
        words = tokens(text)
        roots = [stem(word) for word in words]
        found = [
            (at, text, meant)
            for start, root in enumerate(roots)
            for parts, text, meant in self.phrases.get(root, ())
            if (at := _match(roots, start, parts))
        ]
        found.sort(key=lambda one: (-len(one[0]), one[0][-1] - one[0][0], one[0]))
        taken: set[int] = set()
        mentions: list[Mention] = []
        for at, _, meant in found:
            if taken.isdisjoint(at):
                taken.update(at)
                mentions += meant
        left = [word for i, word in enumerate(words) if i not in taken and roots[i] not in self.filler and len(word) > 1]
        firm = {m.names for m in mentions if not m.soft}
        kept = {(m.names, m.soft): m for m in reversed(mentions) if not (m.soft and m.names in firm)}
        return Read(tuple(reversed(kept.values())), tuple(dict.fromkeys(left)))


def _match(roots: Sequence[str], start: int, parts: Sequence[str]) -> tuple[int, ...]:
    """Places of a phrase's words from `start`; empty when it is not there."""
    at: list[int] = []
    i, room = start, 0
    for part in parts:
        if part == "..":
            room = GAP
            continue
        if at and i < len(roots) and roots[i] in ARTICLES and roots[i - 1] in JOINING and roots[i] != part:
            i += 1
        ahead = next((j for j in range(i, min(i + room + 1, len(roots))) if roots[j] == part), None)
        if ahead is None:
            return ()
        at.append(ahead)
        i, room = ahead + 1, 0
    return tuple(at)


def load() -> Lexicon:
    """The lexicon that comes with the package, to which a run's own names are added."""
    from spiritlevel.constitution.reading import parse_yaml

    raw: Any = parse_yaml(FILE.read_text("utf-8"))
    lexicon = Lexicon(filler=frozenset(stems(str(raw["filler"]))))
    for kind in ("hard", "soft"):
        for name, phrases in raw[kind].items():
            for phrase in phrases:
                lexicon.add(str(phrase), Mention(frozenset({name}), str(phrase), soft=kind == "soft"))
    lexicon.subjects = {name: tuple(map(str, phrases)) for name, phrases in raw["subjects"].items()}
    lexicon.short = {str(word): str(full) for word, full in raw["short"].items()}
    return lexicon
