"""Is safety work commensurate with capability: growth since the last release, the share of effort, the age of evidence."""

from collections.abc import Iterable, Iterator, Sequence

from spiritlevel.constitution import Policy
from spiritlevel.types import Check, Circumstances, Earlier, LevelCheck, Measurement, VerdictKind


def circumstantial(policy: Policy, around: Circumstances) -> Iterator[Check]:
    """Checks on clock, age and effort; none when all is well."""
    if around.clock:
        needs = "the evidence made again once the clock is right"
        yield _unproven("clock", f"the clock was set back, so the age of the evidence is not known: {around.clock}", needs)
    if around.aged:
        yield _unproven("age", around.aged, "the same evidence made again")
    if policy.safety_share is not None:
        share = around.safety_share
        if share is None:
            yield _unproven("safety-share", "no cost was recorded, so the share of safety work is not known", "runs whose cost is recorded")
        elif share < policy.safety_share:
            reason = f"{share:.0%} of the project's recorded cost is safety work; the policy asks for at least {policy.safety_share:.0%}"
            yield _unproven("safety-share", reason, f"safety work until its share is {policy.safety_share:.0%}")
        else:
            reason = f"{share:.0%} of the project's recorded cost is safety work, at least {policy.safety_share:.0%}"
            yield Check(threshold="safety-share", result=VerdictKind.APPROVED, reason=reason)


def growth(policy: Policy, earlier: Earlier | None, levels: Sequence[LevelCheck], checks: Iterable[Check]) -> Iterator[Check | str]:
    """For each level whose capability rose since the last release while no safeguard gained evidence: a note, or a check.

    It rose where the difference of the two estimates has a lower bound above 0 (square-and-add, Zou & Donner 2008), or where the
    upper bound rose by more than the policy's `max_growth`; the latter is unproven.
    """
    if earlier is None:
        return
    then = {m.estimate.name: m for m in earlier.capabilities}
    shown = {id: (n, power) for id, n, power in earlier.shown}
    all_checks = list(checks)
    for one in levels:
        m = one.measurement
        before = then.get(m.estimate.name) if m is not None else None
        if m is None or before is None:
            continue
        rise, surely = _rise(before, m)
        over = policy.max_growth is not None and rise > policy.max_growth
        more = any(_more(c, shown.get(c.threshold)) for c in (*all_checks, *one.safeguards))
        if not (surely or over) or more:
            continue
        told = (
            f"the upper bound of {m.estimate.name} rose by {rise:.3f} since the release of run {earlier.run!r} "
            f"({before.estimate.high:.3f} to {m.estimate.high:.3f}), and no safeguard has more evidence than then"
        )
        if over:
            needs = "more clusters, or more power, behind at least one safeguard than at the last release"
            yield _unproven(f"{one.level}: commensurate", told, needs)
        else:
            yield f"not commensurate: {told}"


def _rise(before: Measurement, after: Measurement) -> tuple[float, bool]:
    """How much the upper bound rose, and whether the capability surely rose."""
    b, a = before.estimate, after.estimate
    least = a.value - b.value - ((a.value - a.low) ** 2 + (b.high - b.value) ** 2) ** 0.5
    return a.high - b.high, least > 0


def _more(check: Check, then: tuple[int, float] | None) -> bool:
    n, power = check.estimate.n if check.estimate else 0, check.power or 0.0
    return (then is not None and (n > then[0] or power > then[1])) or (then is None and n > 0)


def _unproven(id: str, reason: str, needs: str) -> Check:
    return Check(threshold=id, result=VerdictKind.UNPROVEN, reason=reason, needs=needs)
