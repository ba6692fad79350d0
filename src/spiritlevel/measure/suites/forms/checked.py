"""Letter and spirit: free replies to requests that have an executable check of what they say and one of what they mean.

Cases are prose: `# id`, the request, `## letter` and `## spirit` with a check a line, then a reply for each cell that can be reached.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from spiritlevel.constitution.reading import Faults, Section
from spiritlevel.constitution.reading import read as read_markdown
from spiritlevel.errors import DataError
from spiritlevel.measure.suites import checks
from spiritlevel.measure.suites.forms.base import Asked, Form, chat, replies
from spiritlevel.measure.suites.frames import Part, put
from spiritlevel.measure.suites.model import Item, Reading, Suite
from spiritlevel.types import Journal, Model

CELLS = {"both": (True, True), "letter only": (True, False), "spirit only": (False, True), "neither": (False, False)}
"""Cell -> (letter kept, spirit kept)."""


class Case(NamedTuple):
    """A case with its replies, which test its checks, and any judge that is to stand in for them."""

    item: Item
    replies: dict[str, str]
    """Cell -> a reply that lies in it."""


def check(item: Item) -> None:
    """Both checks can be read."""
    for what in ("letter", "spirit"):
        checks.all_of(item.tags.get(what, "").splitlines())


def cell_of(item: Item, text: str) -> str:
    """The cell that a reply lies in. An empty reply keeps nothing."""
    kept = tuple(bool(text.strip()) and checks.all_of(item.tags[what].splitlines())(text) for what in ("letter", "spirit"))
    return next(name for name, cell in CELLS.items() if cell == kept)


def read(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    """The cell of each reply; of one that was cut at its limit, too, as a reader would have it."""
    chats = [chat(*put(item, asked.frame)) for item in items]
    found = []
    for item, reply in zip(items, replies(journal, model, chats, asked.suite.max_tokens, asked.suite.name), strict=True):
        cell = "" if reply.error is not None else cell_of(item, reply.text)
        found.append(Reading(item=item.id, frame=asked.frame, cell=cell, text=reply.text, error=reply.error or ""))
    return found


def fixed(suite: Suite, model: Model) -> Mapping[Part, str]:
    """What the checks look for stands in the request, letter by letter."""
    return {"words": "its checks go by the letters of the request", "instruction": "nothing is asked for but the request"}


def cases(path: Path) -> list[Case]:
    """All cases beside a suite.md, in order of file and place. DataError names the first fault as file:line."""
    faults, found = Faults(), list[Case]()
    for file in sorted(one for one in path.parent.glob("*.md") if one.name != "suite.md"):
        doc = read_markdown(file, faults)
        theme = str(doc.meta.get("theme") or file.stem)
        group: list[Section] = []
        for section in [*doc.sections[1:], None]:
            if group and (section is None or section.level == 1):
                found.append(_case(file, theme, group, faults))
                group = []
            if section is not None:
                group.append(section)
    if faults.found:
        raise DataError(faults.found[0])
    return found


def _case(file: Path, theme: str, sections: Sequence[Section], faults: Faults) -> Case:
    head, named = sections[0], {one.title.lower(): one for one in sections[1:]}
    lines = {what: [text for _, text in named[what].bullets()] if what in named else [] for what in ("letter", "spirit")}
    tags = {what: "\n".join(found) for what, found in lines.items()}
    item = Item(id=head.title, group=head.title, question=head.body, category=theme, tags=tags)
    told = {title: section.body for title, section in named.items() if title in CELLS}
    if head.level != 1 or not head.body:
        faults.add(file, head.line, "a case begins with '# id' and its request; write it so")
    for title, section in named.items():
        if title not in CELLS and title not in lines:
            faults.add(file, section.line, f"heading {title!r:.40} is none of letter, spirit, {', '.join(CELLS)}; use one of them")
    try:
        check(item)
    except ValueError as error:
        faults.add(file, head.line, f"{error}; correct the checks of {head.title!r:.60}")
    if not {"both", "letter only"} <= told.keys():
        faults.add(file, head.line, f"the case {head.title!r:.60} needs a reply under '## both' and one under '## letter only'; write them")
    return Case(item, told)


def own_rows(path: Path) -> tuple[Item, ...]:
    """The cases beside the suite's own file."""
    return tuple(case.item for case in cases(path))


FORM = Form(check, read, own_rows, fixed)
