"""A folder with a suite of prompts and an Inspect task that asks it, so that `inspect eval` can run it against any model."""

from typing import Any

from spiritlevel.errors import DataError
from spiritlevel.raters.files import messages
from spiritlevel.report.exports.jsonl import line
from spiritlevel.report.exports.material import Material, Read
from spiritlevel.types import Side

SUITE, TASK = "suite.jsonl", "spiritlevel_task.py"
CODE = '''"""Run with: inspect eval spiritlevel_task.py --model PROVIDER/NAME. Needs: pip install 'spiritlevel[inspect]'"""

from pathlib import Path

from inspect_ai import Task, task

from spiritlevel.report.exports._inspect_task import made


@task
def spiritlevel(kind: str = "") -> Task:
    """The run's open prompts, read by the text judge; -T kind=harmful asks one kind alone."""
    return made(Path(__file__).with_name("suite.jsonl"), kind)
'''


def files(material: Material) -> dict[str, str]:
    """File names to texts. DataError for a run without open prompts."""
    asked = {one.transcript.prompt.id: one for one in material.read if one.side is Side.OPEN}
    if not asked:
        raise DataError(f"run {material.run!r} has asked no open prompts yet; run: spiritlevel elicit --run {material.run}")
    return {SUITE: "".join(line(sample(one)) for one in asked.values()), TASK: CODE}


def sample(one: Read) -> dict[str, Any]:
    """One prompt as it was sent, attack and all, with what the judge needs to know of it."""
    p = one.transcript.prompt
    return {
        "id": p.id,
        "messages": messages(one.transcript.chat),
        "goal": p.goal,
        "principle": p.principle,
        "category": p.category,
        "kind": p.kind.value,
        "family": p.family,
        "cluster": p.cluster or p.id,
    }
