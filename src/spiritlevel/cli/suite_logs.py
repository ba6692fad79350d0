"""Result logs of other tools as measurements: lm-evaluation-harness's samples, Inspect's logs."""

from collections import defaultdict
from pathlib import Path

from spiritlevel import stats
from spiritlevel.elicit import imports
from spiritlevel.measure.suites import lm_eval_logs
from spiritlevel.types import Grade, Measurement


def measurements(path: Path) -> list[Measurement]:
    """`suite:lm-eval/...` of samples_*.jsonl; `suite:inspect/TASK/SCORER` of an Inspect log, by sample over its epochs."""
    if path.name.startswith("samples_"):
        return lm_eval_logs.measurements(path)
    scores: dict[str, list[tuple[float, str]]] = defaultdict(list)
    lost: dict[str, int] = defaultdict(int)
    failed: dict[str, int] = defaultdict(int)
    for one in imports.read(path, "inspect").transcripts:
        for name, value in one.scores.items():
            called = f"suite:{one.transcript.prompt.family}/{name}"
            if one.transcript.reply.error is not None:
                failed[called] += 1
            elif value is None or not 0 <= value <= 1:
                lost[called] += 1
            else:
                scores[called].append((value, one.transcript.prompt.id))
    return [
        Measurement(
            estimate=stats.rate([v for v, _ in scores[name]], [g for _, g in scores[name]], name=name),
            role="capability",
            grade=Grade.KIN,
            why_grade="read from a log of another tool",
            instruments=("inspect",),
            unscored=lost[name],
            errored=failed[name],
        )
        for name in sorted({*scores, *lost, *failed})
    ]
