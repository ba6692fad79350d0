"""A suite's file: Markdown whose front matter declares it. One file, or a folder with suite.md and its rows."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spiritlevel import plugins
from spiritlevel.constitution.reading import Faults, read
from spiritlevel.errors import ConfigError
from spiritlevel.measure.suites import forms, scores
from spiritlevel.measure.suites.frames import FRAMES
from spiritlevel.measure.suites.model import Suite
from spiritlevel.types import Place

GROUP = "spiritlevel.suites"
"""Entry points, each a package whose folder holds suites."""
NEEDED = ("title", "horizon", "source", "licence", "canary", "form", "scores")
LISTS = ("scores", "data", "frames")


def files(*more: Path) -> dict[str, Path]:
    """Name -> file of every suite: the installed ones, and those in folders such as a constitution's suites/, which take precedence."""
    found: dict[str, Path] = {}
    for name in plugins.names(GROUP):
        package: Any = plugins.load(GROUP, name)
        found.update((_name(path), path) for folder in package.__path__ for path in _in(Path(folder)))
    for folder in more:
        found.update((_name(path), path) for path in _in(folder))
    return dict(sorted(found.items()))


def find(name: str, *more: Path) -> Path:
    """The file of a suite by its name, or by its path. ConfigError lists the known names."""
    if Path(name).suffix == ".md" or Path(name).is_dir():
        path = Path(name) / "suite.md" if Path(name).is_dir() else Path(name)
        if path.is_file():
            return path
        raise ConfigError(f"there is no suite file {str(path)!r}; give a Markdown file, or a folder with suite.md")
    known = files(*more)
    if name not in known:
        raise ConfigError(f"there is no suite {name!r:.80}; known: {', '.join(known)}")
    return known[name]


def declaration(path: Path) -> Suite:
    """A suite without its rows. ConfigError names the file, the field and what to do."""
    faults = Faults()
    meta = dict(read(path, faults).meta)
    for field in NEEDED:
        if not faults.found and meta.get(field) in (None, "", []):
            faults.add(path, 2, f"front matter lacks {field!r}; add it")
    for field in LISTS:
        if isinstance(meta.get(field), str):
            meta[field] = [part.strip() for part in str(meta[field]).split(",")]
    where = meta.get("where") or {}
    if isinstance(where, dict):
        meta["where"] = {str(key): [str(one) for one in (value if isinstance(value, list) else [value])] for key, value in where.items()}
    try:
        suite = Suite.model_validate({**meta, "name": _name(path), "origin": _hash(path)}) if not faults.found else None
    except ValidationError as error:
        first = error.errors()[0]
        faults.add(path, 2, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}; correct it")
    if faults.found or suite is None:
        raise ConfigError(faults.found[0])
    for what, named, known in (
        ("form", (suite.form,), tuple(forms.NAMES)),
        ("score", suite.scores, tuple(scores.SCORES)),
        ("frame", suite.frames, tuple(FRAMES)),
    ):
        if strange := [one for one in named if one not in known]:
            raise ConfigError(f"{path}:2: unknown {what} {strange[0]!r:.80}; use one of {', '.join(known)}")
    if wrong := [one for one in suite.scores if suite.form not in scores.SCORES[one].forms]:
        raise ConfigError(
            f"{path}:2: the score {wrong[0]!r} is not of the form {suite.form!r}; its forms: {', '.join(scores.SCORES[wrong[0]].forms)}"
        )
    if suite.canary.strip() in suite.title or len(suite.canary.strip()) < 16:
        raise ConfigError(
            f"{path}:2: the canary {suite.canary!r:.40} is too short to be met by chance never; write a random string of 16 signs or more"
        )
    return suite


def measures(suite: Suite) -> dict[str, str]:
    """Names that a threshold may be put on -> what each is."""
    return {measure(suite, score): f"{suite.title}: {scores.SCORES[score].what}" for score in suite.scores}


def measure(suite: Suite, score: str) -> str:
    """`suite:NAME` for the first score, `suite:NAME/SCORE` for the others."""
    return f"suite:{suite.name}" if score == suite.scores[0] else f"suite:{suite.name}/{score}"


def known(folder: Path | None = None) -> dict[str, str]:
    """Every measure that some suite makes; `folder` holds a constitution's own. What a threshold on `suite:...` is checked against."""
    found: dict[str, str] = {}
    for path in files(*([folder] if folder is not None else [])).values():
        found.update(measures(declaration(path)))
    return found


def places(constitution: str | None = None) -> tuple[Place, ...]:
    """Where every suite's measures belong when they are told, a constitution's own suites included: title, horizon and form."""
    own = () if constitution is None else (Path(constitution) / "suites",)
    suites = (declaration(path) for path in files(*own).values())
    return tuple(Place(measure=name, title=one.title, horizon=one.horizon, form=one.form) for one in suites for name in measures(one))


def _in(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.glob("*.md") if path.name != "suite.md")
    yield from sorted(folder.glob("*/suite.md"))


def _name(path: Path) -> str:
    return (path.parent.name if path.name == "suite.md" else path.stem).replace("_", "-")


def _hash(path: Path) -> str:
    own = sorted(path.parent.rglob("*.md")) if path.name == "suite.md" else [path]
    return hashlib.sha256(b"\0".join(one.read_bytes() for one in own if one.is_file())).hexdigest()[:16]
