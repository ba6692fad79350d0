"""Inspect's logs, read without Inspect: `.eval` (a zip of JSON) and the older `.json`, one transcript a sample and epoch.

A long sample of a new log lies in pieces below samples/ID_epoch_N/; such samples are left out and counted.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spiritlevel import jsonl
from spiritlevel.backends import inspect_layer
from spiritlevel.elicit.imports import zipped
from spiritlevel.elicit.imports.found import Imported, Scored, asked_again, imported, transcript, turns
from spiritlevel.elicit.imports.lines import checked
from spiritlevel.errors import DataError
from spiritlevel.types import Chat, Kind, Reply, Transcript

HEADERS = ("header.json", "_journal/start.json")
"""The second is there while a run goes on, or when it was cut off."""
SAMPLE = re.compile(r"samples/.+_epoch_\d+\.json", re.DOTALL)
IN_PIECES = re.compile(r"samples/.+_epoch_\d+/sample\.json", re.DOTALL)
ATTACHMENT = "attachment://"


def read(path: Path) -> Imported:
    """Transcripts with their scores. DataError names the member (or sample) that is no sample."""
    checked(path)
    with path.open("rb") as stream:
        packed = stream.read(2) == b"PK"
    return _zip(path) if packed else _json(path)


def _zip(path: Path) -> Imported:
    with zipped.opened(path) as archive:
        head = next((archive.json(name) for name in HEADERS if name in archive.names), None)
        if head is None:
            raise DataError(f"{path}: holds neither header.json nor _journal/start.json; it is not an Inspect log")
        names = sorted(filter(SAMPLE.fullmatch, archive.names))
        left_out = Counter({"sample in pieces": sum(bool(IN_PIECES.fullmatch(name)) for name in archive.names)})
        return _imported(path, head, ((name, archive.json(name)) for name in names), left_out)


def _json(path: Path) -> Imported:
    if path.stat().st_size > zipped.LONGEST:
        raise DataError(f"{path}: more than {zipped.LONGEST // 2**20} MB of JSON; convert it with: inspect log convert --to eval")
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise DataError(f"{path}: not JSON; is it an Inspect log?") from None
    samples = whole.get("samples") if isinstance(whole, dict) else None
    if not isinstance(samples, list):
        raise DataError(f"{path}: holds no list of samples; it is not an Inspect log, or one of its header alone")
    return _imported(path, whole, ((f"sample {i + 1}", one) for i, one in enumerate(samples)), Counter())


def _imported(path: Path, head: Any, samples: Iterator[tuple[str, Any]], left_out: Counter[str]) -> Imported:
    about = head.get("eval") if isinstance(head, dict) else None
    if not isinstance(about, dict):
        raise DataError(f"{path}: its header names no eval; it is not an Inspect log")
    task, model = (str(about.get(name) or "unknown").encode("utf-8", "replace").decode() for name in ("task", "model"))
    found = []
    for name, sample in samples:
        try:
            one = _sample(sample, path.name, task, model)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError):
            raise DataError(f"{path}: {name!r:.120} is not a sample with input and output; remove it or save the log again") from None
        if one is None:
            left_out["sample without a user's turn"] += 1
        else:
            found.append(one)
    return imported("inspect", asked_again(found), found, +left_out)


def _sample(sample: dict[str, Any], source: str, task: str, model: str) -> Scored | None:
    attached = sample.get("attachments") or {}
    asked = _asked(sample, attached)
    if asked is None:
        return None
    chat, reply = asked
    meta = sample.get("metadata") or {}
    made = transcript(
        chat,
        reply,
        kind=Kind(meta["kind"]) if meta.get("kind") in set(Kind) else Kind.UNKNOWN,
        source=source,
        attack=f"inspect/{task}",
        category=jsonl.text(meta["category"]) if isinstance(meta.get("category"), str) else "",
        model=model,
        repeat=_epoch(sample.get("epoch")) - 1,
    )
    scores = {
        name: value
        for key, score in (sample.get("scores") or {}).items()
        for name, value in inspect_layer.scores(jsonl.text(key), score["value"])
    }
    return Scored(transcript=_of_ours(made, meta), scores=scores)


def _epoch(value: Any) -> int:
    """Inspect counts epochs from 1. ValueError for what no run has."""
    epoch = 1 if value is None else value
    if not isinstance(epoch, int) or not 1 <= epoch <= 10**6:
        raise ValueError
    return epoch


def _of_ours(made: Transcript, meta: dict[str, Any]) -> Transcript:
    """A log of our own suite says which goal and principle its samples have."""
    kept = {name: jsonl.text(meta[name]) for name in ("goal", "principle") if isinstance(meta.get(name), str) and meta[name]}
    return made.model_copy(update={"prompt": made.prompt.model_copy(update=kept)})


def _asked(sample: dict[str, Any], attached: dict[str, Any]) -> tuple[Chat, Reply] | None:
    """What the model was asked, and its last word. With tools in between only the input and the last word are read."""
    given = sample["input"]
    said = [("user", _content(given, attached))] if isinstance(given, str) else _said(given, attached)
    messages = sample.get("messages") or []
    plain = all(m["role"] != "tool" and not m.get("tool_calls") for m in messages)
    if messages and plain:
        whole = _said(messages, attached)
        said = whole[:-1] if whole[-1][0] == "assistant" else whole
    chat = turns(one for one in said if one[0] != "tool")
    if not any(turn.role == "user" for turn in chat):
        return None
    return chat, _reply(sample, attached)


def _said(messages: list[dict[str, Any]], attached: dict[str, Any]) -> list[tuple[str, str]]:
    return [(jsonl.text(m["role"]), _content(m.get("content"), attached)) for m in messages]


def _reply(sample: dict[str, Any], attached: dict[str, Any]) -> Reply:
    """The last word; a reply with an error where the sample or the call failed, or nothing came back."""
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    failed = sample.get("error") or output.get("error")
    if failed or not choices:
        told = failed.get("message") if isinstance(failed, dict) else failed
        return Reply(error=jsonl.text(str(told or "no output")))
    first = choices[0]
    return Reply(
        text=_content(first["message"].get("content"), attached), truncated=first.get("stop_reason") in ("max_tokens", "model_length")
    )


def _content(value: Any, attached: dict[str, Any]) -> str:
    """Text of a message: a string, or the text parts of a list; what was stored apart is put back."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(_content(part["text"], attached) for part in value if part["type"] == "text")
    text = jsonl.text(value)
    if text.startswith(ATTACHMENT):
        return jsonl.text(attached[text.removeprefix(ATTACHMENT)])
    return text
