"""A folder that the Hub shows as a data set: lessons and preferences in TRL's conversational formats, and a card.

TRL: `prompt` and `completion`, and `prompt`, `chosen` and `rejected`, each a list of messages with role and content.
"""

from collections.abc import Iterable
from typing import Any

from spiritlevel.errors import DataError
from spiritlevel.raters.files import messages, trl_row
from spiritlevel.report.exports.jsonl import line
from spiritlevel.report.exports.material import Material
from spiritlevel.types import Lesson

LESSONS, PREFERENCES, CARD = "lessons.jsonl", "preferences.jsonl", "README.md"


def files(material: Material) -> dict[str, str]:
    """File names to texts. DataError for a run that taught nothing."""
    found = {
        LESSONS: "".join(line(lesson_row(one)) for one in material.lessons),
        PREFERENCES: "".join(line(trl_row(one)) for one in material.preferences),
    }
    kept = {name: text for name, text in found.items() if text}
    if not kept:
        raise DataError(
            f"run {material.run!r} taught nothing, so it has no lessons or preferences to export; name a run with a finetune section"
        )
    return {**kept, CARD: card(material, kept)}


def lesson_row(one: Lesson) -> dict[str, Any]:
    """Prompt and completion; the other columns say what it is about and whether the answer was cut at its length limit."""
    return {
        "prompt": messages(one.chat),
        "completion": [{"role": "assistant", "content": one.answer}],
        "truncated": one.truncated,
        "principle": one.principle,
        "kind": one.kind.value,
        "family": one.family,
        "cluster": one.cluster,
    }


def card(material: Material, kept: Iterable[str]) -> str:
    """The data set's card, with the metadata by which the Hub and `load_dataset` find the two parts. Holds no model's words."""
    from huggingface_hub import DatasetCard, DatasetCardData

    parts = [name.removesuffix(".jsonl") for name in kept]
    head = DatasetCardData(
        task_categories=["text-generation"],
        tags=["spiritlevel", "alignment", "safety", "trl"],
        pretty_name=f"Spiritlevel run {material.run}",
        configs=[{"config_name": part, "data_files": f"{part}.jsonl"} for part in parts],
    ).to_yaml(line_break="\n")
    columns = {
        "lessons": "`prompt`, `completion`: what supervised training learned from (TRL: prompt-completion, conversational).",
        "preferences": "`prompt`, `chosen`, `rejected`: what preference training learned from (TRL: preference, conversational).",
    }
    counts = {"lessons": len(material.lessons), "preferences": len(material.preferences)}
    lines = "\n".join(f"- **{part}** ({counts[part]} rows). {columns[part]}" for part in parts)
    body = f"""# Lessons of Spiritlevel run {material.run}

{lines}

`truncated` columns mark an answer that was cut at its length limit: it did not end there, so leave its end-of-turn token
out of training. `principle`, `kind`, `family` and `cluster` say what a row is about; never split a cluster between training
and testing.

## Use

```python
from datasets import load_dataset

{chr(10).join(f'{part} = load_dataset("PATH", "{part}", split="train")' for part in parts)}
```

## What to know

Prompts and rejected answers may be harmful text. What a model learns from these rows spends their clusters: they can no
longer certify it. Held-out prompts of the run are not in here.
"""
    return str(DatasetCard(f"---\n{head}\n---\n\n{body}", ignore_metadata_errors=False))
