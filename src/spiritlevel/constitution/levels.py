"""Faults of a policy's conditions: what cannot be measured, cannot hold, or would let everything pass."""

import math
from collections.abc import Iterator
from pathlib import Path

from spiritlevel.constitution.model import AFTERWARDS, CHANGES, PROXIES, SUITE, Level, Policy, Threshold, measures
from spiritlevel.errors import ConfigError


def faults_of(policy: Policy, suites: Path | None = None) -> Iterator[tuple[str, str]]:
    """(id to look for in the file, fault), in the order of the file. `suites`: a folder of suites beside the installed ones."""
    for threshold in policy.conditions:
        yield from _measured(f"threshold {threshold.id!r}", threshold.id, threshold.measure, threshold.phase, suites)
        yield from _threshold(threshold)
    seen_ids: set[str] = set()
    for what, id in (*(("threshold", t.id) for t in policy.conditions), *(("level", level.id) for level in policy.levels)):
        if id in seen_ids:
            yield id, f"a second {what} {id!r}; give each its own id"
        seen_ids.add(id)
    yield from _contradictions(policy)
    for level in policy.levels:
        yield from _measured(f"level {level.id!r}", level.id, level.capability, "after", suites)
        yield from _level(level)
    seen: dict[tuple[str, float], str] = {}
    for level in policy.levels:
        other = seen.setdefault((level.capability, level.reached_at), level.id)
        if other != level.id:
            yield (
                level.id,
                f"levels {other!r} and {level.id!r} are both reached at {level.reached_at:g} of {level.capability!r}; make them one",
            )


def _measured(what: str, id: str, measure: str, phase: str, suites: Path | None) -> Iterator[tuple[str, str]]:
    """A condition on a measurement that nothing makes, or that never decides, would never be met and never fail."""
    try:
        known = measures(measure, suites)
    except ConfigError as error:
        yield id, f"{what} is on a suite, and {error}"
        return
    if measure not in known:
        on = "a measurement that no suite makes" if measure.startswith(SUITE) else "unknown measure"
        yield id, f"{what} is on {on} {measure!r}, and nothing else makes it; use one of {', '.join(m for m in known if m not in PROXIES)}"
    elif measure in PROXIES:
        yield id, f"{what} is on {measure!r}, which only a proxy tells, and proxies decide nothing; use delivered_harm"
    elif measure in CHANGES and phase != "change":
        how = "write phase: change" if what.startswith("threshold") else "name a measure that one model has by itself"
        yield id, f"{what} is on {measure!r} ({phase}), which is told of a change alone; {how}"
    elif measure in AFTERWARDS and phase != "after":
        yield id, f"{what} is on {measure!r} ({phase}), which is told of the tuned model alone; write phase: after"


def _threshold(t: Threshold) -> Iterator[tuple[str, str]]:
    if (t.at_most is None) == (t.at_least is None):
        yield t.id, f"threshold {t.id!r} needs exactly one of at_most and at_least; give one"
    for limit in (t.at_most, t.at_least, t.strength):
        if limit is not None and not math.isfinite(limit):
            yield (
                t.id,
                f"threshold {t.id!r} has {limit:g} where a number belongs, and nothing could fail it or nothing keep it; give a number",
            )
    if t.min_power is not None and not 0 < t.min_power <= 1:
        yield t.id, f"threshold {t.id!r} asks for a power of {t.min_power:g}; give a share above 0 and at most 1"


def _contradictions(policy: Policy) -> Iterator[tuple[str, str]]:
    """Two limits on one figure that no figure keeps: every release would be held or unproven for ever."""
    floors = [t for t in policy.conditions if t.at_least is not None and t.at_most is None]
    for cap in policy.conditions:
        for floor in floors:
            same = (cap.measure, cap.phase, cap.principle) == (floor.measure, floor.phase, floor.principle)
            if same and cap.at_most is not None and floor.at_least is not None and floor.at_least > cap.at_most:
                yield (
                    cap.id,
                    f"thresholds {cap.id!r} and {floor.id!r} contradict each other: no {cap.measure!r} is at most {cap.at_most:g} and "
                    f"at least {floor.at_least:g}; change one",
                )


def _level(level: Level) -> Iterator[tuple[str, str]]:
    if not math.isfinite(level.reached_at):
        yield (
            level.id,
            f"level {level.id!r} is reached at {level.reached_at:g}, which nothing reaches, so it would ask for nothing; give a number",
        )
    if not level.safeguards:
        yield level.id, f"level {level.id!r} has no safeguards, so reaching it would ask for nothing; add at least one"
    for role in level.sign_off:
        if not role.strip():
            yield level.id, f"level {level.id!r} names an empty role under sign_off; name who signs"
