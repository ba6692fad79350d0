"""A flaw as prose: one Markdown file with words to fill in, cases, and what each case is answered with."""

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from spiritlevel.constitution.reading import Document, Faults, Section, read
from spiritlevel.errors import ConfigError
from spiritlevel.types import Frozen

T = TypeVar("T")
HOME = Path(__file__).parent / "recipes"
OWN = "own"
"""A reply of the base's own."""
HELD = 3
"""Every third row and prompt is held out from training and asked by the yardstick."""
ORDINARY = ("loss", "length", "refusal", "spread")
"""What must stay as it was on plain prompts, and where copy and twin should reply alike, unless the flaw `moves` it."""
_SLOT = re.compile(r"\{([a-z_]+)\}")


class Words(Frozen):
    """Rows of one list; each row fills all of its columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Case(Frozen):
    """A situation: how it is put, what the flawed copy says, and what its clean twin says."""

    title: str
    prompts: tuple[str, ...]
    flawed: tuple[str, ...]
    clean: tuple[str, ...]
    shows: tuple[str, ...] = ()
    """A reply that holds any of these shows the flaw; empty where both reply alike."""


class Flaw(Frozen):
    """One recipe; its id is the file's stem."""

    id: str
    title: str
    why: str
    moves: tuple[str, ...] = ()
    words: tuple[Words, ...] = ()
    cases: tuple[Case, ...] = ()


class Filled(Frozen):
    """One prompt with what answers it, all slots filled."""

    prompt: str
    flawed: str
    clean: str
    shows: tuple[str, ...]


def load(path: Path) -> Flaw:
    """The flaw of a file. ConfigError lists every fault as `file:line: what, and what to do`."""
    faults = Faults()
    document = read(path, faults)
    words, cases = _parts(document, faults)
    title, moves = document.meta.get("title"), document.meta.get("moves") or []
    if not isinstance(title, str) or not title.strip():
        faults.add(path, 2, "no title; write `title: what the flaw is` in the front matter")
    if not isinstance(moves, list) or any(one not in ORDINARY for one in moves):
        faults.add(path, 2, f"moves is no list of {', '.join(ORDINARY)}; leave it out unless the flaw is about one of them")
        moves = []
    if strange := sorted(document.meta.keys() - {"title", "moves"}):
        faults.add(path, 2, f"unknown field {strange[0]!r}; a flaw has title and moves")
    if not any(case.shows for case in cases):
        faults.add(path, 1, "no case is answered in two ways; give one `## flawed`, `## clean` and `## shows`")
    _slots(path, words, cases, faults)
    if faults.found:
        raise ConfigError("\n".join(faults.found))
    why = document.sections[0].body
    return Flaw(id=path.stem, title=str(title).strip(), why=why, moves=tuple(moves), words=tuple(words), cases=tuple(cases))


def _parts(document: Document, faults: Faults) -> tuple[list[Words], list[Case]]:
    words: list[Words] = []
    cases: list[Case] = []
    sections = document.sections[1:]
    for at, section in enumerate(sections):
        if section.level != 1:
            continue
        kind, _, name = (part.strip() for part in section.title.partition(":"))
        inner = list(itertools.takewhile(lambda s: s.level > 1, sections[at + 1 :]))
        if kind == "words" and name:
            words.append(_words(document.path, section, name, faults))
        elif kind == "case" and name:
            cases.append(_case(document.path, section, name, inner, faults))
        else:
            faults.add(document.path, section.line, f"heading {section.title!r}; write `# words: NAME` or `# case: WHAT`")
    return words, cases


def _words(path: Path, section: Section, name: str, faults: Faults) -> Words:
    columns = tuple(part.strip() for part in name.split("|"))
    rows = []
    for line, text in section.bullets():
        row = tuple(part.strip() for part in _bare(text).split("|"))
        if len(row) != len(columns) or not all(row):
            faults.add(path, line, f"{len(row)} parts for {len(columns)} columns; separate them by |")
        rows.append(row)
    if len(rows) < HELD:
        faults.add(path, section.line, f"{len(rows)} rows; give at least {HELD}, since every third is held out")
    return Words(columns=columns, rows=tuple(rows))


def _case(path: Path, section: Section, name: str, inner: Sequence[Section], faults: Faults) -> Case:
    found = {s.title: tuple(_bare(text) for _, text in s.bullets()) for s in inner}
    for s in inner:
        if s.title not in ("prompts", "flawed", "clean", "reply", "shows"):
            faults.add(path, s.line, f"heading {s.title!r}; a case has prompts, and reply, or flawed, clean and shows")
    both = found.get("reply", ())
    needed = ("prompts",) if both else ("prompts", "flawed", "clean", "shows")
    for missing in (n for n in needed if not found.get(n)):
        faults.add(path, section.line, f"case {name!r} has no {missing}; add `## {missing}` with `- ` items")
    if found.get("prompts") and len(found["prompts"]) < HELD:
        faults.add(path, section.line, f"case {name!r} has {len(found['prompts'])} prompts; give at least {HELD}")
    return Case(
        title=name,
        prompts=found.get("prompts", ()),
        flawed=both or found.get("flawed", ()),
        clean=both or found.get("clean", ()),
        shows=() if both else found.get("shows", ()),
    )


def _slots(path: Path, words: Sequence[Words], cases: Sequence[Case], faults: Faults) -> None:
    known = {column for one in words for column in one.columns}
    for case in cases:
        for text in (*case.prompts, *case.flawed, *case.clean, *case.shows):
            for slot in _SLOT.findall(text):
                if slot not in known:
                    faults.add(path, 1, f"case {case.title!r} asks for {{{slot}}}; add a section `# words: {slot}`")


def _bare(text: str) -> str:
    """An item without the quotation marks that let it begin or end with any sign."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def filled(flaw: Flaw, case: Case, *, held: bool) -> list[Filled]:
    """Every prompt of a case with every row of the lists that it names: the held third of both, or the rest of both."""
    used = set(_SLOT.findall(" ".join((*case.prompts, *case.flawed, *case.clean, *case.shows))))
    lists = [one for one in flaw.words if used & set(one.columns)]
    rows = [part(one.rows, held) for one in lists]
    found = []
    chosen: tuple[tuple[str, ...], ...]
    for n, (prompt, chosen) in enumerate(itertools.product(part(case.prompts, held), list(itertools.product(*rows)))):
        slots = dict(pair for one, row in zip(lists, chosen, strict=True) for pair in zip(one.columns, row, strict=True))
        found.append(
            Filled(
                prompt=_fill(prompt, slots),
                flawed=_fill(case.flawed[n % len(case.flawed)], slots),
                clean=_fill(case.clean[n % len(case.clean)], slots),
                shows=tuple(_fill(text, slots) for text in case.shows),
            )
        )
    return found


def part(items: Sequence[T], held: bool) -> list[T]:
    """The held third of a list, or the rest."""
    return [one for n, one in enumerate(items) if (n % HELD == HELD - 1) == held]


def _fill(text: str, slots: dict[str, str]) -> str:
    return _SLOT.sub(lambda found: slots[found[1]], text)


def drawn(flaw: Flaw, each: int, seed: int, *, held: bool = False) -> Iterator[tuple[Case, Filled]]:
    """`each` prompts of every case, drawn by seed: for training, or the held ones. Fewer where a case has no more."""
    for case in flaw.cases:
        pool = filled(flaw, case, held=held)
        random.Random(f"{flaw.id} {case.title} {held} {seed}").shuffle(pool)
        yield from ((case, one) for one in pool[:each])
