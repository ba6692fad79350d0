"""A guard as a folder: heads, guard.json, the cases that it is made of, and its card."""

import json
from pathlib import Path

from pydantic import ValidationError

from spiritlevel import backends, jsonl
from spiritlevel.errors import ConfigError, DataError, ModelError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.guard import card
from spiritlevel.guard.deciding import Guard
from spiritlevel.guard.reading import BodyReader, Reader, TextReader
from spiritlevel.guard.shares import Shares
from spiritlevel.guard.values import About
from spiritlevel.judges.heads import Head
from spiritlevel.types import Kind, OpenWeights, Prompt

ABOUT, CASES = "guard.json", "made_of.jsonl"
PARTS = ("request", "answer")


def save(guard: Guard, prompts: list[Prompt] | tuple[Prompt, ...], folder: Path) -> None:
    """Write a guard and the prompts that it is made of into `folder`, guard.json last."""
    free(folder)
    for part, head in zip(PARTS, (guard.request, guard.answer), strict=True):
        (folder / part).mkdir(parents=True)
        head.save(folder / part)
    guard.shares.save(folder)
    rows = [{"prompt": p.goal or p.text, "harmful": p.kind is Kind.HARMFUL, "principle": p.principle, "source": p.source} for p in prompts]
    (folder / CASES).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "README.md").write_text(card.markdown(guard.about), "utf-8")
    (folder / ABOUT).write_text(guard.about.model_dump_json(indent=1) + "\n", "utf-8")


def free(folder: Path) -> Path:
    """The folder, if it is new or empty; ConfigError otherwise."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"folder {str(folder)!r} is there already and not empty; name another with --out")
    return folder


def about(folder: Path) -> About:
    """What guard.json says. DataError when the folder is no guard."""
    try:
        return About.model_validate_json((folder / ABOUT).read_text("utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise DataError(f"{str(folder)!r} is not a guard's folder; make one with: spiritlevel guard train --out DIR") from error


def load(folder: Path | str, model: str | OpenWeights | None = None) -> Guard:
    """The guard of a folder. `model`: the deployed model, by name or in hand; default: the one that it was trained for.

    ModelError when a guard of hidden states is given another model than its own.
    """
    where = Path(folder)
    known = about(where)
    try:
        heads = [Head.load(where / part) for part in PARTS]
        shares = Shares.load(where)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"the guard in {str(where)!r} is damaged ({type(error).__name__}); train it again") from error
    return Guard(about=known, request=heads[0], answer=heads[1], shares=shares, reader=_reader(where, known, model))


def _reader(where: Path, known: About, model: str | OpenWeights | None) -> Reader:
    if known.reads == "text":
        reader = TextReader()
        if reader.body != known.body:
            raise ModelError(f"the guard in {str(where)!r} was fitted to another all-MiniLM-L6-v2 than is installed; train it again")
        return reader
    spec = known.model if model is None else model if isinstance(model, str) else ""
    ref = backends.resolve(spec) if isinstance(model, str | None) else model.ref
    if ref.weights != known.body:
        raise ModelError(
            f"the guard in {str(where)!r} reads the hidden states of {known.model!r}, and {ref.spec!r} has other weights; "
            f"train a guard of its own: spiritlevel guard train --model {ref.spec.partition('@')[0]}"
        )
    weights = backends.open_weights(ref, MemoryJournal()) if isinstance(model, str | None) else model
    return BodyReader(weights, [known.layer])


def cases(folder: Path) -> list[str]:
    """The prompts that a guard is made of. DataError when they are not there: without them nothing can be told apart from them."""
    file = folder / CASES
    if not file.is_file():
        raise DataError(f"{str(file)!r} is missing, so it cannot be told which prompts this guard knows; train it again")
    return list(jsonl.read(file, lambda row: jsonl.text(row["prompt"]), "a 'prompt'"))
