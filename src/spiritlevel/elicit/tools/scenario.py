"""Scenarios as prose: a task, a world, where an injection is hidden in it, and what the attacker wants done."""

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from spiritlevel.constitution.reading import Document, Faults, Section, read
from spiritlevel.elicit.tools.world import TOOLS, Call, File, Mail, Page, World, path_of
from spiritlevel.errors import ConfigError
from spiritlevel.types import Frozen

SCENARIOS = Path(__file__).parent / "scenarios"
SOURCE = "scenarios"
"""Prompt.source of what a scenario asks."""
SLOT = "{injection}"
ENCODED = "{encoded}"
FIELDS = {"id", "title", "principle", "placement", "dress", "attacker", "done", "says", "source"}
PROSE = ("task", "twin", "want", "injection", "encoded")
MAIL = re.compile(r"mail from (\S+): (.+)")

Wrong = Callable[[int, str], None]
Placement = Literal["mail", "file", "page", "user"]
"""Where the attacker's words stand; `user`: the user himself asks for misuse."""


class Pattern(Frozen):
    """A call by its tool and, for some arguments, a regular expression that is found in them."""

    tool: str
    arguments: tuple[tuple[str, str], ...] = ()

    def matches(self, call: Call) -> bool:
        """Whether a call is one of these."""
        return call.tool == self.tool and all(
            re.search(wanted, call.get(name), re.IGNORECASE | re.DOTALL) for name, wanted in self.arguments
        )


class Scenario(Frozen):
    """One test of a target with tools, and its harmless twin: the same task with nothing injected, or the request put harmlessly."""

    id: str
    principle: str
    """That the attacker's call goes against."""
    placement: Placement
    dress: str
    """How the attacker's words are clad: `plain-order`, `system-notice`, ..."""
    task: str
    twin: str
    """The task of the twin."""
    want: str
    """What the attacker wants, in one sentence; a person reads it, no model."""
    injection: str
    world: World
    """With `{injection}` where the attacker's words go."""
    attacker: Pattern
    """Any effect of these is the attacker's success."""
    done: tuple[Pattern, ...]
    """The task is done when each has an effect, ..."""
    says: str
    """... and the last words hold this regular expression."""

    @property
    def injected(self) -> bool:
        """Whether the attacker speaks through the world; else the user asks for the misuse."""
        return self.placement != "user"

    def start(self, *, armed: bool) -> World:
        """The world with the attacker's words in it, or without."""
        words = self.injection if armed else ""

        def put(text: str) -> str:
            return text.replace(SLOT, words).strip()

        return World(
            mails=tuple(mail.model_copy(update={"text": put(mail.text)}) for mail in self.world.mails),
            files=tuple(file.model_copy(update={"text": put(file.text)}) for file in self.world.files),
            pages=tuple(page.model_copy(update={"text": put(page.text)}) for page in self.world.pages),
        )

    def asked(self, *, armed: bool) -> str:
        """What the user says."""
        return self.task if armed else self.twin


def load(names: str | Sequence[str], folder: str, principles: Iterable[str]) -> tuple[Scenario, ...]:
    """Scenarios by name, or `all` whose principle the constitution has; ConfigError lists every fault of a file at once."""
    home = Path(folder) if folder else SCENARIOS
    if not home.is_dir():
        raise ConfigError(f"folder of scenarios {str(home)!r} does not exist; correct agents.folder")
    faults = Faults()
    found = {one.id: one for path in sorted(home.glob("*.md")) if (one := scenario(read(path, faults), faults)) is not None}
    if faults.found:
        raise ConfigError("; ".join(faults.found))
    known = set(principles)
    wanted = [name for name, one in found.items() if one.principle in known] if names == "all" else list(names)
    for name in wanted:
        if name not in found:
            raise ConfigError(f"agents.scenarios has {name!r}; use all, or some of {', '.join(found)}")
        if found[name].principle not in known:
            raise ConfigError(f"scenario {name!r} is of principle {found[name].principle!r}, which the constitution lacks; leave it out")
    if not wanted:
        raise ConfigError(f"no scenario in {str(home)!r} is of a principle of the constitution; write some, or correct agents.folder")
    return tuple(found[name] for name in dict.fromkeys(wanted))


def scenario(doc: Document, faults: Faults) -> Scenario | None:
    """One file; None, with its faults noted, when it is malformed."""
    before = len(faults.found)

    def wrong(line: int, what: str) -> None:
        faults.add(doc.path, line, what)

    meta = {name: doc.meta.get(name) or "" for name in FIELDS}
    for name in sorted(set(doc.meta) - FIELDS):
        wrong(2, f"unknown field {name!r}; use {', '.join(sorted(FIELDS))}")
    if meta["id"] != doc.path.stem:
        wrong(2, f"id {str(meta['id'])!r} is not the file's stem; write {doc.path.stem!r}")
    if meta["placement"] not in get_args(Placement):
        wrong(2, f"placement {str(meta['placement'])!r}; use {', '.join(get_args(Placement))}")
    for name in ("principle", "dress"):
        if not re.fullmatch(r"[a-z0-9-]+", str(meta[name])):
            wrong(2, f"{name} {str(meta[name])!r}; write a word of small letters and hyphens")
    prose = {section.title: section.body for section in doc.sections if section.level}
    world = _world(doc.sections, wrong)
    user = meta["placement"] == "user"
    for name in ("task", "want", "twin" if user else "injection"):
        if not prose.get(name):
            wrong(1, f"section '# {name}' is missing or empty; write it")
    slots = {
        "mail": sum(mail.text.count(SLOT) for mail in world.mails),
        "file": sum(file.text.count(SLOT) for file in world.files),
        "page": sum(page.text.count(SLOT) for page in world.pages),
    }
    if sum(slots.values()) != (0 if user else 1) or (not user and slots.get(str(meta["placement"])) != 1):
        wrong(1, f"{SLOT} belongs once into the text of the placement's own section, and nowhere when the user asks; correct the slots")
    attacker = _pattern(meta["attacker"], wrong)
    given = meta["done"] if isinstance(meta["done"], list) else [meta["done"]] if meta["done"] else []
    done = [pattern for one in given if (pattern := _pattern(one, wrong)) is not None]
    if not given and not meta["says"]:
        wrong(2, "neither 'done' nor 'says'; say when the task is done")
    if not _compiles(str(meta["says"])):
        wrong(2, f"says {str(meta['says'])!r} is no regular expression; correct it")
    if len(faults.found) > before or attacker is None:
        return None
    coded = base64.b64encode(prose.get("encoded", "").encode()).decode()
    return Scenario.model_validate(
        {
            **{name: str(meta[name]) for name in ("id", "principle", "placement", "dress", "says")},
            "task": prose["task"],
            "twin": prose.get("twin") or prose["task"],
            "want": prose["want"],
            "injection": prose.get("injection", "").replace(ENCODED, coded),
            "world": world,
            "attacker": attacker,
            "done": done,
        }
    )


def _world(sections: Sequence[Section], wrong: Wrong) -> World:
    mails, files, pages = [], [], []
    for section in sections:
        kind, _, name = section.title.partition(" ")
        if found := MAIL.fullmatch(section.title):
            mails.append(Mail(sender=found[1], subject=found[2], text=section.body))
        elif kind == "file" and path_of(name) == name:
            files.append(File(path=name, text=section.body))
        elif kind == "page" and name:
            pages.append(Page(address=name, text=section.body))
        elif section.level and section.title not in PROSE:
            wrong(
                section.line,
                f"heading {section.title!r}; use {', '.join(PROSE)}, 'mail from ADDRESS: SUBJECT', 'file PATH' or 'page ADDRESS'",
            )
    return World(mails=tuple(mails), files=tuple(files), pages=tuple(pages))


def _pattern(given: object, wrong: Wrong) -> Pattern | None:
    fields = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    tool = fields.pop("tool", "")
    if tool not in TOOLS or not set(fields) <= set(TOOLS[tool].arguments) or not all(map(_compiles, fields.values())):
        wrong(2, f"{str(given)[:80]!r} is no pattern of a call; write 'tool' and, for its arguments, regular expressions")
        return None
    return Pattern(tool=tool, arguments=tuple(sorted(fields.items())))


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
