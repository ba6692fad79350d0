"""Result logs of other tools as measurements: lm-evaluation-harness's samples, Inspect's logs."""

from pathlib import Path

from spiritlevel.elicit import imports
from spiritlevel.measure.suites import lm_eval_logs
from spiritlevel.measure.suites.answered import Answered, Row, measurements
from spiritlevel.measure.suites.model import Item, Reading, Settings
from spiritlevel.types import Grade, Measurement


def read(path: Path) -> tuple[list[Measurement], list[str]]:
    """`suite:lm-eval/...` of samples_*.jsonl; `suite:inspect/TASK/SCORER` of an Inspect log, by sample over its epochs; and notes.

    Who ran it, and on which weights, is that tool's word: the grade is kin.
    """
    ours = path.name.startswith("samples_")
    found = lm_eval_logs.read(path) if ours else _inspect(path)
    about = {"grade": Grade.KIN, "why_grade": "read from a log of another tool", "instruments": ("lm-eval" if ours else "inspect",)}
    return measurements([found], Settings(), **about)


def _inspect(path: Path) -> Answered:
    found: dict[str, list[Row]] = {}
    for place, one in enumerate(imports.read(path, "inspect").transcripts):
        prompt, reply = one.transcript.prompt, one.transcript.reply
        for name, value in one.scores.items():
            item = Item(id=str(place), group=prompt.id, question=prompt.text)
            reading = Reading(item=item.id, value=value if reply.error is None else None, error=reply.error or "")
            found.setdefault(f"suite:{prompt.family}/{name}", []).append((item, reading))
    return found
