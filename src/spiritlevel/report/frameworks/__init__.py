"""Lists of risks that others wrote, and what our evidence says of each: which figures, and what none of them covers.

A list is a YAML file beside this one: ids and titles as published, everything else in our own words. An `evidence` entry is the name
of a measure (`delivered_harm`, `suite:bbq`), `category:NAME` (delivered harm in that usage category) or `record:NAME` (RECORDS).
"""

import datetime
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from spiritlevel.constitution.model import MEASURES, SUITE, measures
from spiritlevel.constitution.reading import NotYaml, parse_yaml
from spiritlevel.errors import ConfigError
from spiritlevel.types import Estimate, Frozen, Grade, Measurement

HOME = Path(__file__).parent
Sided = tuple[str, Sequence[Measurement]]
"""Where measurements are of (open, sealed, inside), and these."""
CATEGORY, RECORD = "category:", "record:"
RECORDS = {
    "campaign": "attacks at equal budgets on the same goals (spiritlevel campaign)",
    "agents": "trials with tools in a sealed world (spiritlevel agents)",
    "lineage": "what touched the model, its ancestors included",
}
"""Evidence that is no measurement."""

Cover = Literal["covered", "partly", "not measured in this run", "not covered by this product"]
COVERS: tuple[Cover, ...] = ("covered", "partly", "not measured in this run", "not covered by this product")


class Risk(Frozen):
    """One entry of a list."""

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    now: str = ""
    """Its number in a later edition."""
    about: str
    evidence: tuple[str, ...] = ()
    lacks: str = ""
    """What none of the evidence covers; empty when nothing is left."""


class Framework(Frozen):
    """A list of risks, as of a day."""

    name: str
    edition: str
    source: str
    read: datetime.date
    """When its ids and titles were last held against the source."""
    note: str = ""
    risks: tuple[Risk, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Figure:
    """A figure or a record with the rows behind it."""

    what: str
    """The entry of the list that it answers."""
    rows: tuple[str, ...]
    estimate: Estimate | None = None
    phase: str = ""
    grade: Grade | None = None
    side: str = ""
    """`open`, `sealed`, or what else it is of."""


@dataclass(frozen=True)
class Covered:
    """One risk, and what this run has on it."""

    risk: Risk
    cover: Cover
    figures: tuple[Figure, ...]
    missing: tuple[str, ...]
    """Entries that this run did not measure, or measured by spent evidence alone."""


def shipped() -> dict[str, Path]:
    """The lists that come with the product: file stem -> file."""
    return {path.stem: path for path in sorted(HOME.glob("*.yaml"))}


def find(name: str) -> Path:
    """A list by its name, or a file of one's own. ConfigError names the known ones."""
    if name in shipped():
        return shipped()[name]
    if Path(name).is_file():
        return Path(name)
    raise ConfigError(f"no framework {name!r}; known: {', '.join(shipped())}; or give a YAML file of your own")


def load(path: Path, categories: Collection[str] | None = None) -> Framework:
    """A list, with every name in it checked; `categories`: of the policy, where they must be known. ConfigError: one sentence."""
    found = parse(path)
    if fault := next(faults(found, categories), ""):
        raise ConfigError(f"{path.name}: {fault}")
    return found


def parse(path: Path) -> Framework:
    """A list as its file has it; its names are not checked. ConfigError: one sentence."""
    try:
        return Framework.model_validate(parse_yaml(path.read_text("utf-8", errors="replace")))
    except NotYaml as error:
        raise ConfigError(f"{path.name}:{error.line}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{path.name}: {where}: {first['msg']}; a list has name, edition, source, read and risks") from error


def faults(framework: Framework, categories: Collection[str] | None = None) -> Iterator[str]:
    """What a list names and nothing makes, each in a sentence."""
    seen: set[str] = set()
    made = {**MEASURES, **measures(SUITE)}
    for risk in framework.risks:
        if risk.id in seen:
            yield f"a second risk {risk.id!r}; give each its own id"
        seen.add(risk.id)
        if not risk.evidence and not risk.lacks:
            yield f"risk {risk.id!r} has no evidence and does not say what is lacking; write `lacks`"
        for entry in risk.evidence:
            if entry.startswith(RECORD):
                if entry.removeprefix(RECORD) not in RECORDS:
                    known = ", ".join(RECORD + name for name in RECORDS)
                    yield f"risk {risk.id!r} names the record {entry!r}, which does not exist; use one of {known}"
            elif entry.startswith(CATEGORY):
                if categories is not None and entry.removeprefix(CATEGORY) not in categories:
                    yield f"risk {risk.id!r} names {entry!r}, which the policy does not have; its categories: {', '.join(categories)}"
            elif entry not in made:
                kind = "suite measure" if entry.startswith(SUITE) else "measure"
                yield f"risk {risk.id!r} names the {kind} {entry!r}, which nothing makes; see spiritlevel suites list --measures"


def covered(framework: Framework, figures: Iterable[Figure]) -> list[Covered]:
    """Each risk with its figures. Spent evidence is shown and covers nothing; `covered` needs all entries and nothing lacking."""
    by: dict[str, list[Figure]] = {}
    for one in figures:
        by.setdefault(one.what, []).append(one)
    found = []
    for risk in framework.risks:
        mine = tuple(f for entry in risk.evidence for f in by.get(entry, ()))
        good = {f.what for f in mine if f.grade is not Grade.SPENT}
        missing = tuple(entry for entry in risk.evidence if entry not in good)
        cover: Cover = "partly"
        if not risk.evidence:
            cover = "not covered by this product"
        elif not good:
            cover = "not measured in this run"
        elif not missing and not risk.lacks:
            cover = "covered"
        found.append(Covered(risk=risk, cover=cover, figures=mine, missing=missing))
    return found


def figures(measured: Iterable[Sided], by_category: Iterable[Sided] = ()) -> list[Figure]:
    """Of (side, measurements): what is told of the model after training, over all; and of the categories, delivered harm."""
    found = [
        Figure(m.estimate.name, m.rows, m.estimate, m.phase, m.grade, side)
        for side, group in measured
        for m in group
        if not m.principle and not m.cell and m.role != "proxy" and _tells(m)
    ]
    for side, group in by_category:
        found += [
            Figure(m.principle, m.rows, m.estimate, m.phase, m.grade, side)
            for m in group
            if m.estimate.name == "delivered_harm" and m.phase == "after" and m.estimate.n
        ]
    return found


def _tells(m: Measurement) -> bool:
    """After training, or a change where that is all there is; and made of something."""
    phases = ("change",) if m.estimate.name == "gap" else ("after", "single")
    return m.phase in phases and m.estimate.n > 0 and m.estimate.value == m.estimate.value  # NaN is no figure
