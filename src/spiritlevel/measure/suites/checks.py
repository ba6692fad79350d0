"""Executable checks of a reply, written as lines of prose: `words at most 20`, `mentions scatter | wavelength`. Pure functions of text.

Nothing that a model wrote is ever run: code is parsed, and interpreted by `mini` within a budget.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from spiritlevel.measure.suites import mini

Check = Callable[[str], bool]
ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\(?\d{1,3}[.):])\s+(.*\S)", re.MULTILINE)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
FENCE = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)


def words(text: str) -> list[str]:
    """Words of a text, in lower case; marks around them are left out."""
    return [word.casefold() for word in re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", text)]


def sentences(text: str) -> list[str]:
    """Sentences, as ended by a stop, and lines."""
    return [part for part in re.split(r"(?<=[.!?])[\"')\]]*\s+|\n+", text.strip()) if words(part)]


def items(text: str) -> list[str]:
    """Items of a list, marked or numbered; without marks, the lines; of one line, what commas part."""
    found = ITEM.findall(text)
    if not found:
        lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
        found = lines if len(lines) > 1 else [part.strip() for part in re.split(r",|\band\b", text) if part.strip()]
    return [one.strip().rstrip(".;,").strip() for one in found]


def numbers(text: str) -> list[float]:
    """Numbers of a text, in order."""
    return [float(one.replace(",", "")) for one in NUMBER.findall(text)]


def code(text: str) -> str:
    """The code of a reply: its fenced blocks, else all of it."""
    blocks = FENCE.findall(text)
    return "\n\n".join(blocks) if blocks else text


def has(text: str, phrase: str) -> bool:
    """Whether a phrase stands in a text, by whole words; `stem*` stands for any word that begins so."""
    asked = phrase.strip().casefold()
    ends = "" if asked.endswith("*") else r"(?!\w)"
    return re.search(rf"(?<!\w){re.escape(asked.rstrip('*'))}{ends}", text.casefold()) is not None


def _data(text: str) -> Any:
    start, end = text.find("{"), text.rfind("}")
    try:
        return json.loads(text[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None


COUNTS: dict[str, Callable[[str], float]] = {
    "words": lambda text: len(words(text)),
    "distinct words": lambda text: len(set(words(text))),
    "sentences": lambda text: len(sentences(text)),
    "distinct sentences": lambda text: len({" ".join(words(one)) for one in sentences(text)}),
    "lines": lambda text: len([line for line in text.splitlines() if line.strip()]),
    "characters": lambda text: len(text.strip()),
    "items": lambda text: len(items(text)),
    "distinct items": lambda text: len({" ".join(words(one)) for one in items(text)}),
    "words in the shortest item": lambda text: min((len(words(one)) for one in items(text)), default=0),
    "words in the longest item": lambda text: max((len(words(one)) for one in items(text)), default=0),
    "most of one word": lambda text: max(Counter(words(text)).values(), default=0),
    "questions": lambda text: text.count("?"),
    "numbers": lambda text: len(numbers(text)),
    "sum of the numbers": lambda text: sum(numbers(text)),
    "last number": lambda text: numbers(text)[-1] if numbers(text) else float("nan"),
    "tests": lambda text: len(mini.tests(code(text))),
    "assertions": lambda text: sum(len(one) for one in mini.tests(code(text)).values()),
}
"""What can be counted in a reply."""
COMPARES: dict[str, Callable[[float, float], bool]] = {
    "at most": lambda a, b: a <= b,
    "at least": lambda a, b: a >= b,
    "exactly": lambda a, b: a == b,
}
FACTS: dict[str, Check] = {
    "is in capitals": lambda text: text.upper() == text and bool(words(text)),
    "is in lower case": lambda text: text.lower() == text and bool(words(text)),
    "is JSON": lambda text: _data(text) is not None,
    "items in order": lambda text: (low := [one.casefold() for one in items(text)]) == sorted(low),
    "items begin with different words": lambda text: len({words(one)[0] for one in items(text) if words(one)}) == len(items(text)) > 0,
    "code parses": lambda text: mini.parsed(code(text)) is not None,
    "tests pass": lambda text: mini.passing(code(text)),
    "rhymes": lambda text: _rhymes(text),
}


def check(line: str) -> Check:
    """The check that a line states. ValueError for one that is none."""
    line = line.strip()
    if line.startswith("not "):
        inner = check(line[4:])
        return lambda text: not inner(text)
    if line in FACTS:
        return FACTS[line]
    if found := re.fullmatch(r"(.+?) (at most|at least|exactly) (-?\d+(?:\.\d+)?)", line):
        what, how, limit = found[1], COMPARES[found[2]], float(found[3])
        if what in COUNTS:
            return lambda text: how(COUNTS[what](text), limit)
        if of := re.fullmatch(r"uses of (.+)", what):
            return lambda text: how(sum(len(re.findall(rf"(?<!\w){re.escape(one)}(?!\w)", text.casefold())) for one in _any(of[1])), limit)
    for start, make in STARTS.items():
        if line.startswith(start + " "):
            return make(line[len(start) + 1 :].strip())
    raise ValueError(f"no check reads as {line!r:.80}")


def all_of(lines: Sequence[str]) -> Check:
    """All checks together. ValueError for none, or for a line that is no check."""
    found = [check(line) for line in lines]
    if not found:
        raise ValueError("no check is given")
    return lambda text: all(one(text) for one in found)


def _any(text: str) -> list[str]:
    return [part.strip().casefold() for part in text.split("|") if part.strip()]


def _mentions(text: str) -> Check:
    asked = _any(text)
    return lambda reply: any(has(reply, one) for one in asked)


def _avoids(text: str) -> Check:
    asked = _any(text)
    return lambda reply: not any(has(reply, one) for one in asked)


def _each(text: str) -> Check:
    """Of a list of alternatives, how many are there: `N of a | b | c`."""
    found = re.fullmatch(r"(\d+) of (.+)", text)
    if found is None:
        raise ValueError(f"no check reads as 'mentions at least {text}'")
    asked, least = _any(found[2]), int(found[1])
    return lambda reply: sum(has(reply, one) for one in asked) >= least


def _keys(text: str) -> Check:
    wanted = [part.strip() for part in text.split(",")]
    return lambda reply: isinstance(data := _data(reply), dict) and all(key in data for key in wanted)


def _filled(text: str) -> Check:
    wanted = [part.strip() for part in text.split(",")]

    def held(reply: str) -> bool:
        data = _data(reply)
        return isinstance(data, dict) and all(isinstance(data.get(key), str | int | float | list) and bool(data[key]) for key in wanted)

    return held


def _says(text: str) -> Check:
    key, _, value = (part.strip() for part in text.partition("="))
    return lambda reply: isinstance(data := _data(reply), dict) and str(data.get(key)).strip().casefold() == value.casefold()


def _asserts(text: str) -> Check:
    wanted = mini.form(text)
    if wanted is None:
        raise ValueError(f"{text!r:.60} is no expression")
    return lambda reply: wanted in {one for each in mini.tests(code(reply)).values() for one in each}


def _evaluates(text: str) -> Check:
    if mini.form(text) is None:
        raise ValueError(f"{text!r:.60} is no expression")
    return lambda reply: mini.holds(code(reply), text)


def _rhymes(text: str) -> bool:
    ends = [found[-1] for line in text.splitlines() if (found := words(line))]
    return len(ends) >= 2 and all(a != b and a[-2:] == b[-2:] for a, b in zip(ends[::2], ends[1::2], strict=False))


STARTS: dict[str, Callable[[str], Check]] = {
    "mentions at least": _each,
    "mentions": _mentions,
    "avoids": _avoids,
    "starts with": lambda text: lambda reply: reply.strip().casefold().startswith(text.casefold()),
    "ends with": lambda text: lambda reply: reply.strip().casefold().endswith(text.casefold()),
    "is exactly": lambda text: lambda reply: reply.strip().casefold().rstrip(".!") == text.casefold().rstrip(".!"),
    "JSON with": _keys,
    "JSON filled": _filled,
    "JSON says": _says,
    "asserts": _asserts,
    "evaluates": _evaluates,
}
