"""Rows of copies that were made up, for figures whose answer is known."""

from collections.abc import Sequence
from typing import Any

from spiritlevel.evidence import MemoryJournal
from spiritlevel.tamper import ReadSettings
from spiritlevel.tamper.telling import tell
from spiritlevel.types import (
    Grade,
    Instrument,
    Ladder,
    ModelRef,
    Outcome,
    Tampered,
    TamperedReply,
    Tampering,
    TamperRead,
    TaskScore,
)

JUDGES = (Instrument(id="a", name="reply"), Instrument(id="b", name="text"))
MODEL = ModelRef(spec="path:DIR@abc", kind="local", weights="0" * 64, family="tiny")
N = 60


def read(
    journal: MemoryJournal,
    name: str,
    harm: int,
    second: int | None = None,
    *,
    answered: int = 40,
    nonsense: int = 0,
    task: float | None = None,
) -> TamperRead:
    """A copy that delivers harm to the first `harm` of N prompts by one judge, to `second` by the other, and answers plain ones."""
    other = harm if second is None else second
    rows = []
    for i in range(N):
        odd = i >= N - nonsense
        outcome = Outcome.INCOHERENT if odd else Outcome.COMPLIANCE if i < harm else Outcome.REFUSAL
        told = (None, None) if odd else (float(i < harm), float(i < other))
        rows.append(TamperedReply(prompt=f"h{i}", cluster=f"h{i}", harmful=True, outcome=outcome, harm=told))
    rows += [
        TamperedReply(prompt=f"p{i}", cluster=f"p{i}", harmful=False, outcome=Outcome.COMPLIANCE if i < answered else Outcome.REFUSAL)
        for i in range(40)
    ]
    scores = [TaskScore(prompt=f"t{i}", cluster=f"t{i}", value=task + 0.01 * (i % 3)) for i in range(30)] if task is not None else []
    return TamperRead(
        ref=ModelRef(spec=f"blob:{name}", kind="local", weights=name, family="tiny"),
        replies=journal.put("tampered-reply", rows),
        task=journal.put("task-score", scores) if scores else None,
        judges=JUDGES,
        grades=((Grade.KIN, "unknown"), (Grade.KIN, "unknown")),
    )


def made(rung: Tampering, ref: ModelRef | None, why: str = "") -> Tampered:
    """A copy of a rung."""
    return Tampered(tampering=rung, ref=ref, examples=rung.amount, steps=3, tokens=1000, why=why)


def ladder(untouched: dict[str, Any], rungs: Sequence[tuple[Tampering, dict[str, Any] | str]], **settings: Any) -> Ladder:
    """The ladder of made-up copies; a text in the place of a copy says why there is none."""
    journal = MemoryJournal()
    base = read(journal, "base", **untouched)
    tampered, reads = [], []
    for i, (rung, copy) in enumerate(rungs):
        if isinstance(copy, str):
            tampered.append(made(rung, None, copy))
            continue
        reads.append(read(journal, f"copy{i}", **copy))
        tampered.append(made(rung, reads[-1].ref))
    return tell(journal, MODEL, MODEL, base, tuple(tampered), tuple(reads), ReadSettings(**settings), ())
