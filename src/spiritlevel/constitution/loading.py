"""From a folder to a Constitution: `principles/*.md`, `teach/*.md`, `policy.yaml`. `certify/` is read by certify.py alone."""

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from spiritlevel.constitution.levels import faults_of
from spiritlevel.constitution.model import HORIZONS, Constitution, Example, Horizon, Policy, Principle
from spiritlevel.constitution.reading import Document, Faults, NotYaml, Section, parse_yaml, read
from spiritlevel.errors import ConstitutionError
from spiritlevel.types import Kind

DEFAULT = Path(__file__).parent / "default"
FIELDS = ("id", "title", "priority", "category", "protects", "horizon", "cost", "applies", "exceptions", "source", "approver")


def load(folder: Path | str | None = None) -> Constitution:
    """Read a constitution, or the default one; ConstitutionError lists every fault of form at once."""
    faults = Faults()
    law = gather(root_of(folder), faults)
    if faults.found or law is None:
        raise ConstitutionError(faults.found)
    return law


def root_of(folder: Path | str | None) -> Path:
    """The folder, checked to exist and to look like a constitution."""
    root = Path(folder) if folder is not None else DEFAULT
    if not root.is_dir():
        raise ConstitutionError([f"{root}: no such folder; run `spiritlevel init NAME` to begin one"])
    if not (root / "principles").is_dir():
        raise ConstitutionError([f"{root}: has no principles/ folder; put one Markdown file a principle there"])
    return root


def gather(root: Path, faults: Faults) -> Constitution | None:
    """Read all but the certify half, noting faults; None when nothing usable is left."""
    policy = _policy(root / "policy.yaml", faults)
    principles: dict[str, Principle] = {}
    for path in sorted((root / "principles").glob("*.md")):
        found = _principle(read(path, faults), faults)
        if found is None:
            continue
        if found.id in principles:
            faults.add(path, 2, f"a second principle with id {found.id!r}; give each its own id (the file's stem)")
        if policy is not None and found.category not in policy.categories:
            faults.add(path, 2, f"category {found.category!r} is not in policy.yaml; add it there or use one of its categories")
        principles[found.id] = found
    if not principles:
        faults.add(root / "principles", 1, "no principle could be read; write at least one Markdown file with front matter")
    for t in policy.conditions if policy is not None else ():
        if t.principle not in ("", *HORIZONS, *stems(root)):
            fault = f"threshold {t.id!r} is on unknown principle {t.principle!r}; name a file in principles/, or leave it out"
            faults.add(root / "policy.yaml", _line_of(root / "policy.yaml", t.id), fault)
    teach = examples(root / "teach", {*principles, *stems(root)}, faults)
    if policy is None or not principles:
        return None
    ordered = tuple(sorted(principles.values(), key=lambda p: (p.priority, p.id)))
    return Constitution(name=root.name, principles=ordered, policy=policy, teach=tuple(teach))


def stems(root: Path) -> set[str]:
    """Ids that principle files promise, whether or not they can be read."""
    return {path.stem for path in (root / "principles").glob("*.md")}


def _principle(doc: Document, faults: Faults) -> Principle | None:
    meta, path = doc.meta, doc.path
    before = len(faults.found)
    for name in FIELDS:
        value = meta.get(name)
        if isinstance(value, (list, dict)):
            faults.add(path, 2, f"field {name!r} is a list; write it as one line of text")
        elif value is None or not str(value).strip():
            faults.add(path, 2, f"front matter lacks {name!r}; add it")
    for name in sorted(set(meta) - set(FIELDS)):
        faults.add(path, 2, f"front matter has an unknown field {name!r}; remove it or correct its spelling")
    if meta.get("id") not in (None, path.stem):
        faults.add(path, 2, f"id {meta['id']!r} is not the file's stem {path.stem!r}; make them equal")
    if meta.get("horizon") not in (None, *get_args(Horizon)):
        faults.add(path, 2, f"horizon {meta['horizon']!r} is not near, long or both; choose one")
    priority = 1 if meta.get("priority") in (None, "") else meta["priority"]
    if isinstance(priority, bool) or not isinstance(priority, int) or not 1 <= priority <= 5:
        faults.add(path, 2, f"priority {meta['priority']!r} is not a whole number; write 1 (first) to 5")
    text = doc.sections[0].body
    if not text:
        faults.add(path, doc.sections[0].line, "no principle is stated; write it as the first paragraph after the front matter")
    why = next((s for s in doc.sections if s.title.lower() == "why"), None)
    how = next((s for s in doc.sections if s.title.lower() in ("how to decline", "how to help")), None)
    if why is None or not why.body:
        faults.add(path, 1, "no reason is given; add a section '## Why'")
    openings = [o for _, o in how.bullets()] if how else []
    if not openings:
        faults.add(path, how.line if how else 1, "no way to decline is given; add '## How to decline' with at least one '- ' item")
    try:
        values: dict[str, Any] = {name: meta[name] for name in FIELDS}
        for name in set(FIELDS) - {"priority"}:
            values[name] = str(values[name]).strip()
        return Principle(**values, text=text, why=why.body if why else "", openings=tuple(openings))
    except (KeyError, ValidationError) as error:
        if len(faults.found) == before:
            faults.add(path, 2, f"cannot be understood ({str(error).splitlines()[0]}); correct the front matter")
        return None


def examples(folder: Path, principles: set[str], faults: Faults) -> list[Example]:
    """All examples of one half, in file order."""
    found: list[Example] = []
    if not folder.is_dir():
        faults.add(folder, 1, "no such folder; add it with one file of examples a principle")
        return found
    for path in sorted(folder.glob("*.md")):
        doc = read(path, faults)
        principle = str(doc.meta.get("principle", ""))
        if principle not in principles:
            faults.add(path, 2, f"principle {principle!r} has no file in principles/; correct the name")
            continue
        found += _examples(doc, principle, faults)
    return found


def _examples(doc: Document, principle: str, faults: Faults) -> list[Example]:
    found: list[Example] = []
    groups: set[str] = set()
    group, kind, prompt = "", Kind.UNKNOWN, ""
    for section in doc.sections[1:]:
        if section.level == 1:
            group, prompt = section.title, ""
            if group in groups:
                faults.add(doc.path, section.line, f"a second group {group!r}; give each scenario its own name")
            groups.add(group)
        elif section.level == 2:
            kind, prompt = _heading(doc.path, section, faults)
        elif section.title.lower() not in ("violating", "following"):
            faults.add(doc.path, section.line, f"heading {section.title!r} is neither 'violating' nor 'following'; use one of them")
        elif not group or not prompt:
            faults.add(doc.path, section.line, "a reply without a prompt; put '# group' and '## harmful: the prompt' above it")
        elif not section.body:
            faults.add(doc.path, section.line, "an empty reply; write it under the heading")
        else:
            violating = section.title.lower() == "violating"
            found.append(
                Example(
                    principle=principle,
                    group=f"{principle}/{group}",
                    kind=kind,
                    prompt=prompt,
                    reply=section.body,
                    violating=violating,
                )
            )
    if not found:
        faults.add(doc.path, 1, "holds no example; write '# group', '## harmful: prompt', '### violating', '### following'")
    return found


def _heading(path: Path, section: Section, faults: Faults) -> tuple[Kind, str]:
    name, colon, prompt = section.title.partition(":")
    if not colon or name.strip() not in ("harmful", "lookalike", "plain") or not prompt.strip():
        faults.add(
            path,
            section.line,
            f"heading {section.title[:40]!r} is not 'harmful: PROMPT', 'lookalike: PROMPT' or 'plain: PROMPT'; write it so",
        )
        return Kind.UNKNOWN, ""
    return Kind(name.strip()), prompt.strip()


def _policy(path: Path, faults: Faults) -> Policy | None:
    if not path.is_file():
        faults.add(path, 1, "no policy.yaml; copy the default one with `spiritlevel init NAME` and edit it")
        return None
    try:
        loaded = parse_yaml(path.read_text("utf-8", errors="replace"))
        policy = Policy.model_validate({} if loaded is None else loaded)
    except NotYaml as error:
        faults.add(path, error.line, str(error))
        return None
    except ValidationError as error:
        for item in error.errors():
            where = ".".join(str(part) for part in item["loc"])
            faults.add(path, 1, f"{where or 'the file'}: {item['msg']}; correct it")
        return None
    for where, fault in faults_of(policy, path.parent / "suites"):
        faults.add(path, _line_of(path, where), fault)
    if not policy.categories:
        faults.add(path, 1, "no categories; a policy that names none governs nothing, so add at least one")
    if not policy.thresholds:
        faults.add(path, 1, "no thresholds; a policy without conditions would approve anything, so add at least one")
    return policy


def _line_of(path: Path, word: str) -> int:
    lines = path.read_text("utf-8", errors="replace").split("\n")
    return next((n for n, line in enumerate(lines, 1) if word in line), 1)
