"""Choices written as prose beside a suite.md: `# id`, the question, `## choices`, and `## answer` or `## matching` with the choice's words.

With `names` in a file's front matter each question that holds `{name}` is asked once for each name of two sets, in twins.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spiritlevel.constitution.reading import Faults, Section, read
from spiritlevel.errors import DataError
from spiritlevel.measure.suites.model import Item


def rows(path: Path) -> tuple[Item, ...]:
    """All rows beside a suite.md, in order of file and place. DataError names the first fault as file:line."""
    faults, found = Faults(), list[Item]()
    for file in sorted(one for one in path.parent.glob("*.md") if one.name != "suite.md"):
        doc = read(file, faults)
        names: Any = doc.meta.get("names") or {}
        group: list[Section] = []
        for section in [*doc.sections[1:], None]:
            if group and (section is None or section.level == 1):
                item = _item(file, str(doc.meta.get("theme") or file.stem), group, faults)
                found += _named(item, names) if item is not None else []
                group = []
            if section is not None:
                group.append(section)
    if faults.found:
        raise DataError(faults.found[0])
    return tuple(found)


def _item(file: Path, theme: str, sections: Sequence[Section], faults: Faults) -> Item | None:
    head, named = sections[0], {one.title.lower(): one for one in sections[1:]}
    choices = [text for _, text in named["choices"].bullets()] if "choices" in named else []
    places: dict[str, list[int]] = {}
    for what in ("answer", "matching"):
        told = [text for _, text in named[what].bullets()] if what in named else []
        if strange := [text for text in told if text not in choices]:
            faults.add(file, named[what].line, f"{strange[0]!r:.60} is none of the choices; repeat one of them word by word")
            return None
        places[what] = [choices.index(text) for text in told]
    if not head.body or len(choices) < 2 or not (places["answer"] or places["matching"]) or len(places["answer"]) > 1:
        faults.add(
            file, head.line, f"{head.title!r:.60} needs a question, two choices at least, and '## answer' or '## matching'; write them"
        )
        return None
    answer = places["answer"][0] if places["answer"] else None
    matching = tuple(places["matching"])
    return Item(
        id=head.title, group=head.title, question=head.body, choices=tuple(choices), answer=answer, matching=matching, category=theme
    )


def _named(item: Item, names: Any) -> list[Item]:
    sets = [names.get(which, []) if isinstance(names, dict) else [] for which in ("first", "second")]
    if "{name}" not in item.question or not all(sets):
        return [item]
    found = []
    for turn, pair in enumerate(zip(*sets, strict=False)):
        for which, name in zip(("first", "second"), pair, strict=True):
            change = {
                "id": f"{item.id}/{turn}/{which}",
                "question": item.question.replace("{name}", str(name)),
                "tags": {"names": which, "twin": f"{item.id}/{turn}"},
            }
            found.append(item.model_copy(update=change))
    return found
