"""How far a measure moves when a question is put in other words: each change in pairs, and the worst over the set."""

from collections.abc import Sequence

import numpy as np

from spiritlevel import stats
from spiritlevel.measure.suites.declared import measure
from spiritlevel.measure.suites.estimates import Readings
from spiritlevel.measure.suites.model import Item, Settings, Suite
from spiritlevel.measure.suites.scores import SCORES
from spiritlevel.types import Estimate


def moved(suite: Suite, items: Sequence[Item], found: Readings, settings: Settings) -> tuple[Estimate, ...]:
    """For each frame the change of the suite's first plain figure on the same rows, then its worst case over all of them.

    A row's worst case is its least value over the frames, of a figure that should be low its greatest; intervals are by group.
    """
    name = next((one for one in suite.scores if SCORES[one].arms is None and SCORES[one].statistic is None), None)
    if name is None:
        return ()
    score, called = SCORES[name], measure(suite, name)
    rows = [item for item in items if score.kinds(item) is not None]
    frames = (score.frame, *settings.robust)
    values = {frame: [score.value(item, found[item.id, frame]) if (item.id, frame) in found else None for item in rows] for frame in frames}
    estimates = []
    for frame in settings.robust:
        both = [
            (b, a, item.group)
            for b, a, item in zip(values[score.frame], values[frame], rows, strict=True)
            if b is not None and a is not None
        ]
        columns = [b for b, _, _ in both], [a for _, a, _ in both]
        estimates.append(
            stats.paired_change(*columns, [g for *_, g in both], name=f"{called} moved by {frame}", confidence=settings.confidence)
        )
    whole = [(each, item.group) for *each, item in zip(*values.values(), rows, strict=True) if None not in each]
    worst = np.min if suite.role == "capability" or name == "accuracy" else np.max
    least = [float(worst(np.asarray(each, dtype=float))) for each, _ in whole]
    estimates.append(
        stats.rate(least, [g for _, g in whole], name=f"{called}, worst of {len(frames)} frames", confidence=settings.confidence)
    )
    return tuple(estimates)
