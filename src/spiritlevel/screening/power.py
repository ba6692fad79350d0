"""From alarms and labels to what the checks are worth: detection by flaw and strength, and false alarms."""

import math
from collections.abc import Iterable, Sequence

from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.screening.blind import opened
from spiritlevel.types import (
    Alarms,
    Envelope,
    Estimate,
    Journal,
    Label,
    ModelRef,
    Planted,
    Power,
    PowerCell,
    Rules,
    Taken,
)


def tell(
    journal: Journal,
    base: ModelRef,
    rules: Rules,
    alarms: Alarms,
    envelope: Envelope,
    copies: tuple[Planted, ...],
    taken: tuple[Taken, ...],
    developed: tuple[str, ...],
    middle: float,
) -> Power:
    """Open the labels and count. A flaw that did not take, or moved more than it should, counts neither as found nor as missed.

    DataError with fewer than two clean controls: without them no alarm means anything.
    """
    labels = opened(alarms, envelope, rules, copies)
    heard: dict[str, dict[str, bool]] = {}
    for alarm in alarms.alarms:
        heard.setdefault(alarm.name, {})[alarm.check] = alarm.raised
    controls = [label for label in labels if label.clean]
    if len(controls) < 2:
        raise DataError(f"{len(controls)} clean controls cannot tell an alarm from noise; plant at least 2 (--controls)")
    sound = {(t.flaw, t.strength, t.seed): t.took and not t.strayed for t in taken}
    flawed = [label for label in labels if not label.clean]
    counted = [label for label in flawed if sound.get((label.flaw, label.strength, label.seed), False)]
    names = [rule.check for rule in rules.rules]

    def cell(flaw: str, strength: float) -> PowerCell:
        here = [label for label in counted if (label.flaw, label.strength) == (flaw, strength)]
        made = sum((label.flaw, label.strength) == (flaw, strength) for label in flawed)
        return PowerCell(
            flaw=flaw,
            strength=strength,
            developed=flaw in developed,
            detected=_any(heard, here),
            by=_by(heard, here, names),
            left_out=made - len(here),
        )

    cells = [cell(flaw, strength) for flaw, strength in dict.fromkeys((label.flaw, label.strength) for label in flawed)]
    held = [label for label in counted if label.strength == middle and label.flaw not in developed]
    kinds = tuple(dict.fromkeys(label.flaw for label in sorted(flawed, key=lambda label: label.flaw)))
    return Power(
        base=base,
        cells=ranked(cells, middle),
        quoted=_any(heard, held),
        false_alarms=_any(heard, controls).model_copy(update={"name": "false_alarms"}),
        false_by=_by(heard, controls, names),
        middle=middle,
        developed=tuple(f for f in kinds if f in developed),
        held_out=tuple(f for f in kinds if f not in developed),
        taken=taken,
        rules=rules,
        alarms=alarms,
        labels=labels,
        notes=tuple(_notes(taken, len(controls), rules)),
    )


def ranked(cells: Iterable[PowerCell], middle: float) -> tuple[PowerCell, ...]:
    """A flaw that nothing finds first, then by detection at the middle strength; a flaw's strengths together, rising."""
    listed = list(cells)

    def worth(flaw: str) -> tuple[float, float]:
        own = [c for c in listed if c.flaw == flaw and c.detected.n]
        at = [c.detected.value for c in own if c.strength == middle] or [2.0]  # what never took at the middle comes last
        return at[0], max((c.detected.value for c in own), default=2.0)

    return tuple(sorted(listed, key=lambda c: (*worth(c.flaw), c.flaw, c.strength)))


def _any(heard: dict[str, dict[str, bool]], labels: Sequence[Label]) -> Estimate:
    return stats.wilson(sum(any(heard[label.name].values()) for label in labels), len(labels), name="detected")


def _by(heard: dict[str, dict[str, bool]], labels: Sequence[Label], names: Sequence[str]) -> tuple[tuple[str, Estimate], ...]:
    return tuple((name, stats.wilson(sum(heard[one.name][name] for one in labels), len(labels), name="detected")) for name in names)


def _notes(taken: Sequence[Taken], controls: int, rules: Rules) -> Iterable[str]:
    for t in taken:
        which = f"{t.flaw} at {t.strength:g}, seed {t.seed}"
        if not t.took:
            yield f"{which} did not take (shown in {t.shown.value:.0%} of held prompts, before {t.base.value:.0%}): left out"
        elif t.strayed:
            yield f"{which} moved more than the flaw ({', '.join(t.strayed)}): left out"
    none = 1 - math.pow(0.05, 1 / controls)
    yield f"no alarm in {controls} clean controls would leave false alarms of at most {none:.1%} (one-sided 95 %)"
    yield f"thresholds come from {rules.copies} clean development copies, none of which is among the controls"
    yield "intervals cover the training seeds of these recipes; another recipe of the same class may be easier or harder to find"
    yield "a control is a copy trained as long on the same prompts, with the answers that its flaw's recipe calls clean"
    yield "controls, and the copies behind thresholds, have the strength that is quoted; at another, false alarms may differ"
