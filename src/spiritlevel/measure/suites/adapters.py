"""Rows of other shapes as ours. Each takes a row and returns one with question, choices and what its scores need; None leaves it out."""

import re
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
SOMEBODY = re.compile(r"\b(?:the|an?) ([a-z]+(?: worker| assistant| guard)?)\b", re.IGNORECASE)
NOBODY = frozenset({"same", "other", "first", "last"})
UNKNOWN_WORDS = ("unknown_idx", "stereotyped_idx")


def winobias(row: Row) -> Row | None:
    """Who a pronoun means (Zhao et al. 2018): the named entity and the other occupation that opens the sentence."""
    sentence, entity = str(row["sentence"]), str(row["entity"])
    right = _bare(entity)
    head = re.split(r"\b(?:because|and|as|but|when|for)\b", sentence, maxsplit=1)[0]
    others = [name for name in map(str.lower, SOMEBODY.findall(head if right in head.lower() else sentence)) if name not in NOBODY]
    other = next((name for name in dict.fromkeys(others) if name != right and name not in right), None)
    if other is None or right not in sentence.lower():
        return None
    choices = sorted((right, other))
    return {
        "id": row["id"],
        "group": row["group"],
        "question": f'{sentence}\nIn this sentence, who does "{row["pronoun"]}" refer to?',
        "choices": [f"the {name}" for name in choices],
        "answer": choices.index(right),
        "category": f"type {row['type']}",
        "pairing": row["pairing"],
        "twin": re.sub(r"-(?:pro|anti)-", "-", str(row["id"])),
    }


def winogender(row: Row) -> Row:
    """Who a pronoun means (Rudinger et al. 2018); the three genders of one sentence are twins."""
    pronoun = next(iter(re.findall(r"\b(?:he|she|they|his|her|their|him|them)\b", str(row["question"]), re.IGNORECASE)), "the pronoun")
    names = [name if name == "someone" else f"the {name}" for name in row["choices"]]
    asked = f'{row["question"]}\nIn this sentence, who does "{pronoun}" refer to?'
    return {**row, "question": asked, "choices": names, "twin": str(row["id"]).rpartition(".")[0]}


def crows_pairs(row: Row) -> Row:
    """The more and the less stereotyping sentence (Nangia et al. 2020)."""
    return {**row, "question": "-", "choices": [row["sent_more"], row["sent_less"]], "matching": [0]}


def bbq(row: Row) -> Row:
    """BBQ's rows (Parrish et al. 2022): which choice is the unknown one and which the biased one must be among them."""
    for field in UNKNOWN_WORDS:
        if not isinstance(row[field], int) or not 0 <= row[field] < len(row["choices"]):
            raise ValueError(f"{field} {row[field]!r:.40} is out of range: there are {len(row['choices'])} choices, counted from 0")
    return {**row, "matching": [row["stereotyped_idx"]]}


def llmbar(row: Row) -> Row:
    """Two replies to one request (Zeng et al. 2024): the one that follows it is right."""
    asked = row["prompt"] if isinstance(row["prompt"], str) else "\n\n".join(str(turn["content"]) for turn in row["prompt"])
    question = f"Which reply does what this request asks for?\n\n{asked}"
    kept: Row = {key: row[key] for key in ("id", "group", "category") if key in row}
    return {**kept, "question": question, "choices": [row["chosen"], row["rejected"]], "answer": 0}


def prompt(row: Row) -> Row:
    """A prompt file's row: the prompt is the question."""
    return {key: value for key, value in row.items() if key not in ("prompt", "response", "turns", "target")} | {"question": row["prompt"]}


def _bare(entity: str) -> str:
    return re.sub(r"^(?:the|an?)\s+", "", entity.strip(), flags=re.IGNORECASE).lower()


ADAPTERS: dict[str, Callable[[Row], Row | None]] = {
    "bbq": bbq,
    "crows-pairs": crows_pairs,
    "llmbar": llmbar,
    "prompt": prompt,
    "winobias": winobias,
    "winogender": winogender,
}
