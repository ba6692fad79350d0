"""Prompts from prose seeds and from files, each on its side of the firewall."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from spiritlevel import firewall, jsonl
from spiritlevel.constitution import Constitution
from spiritlevel.constitution.reading import Faults, read
from spiritlevel.elicit import imports
from spiritlevel.elicit.config import ElicitConfig, PromptFile
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.types import Kind, Prompt, Side, content_hash

FINDING = "finding:"
"""Before a finding's id (and `@RUN`) in Prompt.source."""
SEEDS = Path(__file__).parent / "seeds"


@lru_cache
def prose(stem: str) -> tuple[str, ...]:
    """The texts of one of the seed files that come with the product, in order."""
    return tuple(text for section in read(SEEDS / f"{stem}.md", Faults()).sections for _, text in section.bullets())


def gather(law: Constitution, config: ElicitConfig, trained_on: Sequence[str] = (), lessons: Sequence[Prompt] = ()) -> list[Prompt]:
    """All prompts with cluster and side. `trained_on`: texts known to be in training; whatever is near them is taught, not tested.

    `lessons`: prompts from findings, declared teach, which take their whole cluster with them.
    """
    found = list(_seeds(law, Path(config.seeds) if config.seeds else SEEDS)) if config.use_seeds else []
    for file in config.prompts:
        rows = read_file(file)
        strange = sorted({file.principle, *(p.principle for p in rows)} - {"", *(p.id for p in law.principles)})
        if strange:
            known = ", ".join(p.id for p in law.principles)
            raise ConfigError(f"prompt file {file.path!r} names principle {strange[0]!r:.80}; use one of {known}, or none")
        found += near_principle(law, rows)
    found += lessons
    # sorted, so that which of two equal prompts is kept does not depend on the order of files
    unique = list({(p.text, p.kind): p for p in sorted(found, key=_weight)}.values())
    taught = [example.prompt for example in law.teach]
    return firewall.assign(unique, teach_texts=[*taught, *trained_on], shares=config.shares)


def _weight(p: Prompt) -> tuple[int, str]:
    """Of equal prompts the last is kept: one declared for a side before one that is not, and teach before all, since it is spent."""
    declared = "side" in p.model_fields_set
    return (declared + (declared and p.side is Side.TEACH), p.model_dump_json())


def _seeds(law: Constitution, folder: Path) -> Iterable[Prompt]:
    if not folder.is_dir():
        raise ConfigError(f"folder of seeds {str(folder)!r} does not exist; correct elicit.seeds, or write none")
    faults = Faults()
    known = {p.id: p for p in law.principles}
    for path in sorted(folder.glob("*.md")):
        doc = read(path, faults)
        principle = known.get(str(doc.meta.get("principle")))
        if principle is None:
            continue  # the constitution in use may hold fewer principles than the seeds
        for section in doc.sections:
            for line, text in section.bullets():
                if section.title not in set(Kind):
                    faults.add(path, line, f"seed under heading {section.title!r}; use '# harmful', '# lookalike' or '# plain'")
                    continue
                yield imports.prompt(text, Kind(section.title), f"seeds/{path.name}", principle=principle.id, category=principle.category)
    if faults.found:
        raise ConfigError("; ".join(faults.found))


def read_file(file: PromptFile) -> list[Prompt]:
    """A file's prompts: JSON lines with `prompt`, and where given `harmful`, `category`, `group`, `principle`; or another tool's format.

    A row from a finding also names the `finding` and, where `prompt` is what an attack made of its `goal`, the `attack`. DataError
    names the line that cannot be read.
    """
    path = Path(file.path)
    if not path.is_file():
        raise DataError(f"prompt file {str(path)!r} does not exist; correct elicit.prompts")
    format = file.format or imports.sniff(path)
    found = _own(path, file) if format == imports.OWN else _foreign(imports.read(path, format).prompts, file)
    return found if file.side is None else [prompt.model_copy(update={"side": file.side}) for prompt in found]


def _own(path: Path, file: PromptFile) -> list[Prompt]:
    def take(row: dict[str, Any]) -> Prompt:
        kind = file.kind or (Kind.UNKNOWN if "harmful" not in row else Kind.HARMFUL if row["harmful"] else Kind.LOOKALIKE)
        found = imports.prompt(
            jsonl.text(row["prompt"]),
            kind,
            f"{FINDING}{jsonl.text(row['finding'])}" if row.get("finding") else path.name,
            principle=jsonl.text(row.get("principle") or file.principle),
            category=str(row.get("category") or ""),
            group=f"{path.stem}/{row['group']}" if row.get("group") else "",
        )
        if row.get("attack") and row.get("goal"):
            found = dressed(found.model_copy(update={"goal": jsonl.text(row["goal"])}), found.text, jsonl.text(row["attack"]))
        return found

    return [prompt for prompt in jsonl.read(path, take, "a 'prompt'") if prompt.text.strip()]


def dressed(plain: Prompt, text: str, attack: str) -> Prompt:
    """A prompt as an attack sends it: training on it spends the attack's family too."""
    return plain.model_copy(update={"text": text, "family": attack, "id": content_hash(plain.goal, attack, text)})


def _foreign(prompts: Sequence[Prompt], file: PromptFile) -> list[Prompt]:
    """The file's declared kind and principle count more than what its format says."""
    return [
        p.model_copy(
            update={"kind": file.kind or p.kind, "principle": file.principle, "id": content_hash(p.text, file.kind or p.kind)},
        )
        for p in prompts
    ]


def version(config: ElicitConfig) -> str:
    """Hash of every file that prompts are read from, so that an edited seed or prompt file is never mistaken for what was asked before."""
    folder = Path(config.seeds) if config.seeds else SEEDS
    files = [*(sorted(folder.glob("*.md")) if config.use_seeds else ()), *(Path(file.path) for file in config.prompts)]
    return content_hash(*(hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()))


def near_principle(law: Constitution, prompts: list[Prompt]) -> list[Prompt]:
    """Harmful prompts that name no principle are put under the one whose taught prompts are nearest (cosine of word tf-idf)."""
    lost = [p for p in prompts if not p.principle and p.kind is not Kind.PLAIN]
    if not lost:
        return prompts
    from sklearn.feature_extraction.text import TfidfVectorizer

    asked = [e for e in law.teach if e.principle != law.helpfulness]
    if not asked:
        raise DataError("prompts name no principle and the constitution teaches no example to compare them with; give the file a principle")
    words = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit([e.prompt for e in asked])
    near = (words.transform([p.text for p in lost]) @ words.transform([e.prompt for e in asked]).T).toarray()
    names = {p.id: asked[int(i)].principle for p, i in zip(lost, near.argmax(axis=1), strict=True)}
    categories = {p.id: p.category for p in law.principles}
    return [
        p.model_copy(update={"principle": names[p.id], "category": p.category or categories[names[p.id]]}) if p.id in names else p
        for p in prompts
    ]
