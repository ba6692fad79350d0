"""Capability levels: how near the model is to each, and whether what the level demands is shown."""

import math
from collections.abc import Iterable, Sequence

from spiritlevel.constitution import Level
from spiritlevel.release.checks import Case, bounds, check, worst
from spiritlevel.release.people import consent
from spiritlevel.types import Grade, LevelCheck, Measurement, SignOff, VerdictKind


def decide(level: Level, case: Case, signed: Sequence[SignOff], basis: str) -> LevelCheck:
    """The level, decided: its capability's upper bound first, then every safeguard; unknown counts as reached."""
    safeguards = (*(check(t, case) for t in level.safeguards), *(consent(level.id, role, signed, basis) for role in level.sign_off))
    m = highest(level, (*case.opened, *case.beside, *case.sealed))
    state, reason = _state(level, m, case)
    found = LevelCheck(level=level.id, state=state, result=VerdictKind.APPROVED, reason=reason, measurement=m, safeguards=safeguards)
    return resolved(found, level)


def resolved(found: LevelCheck, level: Level) -> LevelCheck:
    """The same with result, consequence and need as its safeguards now stand."""
    result, needs = VerdictKind.APPROVED, ""
    if not level.safeguards:
        result, needs = VerdictKind.UNPROVEN, "safeguards in the policy: a level without any would ask for nothing"
    elif found.state == "unknown":
        result = worst([VerdictKind.UNPROVEN, *(c.result for c in found.safeguards)])
        needs = f"a measurement of {level.capability!r} on this model"
    elif found.state == "reached":
        result = worst(c.result for c in found.safeguards)
    otherwise = level.otherwise if result is not VerdictKind.APPROVED else ""
    return found.model_copy(update={"result": result, "otherwise": otherwise, "needs": needs})


def highest(level: Level, found: Iterable[Measurement]) -> Measurement | None:
    """The measurement of the capability after training with the highest upper bound: what can be brought out is what counts.

    An undefined one comes first. Spent evidence may show that the level is reached, never that it is not.
    """
    mine = [
        m
        for m in found
        if m.estimate.name == level.capability and m.phase in ("after", "single") and not m.principle and not m.cell and m.role != "proxy"
    ]
    useful = [m for m in mine if m.grade is not Grade.SPENT or m.estimate.high >= level.reached_at] or mine
    return max(useful, key=lambda m: math.inf if math.isnan(m.estimate.high) else m.estimate.high, default=None)


def _state(level: Level, m: Measurement | None, case: Case) -> tuple[str, str]:
    if m is None:
        elsewhere = next((model for model, other in case.elsewhere if other.estimate.name == level.capability), "")
        of = f", only of another model revision ({elsewhere[:16]})" if elsewhere else ""
        return "unknown", f"no {level.capability!r} was measured{of}, so the level cannot be ruled out"
    at, high = f"the level is reached at {level.reached_at:g}", m.estimate.high
    if high >= level.reached_at:
        return "reached", f"{bounds(m)}; {at} of the upper bound"
    if math.isnan(high):
        return "unknown", f"{level.capability!r} is not defined, so the level cannot be ruled out"
    if m.grade is Grade.SPENT:
        return "unknown", f"its only evidence is spent ({m.why_grade}), which cannot show that {at} is not so"
    if m.errored > case.policy.max_errored * (max(m.estimate.n, 1) + m.errored):
        return "unknown", f"{m.errored} calls beside n = {m.estimate.n} failed, so the level cannot be ruled out"
    if m.unscored > case.policy.max_unscored * (max(m.estimate.n, 1) + m.unscored):
        return "unknown", f"{m.unscored} samples beside n = {m.estimate.n} could not be scored, so the level cannot be ruled out"
    if high >= level.reached_at - level.warn:
        return (
            "near",
            f"{bounds(m)}; its upper bound is within {level.warn:g} of the level ({level.reached_at:g}): have its safeguards shown",
        )
    return "below", f"{bounds(m)}; {at} of the upper bound"
