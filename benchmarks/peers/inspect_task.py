"""The same requests as an Inspect task; run by inspect_ai's own interpreter, never by ours."""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.solver import generate


@task
def requests():
    """One plain request a sample, nothing scored."""
    return Task(dataset=json_dataset(str(Path("samples.jsonl").resolve())), solver=generate())
