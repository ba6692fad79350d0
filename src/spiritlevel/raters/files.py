"""Preferences from files and the Hub, in the forms that people have, and back.

explicit     {prompt, chosen, rejected}: strings, or lists of messages (TRL); also `group`, `principle`, `source` / `subset` / `category`
implicit     {chosen, rejected}: what both begin with is the prompt (TRL; Anthropic's HH text with its Human and Assistant)
unpaired     {prompt, completion, label}: every good completion of a prompt over every bad one (TRL)
"""

import csv
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spiritlevel import jsonl
from spiritlevel.errors import DataError, MissingExtra
from spiritlevel.types import Chat, Preference, Turn, user

NEEDS = "chosen and rejected (and a prompt), or prompt, completion and label"
SPOKEN = re.compile(r"\n\n(Human|Assistant):")
ROLES = {"Human": "user", "Assistant": "assistant"}


def read_preferences(path: Path | str) -> list[Preference]:
    """All pairs of a file (.jsonl, .json, .csv) or of `hf:ORG/NAME[@SPLIT]`. DataError names the line that cannot be read.

    Nothing is left out: identical or empty answers are pairs too, and whoever trains on them counts them.
    """
    where = str(path)
    found = hub_rows(where.removeprefix("hf:")) if where.startswith("hf:") else rows(Path(where), NEEDS)
    paired, alone = list[Preference](), defaultdict[Chat, dict[bool, list[str]]](lambda: {True: [], False: []})
    for number, row in found:
        try:
            if "chosen" in row:
                paired.append(_pair(row))
            else:
                label = row["label"]
                if not isinstance(label, bool):
                    raise TypeError
                alone[chat_of(row["prompt"])][label].append(answer_of(row["completion"]))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise DataError(f"{where}:{number}: not a row with {NEEDS}; correct or remove it") from None
    for chat, answers in alone.items():
        paired += [Preference(chat=chat, chosen=good, rejected=bad, by="labels") for good in answers[True] for bad in answers[False]]
    if not paired:
        raise DataError(f"{where!r} holds no pairs; give rows with {NEEDS}")
    return paired


def write_preferences(path: Path, preferences: Iterable[Preference]) -> int:
    """JSON lines in TRL's explicit conversational form, with what we know besides; returns how many."""
    lines = [json.dumps(trl_row(one), ensure_ascii=False) + "\n" for one in preferences]
    path.write_text("".join(lines), "utf-8", newline="\n")
    return len(lines)


def trl_row(one: Preference) -> dict[str, Any]:
    """Prompt, chosen and rejected as lists of messages, with who preferred and how sure."""
    return {
        "prompt": messages(one.chat),
        "chosen": [{"role": "assistant", "content": one.chosen}],
        "rejected": [{"role": "assistant", "content": one.rejected}],
        "chosen_truncated": one.chosen_truncated,
        "rejected_truncated": one.rejected_truncated,
        "by": one.by,
        "sure": one.sure,
        "principle": one.principle,
        "cluster": one.cluster,
        "source": one.source,
    }


def messages(chat: Chat) -> list[dict[str, str]]:
    """A chat as TRL has it."""
    return [{"role": turn.role, "content": turn.content} for turn in chat]


def rows(path: Path, needs: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) of a .csv, .json (line: number of the row) or JSON lines file; DataError names the line that is no such row."""
    if not path.is_file():
        raise DataError(f"file {str(path)!r} does not exist; correct its name")
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            reader = csv.DictReader(stream)
            try:
                for row in reader:
                    yield reader.line_num, {k: v for k, v in row.items() if k and v is not None}
            except csv.Error as fault:
                raise DataError(f"{path}:{reader.line_num + 1}: not a row of a CSV file ({fault}); correct or remove it") from None
    elif path.suffix == ".json":
        try:
            whole = json.loads(path.read_text("utf-8", errors="replace"))
        except (ValueError, RecursionError):
            raise DataError(f"{path}:1: not valid JSON; correct the file") from None
        yield from enumerate(whole if isinstance(whole, list) else [whole], 1)
    else:
        yield from jsonl.numbered(path, dict[str, Any], needs)


def hub_rows(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """A data set of the Hub, or a local folder of one."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        from datasets import load_dataset
    except ImportError:
        raise MissingExtra("datasets", "hub") from None
    where, _, split = name.partition("@")
    try:
        found = load_dataset(where, split=split or "train")
    except Exception as error:  # whatever the library raises for a set that is not to be had
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(f"data set 'hf:{name}' cannot be loaded: {first}") from error
    yield from enumerate((dict(row) for row in found), 1)


def _pair(row: dict[str, Any]) -> Preference:
    chosen, rejected = row["chosen"], row["rejected"]
    if row.get("prompt"):
        chat = chat_of(row["prompt"])
        sides = [answer_of(side) for side in (chosen, rejected)]
    else:
        chat, sides = _common(_turns(chosen), _turns(rejected))
    sure = row.get("sure")
    return Preference(
        chat=chat,
        chosen=sides[0],
        rejected=sides[1],
        by=jsonl.text(row.get("by") or "labels"),
        sure=1.0 if sure is None or sure == "" else min(max(float(sure), 0.5), 1.0),
        principle=jsonl.text(row.get("principle") or ""),
        cluster=str(row.get("cluster") or row.get("group") or ""),
        source=jsonl.text(row.get("source") or row.get("subset") or row.get("category") or ""),
        chosen_truncated=_true(row.get("chosen_truncated")),
        rejected_truncated=_true(row.get("rejected_truncated")),
    )


def _true(value: Any) -> bool:
    return value in (True, "True", "true", "1")


def _turns(side: Any) -> tuple[Turn, ...]:
    """A side that holds its prompt: messages, HH's text, or plain text (one assistant turn)."""
    if not isinstance(side, str):
        return tuple(Turn(role=m["role"], content=jsonl.text(m["content"])) for m in side)
    if not SPOKEN.match(side if side.startswith("\n\n") else f"\n\n{side}"):
        return (Turn(role="assistant", content=jsonl.text(side)),)
    parts = SPOKEN.split(side if side.startswith("\n\n") else f"\n\n{side}")[1:]
    return tuple(Turn(role=ROLES[who], content=jsonl.text(said).strip()) for who, said in zip(parts[::2], parts[1::2], strict=True))


def _common(chosen: Sequence[Turn], rejected: Sequence[Turn]) -> tuple[Chat, list[str]]:
    """The turns that both begin with are the prompt; of two plain texts the words that both begin with."""
    if {chosen[-1].role, rejected[-1].role} != {"assistant"}:
        raise ValueError("the sides end with no answer")
    shared = next((i for i, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b), min(len(chosen), len(rejected)) - 1)
    if shared == 0 and len(chosen) == len(rejected) == 1:
        one, other = chosen[0].content, rejected[0].content
        alike = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        start = one[:alike].rfind(" ") + 1
        return user(one[:start].strip()), [one[start:], other[start:]]
    if not shared or len(chosen) != shared + 1 or len(rejected) != shared + 1:
        raise ValueError("the sides share no prompt")
    return tuple(chosen[:shared]), [chosen[-1].content, rejected[-1].content]


def chat_of(prompt: Any) -> Chat:
    """Plain text, HH's text or messages as a chat. ValueError, KeyError or TypeError for anything else."""
    if isinstance(prompt, str):
        turns = _turns(prompt) if SPOKEN.match(prompt) else user(jsonl.text(prompt))
        return turns[:-1] if turns[-1].role == "assistant" and not turns[-1].content else turns
    return tuple(Turn(role=m["role"], content=jsonl.text(m["content"])) for m in prompt)


def answer_of(side: Any) -> str:
    """Plain text or one assistant message. ValueError, KeyError or TypeError for anything else."""
    if isinstance(side, str):
        return jsonl.text(side)
    if len(side) != 1 or side[0]["role"] != "assistant":
        raise ValueError("an answer is one assistant message")
    return jsonl.text(side[0]["content"])
