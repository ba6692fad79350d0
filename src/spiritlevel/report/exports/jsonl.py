"""Transcripts with their judgements, one JSON object a line; findings follow."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from spiritlevel.report.exports.material import Material, Read


def text(material: Material) -> Iterator[str]:
    """Lines with their ends, in ASCII: whatever a model wrote is escaped. A lone surrogate becomes a question mark."""
    names = {one.id: one.name for one in material.instruments}
    for one in material.read:
        yield line({"type": "transcript", "run": material.run, **transcript(one, names)})
    for finding in material.findings:
        yield line({"type": "finding", "run": material.run, **plain(finding)})


def line(row: dict[str, Any]) -> str:
    """One JSON object and the end of its line."""
    return json.dumps(valid(row)) + "\n"


def valid(value: Any) -> Any:
    """The same value with strings that UTF-8 can hold, and None for a number that JSON cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {valid(key): valid(part) for key, part in value.items()}
    return [valid(part) for part in value] if isinstance(value, list | tuple) else value


def plain(value: BaseModel) -> dict[str, Any]:
    """A value's fields as JSON has them; strings are mended later, by `valid`."""
    return value.model_dump(mode="python", exclude_none=False)


def transcript(one: Read, names: dict[str, str]) -> dict[str, Any]:
    """One transcript. `messages` is what was sent; `reply` is None when the call failed."""
    t = one.transcript
    return {
        "id": t.id,
        "model": one.model,
        "side": one.side.value,
        "goal": t.prompt.goal,
        "principle": t.prompt.principle,
        "category": t.prompt.category,
        "kind": t.prompt.kind.value,
        "family": t.prompt.family,
        "cluster": t.prompt.cluster,
        "source": t.prompt.source,
        "messages": [{"role": turn.role, "content": turn.content} for turn in t.chat],
        "reply": None if t.reply.error is not None else t.reply.text,
        "truncated": t.reply.truncated,
        "error": t.reply.error,
        "withheld": t.reply.withheld,
        "repeat": t.repeat,
        "judgements": [
            {
                "judge": names.get(j.instrument, ""),
                "instrument": j.instrument,
                "probability": j.probability,
                "outcome": None if j.outcome is None else j.outcome.value,
                "reason": j.reason,
            }
            for j in one.judgements
        ],
    }
