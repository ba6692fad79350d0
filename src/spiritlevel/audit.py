"""Certify what others trained: a base and a tuned model from elsewhere, and what is declared of its training."""

import json
from pathlib import Path
from typing import Any

from spiritlevel import backends, constitution, finetune, jsonl
from spiritlevel.config import LoopConfig
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.evidence import Evidence
from spiritlevel.loop import Finished, certified, need_weights

TEXT_FIELDS = ("prompt", "instruction", "text", "question")


def run(config: LoopConfig, evidence: Evidence) -> Finished:
    """Measure `config.after` against `config.model`; where both are the same weights, these alone, with no word on what changed.

    Prompts near the declared training data are left out; undeclared = unknown.
    """
    if config.after is None:
        raise ConfigError("audit needs the tuned model; give --after path:DIR or hf:NAME")
    law = constitution.load(config.constitution)
    before = backends.resolve(config.model)
    after = backends.resolve(config.after)
    need_weights(config, before, after)
    texts = declared(config)
    alone = before.key == after.key
    tuned = evidence.step(finetune.adopt, None if alone else before, after, texts)
    return certified(config, evidence, law, before, tuned, trained_on=texts, alone=alone)


def base_of(after: str) -> str:
    """The base that an adapter's folder names; else `after` itself: its weights alone are judged, for nobody says what they came from."""
    folder = Path(after.removeprefix("path:").partition("@")[0])
    described = folder / "adapter_config.json"
    if not after.startswith("path:") or not described.is_file() or (folder / "config.json").is_file():
        return after
    try:
        named = str(json.loads(described.read_text("utf-8"))["base_model_name_or_path"] or "")
    except (ValueError, KeyError, TypeError, OSError):
        return after
    if ":" in named or named.partition("@")[0] == "bundled":
        return named
    beside = next((place for place in (Path(named), folder / named) if named and place.is_dir()), None)
    return after if not named else f"hf:{named}" if beside is None else f"path:{beside}"


def declared(config: LoopConfig) -> tuple[str, ...]:
    """The prompts that the tuned model is declared to have been trained on; none when nothing is declared."""
    return tuple(read_texts(Path(config.trained_on))) if config.trained_on else ()


def read_texts(path: Path) -> list[str]:
    """The prompts of a training set as JSON lines: `prompt`, `instruction`, `text`, `question` or `messages`. DataError names the line."""
    if not path.is_file():
        raise DataError(f"training data {str(path)!r} does not exist; correct --trained-on, or leave it out (ancestry is then unknown)")
    found = [one for texts in jsonl.read(path, _prompts, f"one of {', '.join(TEXT_FIELDS)}, messages") for one in texts]
    if not found:
        raise DataError(f"training data {str(path)!r} holds no rows; correct --trained-on, or leave it out (ancestry is then unknown)")
    return found


def _prompts(row: dict[str, Any]) -> list[str]:
    texts = [jsonl.text(m["content"]) for m in row["messages"] if m["role"] == "user"] if "messages" in row else []
    texts += [jsonl.text(row[name]) for name in TEXT_FIELDS if isinstance(row.get(name), str)]
    if not texts:
        raise KeyError
    return texts
