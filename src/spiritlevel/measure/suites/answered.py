"""What a task of another tool says of each row, as figures of ours: shares with intervals by group, paired where there are two models."""

from collections.abc import Mapping, Sequence
from typing import Any

from spiritlevel.measure.suites.estimates import phases
from spiritlevel.measure.suites.model import Item, Reading, Settings
from spiritlevel.measure.suites.scores import Score
from spiritlevel.measure.suites.scores import told as value
from spiritlevel.types import Measurement

Row = tuple[Item, Reading]
Answered = Mapping[str, Sequence[Row]]
"""`suite:TOOL/TASK/FIGURE` -> what each row counts (`value`; None: it could not be scored)."""
OWN = Score("what the tool says", (), value)


def measurements(every: Sequence[Answered], settings: Settings, **about: Any) -> tuple[list[Measurement], list[str]]:
    """A measurement of each figure and phase, and a note on each figure that is told by no share: part of it would be a wrong number."""
    found: list[Measurement] = []
    notes: list[str] = []
    for name in sorted({name for one in every for name in one}):
        rows = [one.get(name, ()) for one in every]
        if not all(reading.value is None or 0 <= reading.value <= 1 for each in rows for _, reading in each):
            notes.append(f"{name} is no share of rows (some values lie outside 0 to 1), and is not told")
            continue
        items = list({item.id: item for each in rows for item, _ in each}.values())
        readings = [{(item.id, "plain"): reading for item, reading in each} for each in rows]
        for phase, (estimate, unscored, errored) in phases(OWN, name, items, readings, settings):
            told = {"estimate": estimate, "role": "capability", "phase": phase, "unscored": unscored, "errored": errored}
            found.append(Measurement.model_validate({**told, **about}))
    return found, notes
