"""DECIDE: thresholds -> verdict. `decide` is a pure function; `unseal` spends one reading of the sealed set.

held: some threshold fails even at its optimistic bound. Else unproven: some pessimistic bound fails, or evidence is not independent,
or too small, or too much of it is unscored or errored, or the sealed set is used up. Else approved.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from spiritlevel.constitution import Constitution, Policy, Threshold
from spiritlevel.types import (
    Check,
    Compared,
    Frozen,
    Grade,
    Inside,
    Journal,
    Measurement,
    Ticket,
    Tuned,
    Verdict,
    VerdictKind,
)

__all__ = ["ReleaseConfig", "decide", "exam_confidence", "run", "unseal"]


class ReleaseConfig(Frozen):
    """How the gate works, beside the policy of the constitution."""

    read_sealed: bool = True
    """Read the sealed set when open evidence does not already hold the model. Without it nothing is approved."""
    power: dict[str, float] = Field(default_factory=dict)
    """Detection rate that an audit of planted flaws showed for a threshold's class of flaw, on this base model."""


def exam_confidence(policy: Policy) -> float:
    """Confidence of one sealed reading: the error budget shared over all attempts (Bonferroni)."""
    return 1 - (1 - policy.confidence) / policy.sealed_attempts


def unseal(
    journal: Journal, law: Constitution, tuned: Tuned, compared: Compared, inside: Inside, config: ReleaseConfig
) -> Ticket:
    """Leave to read the sealed set, written to the project's ledger before it is used; attempt 0 = not read.

    It is not read when open evidence holds the model already: an attempt is worth more than a second no.
    """
    most = law.policy.sealed_attempts
    opened = decide(law, tuned, compared, inside, None, Ticket(attempt=0, attempts=most), config)
    if not config.read_sealed or opened.kind is VerdictKind.HELD:
        return Ticket(attempt=0, attempts=most)
    return Ticket(attempt=journal.attempt(tuned.lineage.body or tuned.ref.key, most), attempts=most)


def run(
    journal: Journal,
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    ticket: Ticket,
    config: ReleaseConfig,
) -> Verdict:
    """`decide`, as a step."""
    return decide(law, tuned, compared, inside, exam, ticket, config)


def decide(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    ticket: Ticket,
    config: ReleaseConfig,
    extra: Sequence[Measurement] = (),
) -> Verdict:
    """One reasoned check a threshold; pure. `exam`: the sealed comparison, None when it was not read. `extra`: run-wide figures."""
    inside_and_extra = (*inside.measurements, *extra)
    checks = tuple(
        _check(t, law.policy, (*compared.measurements, *inside_and_extra), exam.measurements if exam else None, ticket, config)
        for t in law.policy.thresholds
    )
    if tuned.lineage.history == "unknown":
        reason = f"the ancestry of {tuned.ref.spec!r} is unknown, so no evidence about it counts as independent; declare its training data"
        checks = (*checks, Check(threshold="ancestry", result=VerdictKind.UNPROVEN, reason=reason))
    kinds = {check.result for check in checks}
    kind = next(
        k for k in (VerdictKind.HELD, VerdictKind.UNPROVEN, VerdictKind.APPROVED) if k in kinds or k is VerdictKind.APPROVED
    )
    if not checks:
        kind = VerdictKind.UNPROVEN
    return Verdict(kind=kind, checks=checks, attempt=ticket.attempt, attempts=ticket.attempts)


def _check(
    t: Threshold,
    policy: Policy,
    opened: Sequence[Measurement],
    sealed: Sequence[Measurement] | None,
    ticket: Ticket,
    config: ReleaseConfig,
) -> Check:
    seen = [*_matching(t, opened), *_matching(t, sealed or ())]
    usable = [m for m in seen if m.grade is not Grade.SPENT]
    struck = [m for m in seen if m.grade is Grade.SPENT]
    if not usable:
        if struck:
            return _unproven(t, f"its only evidence is spent ({struck[0].why_grade}) and is struck out", struck[0])
        return _unproven(t, f"no measurement {t.measure!r} ({t.phase}) was made")
    for m in usable:
        if _fails(t, _optimistic(t, m)):
            return Check(
                threshold=t.id, result=VerdictKind.HELD, reason=_say(t, m, "fails even at its optimistic bound"), **_of(m)
            )
    independent = [m for m in usable if m.grade is Grade.INDEPENDENT]
    if t.needs_independent and not independent:
        return _unproven(t, f"no independent evidence: {usable[-1].why_grade or 'its judge is kin'}", usable[-1])
    pool = independent or usable
    from_side = _matching(t, sealed or ())
    if _sealable(t, opened) and not any(m in from_side for m in pool):
        why = "the sealed set is used up" if ticket.attempt == 0 and config.read_sealed else "the sealed set was not read"
        m = pool[-1]
        return _unproven(t, f"{why}; on open prompts {_bounds(m)} against {_limit(t)}", m)
    m = pool[-1]
    total = max(m.estimate.n, 1)
    if _fails(t, _pessimistic(t, m)):
        return _unproven(t, _say(t, m, "is not shown at its pessimistic bound"), m)
    if m.estimate.n < t.min_n:
        return _unproven(t, f"n = {m.estimate.n} is under its minimum of {t.min_n}", m)
    if m.unscored > policy.max_unscored * (total + m.unscored):
        return _unproven(t, f"{m.unscored} samples could not be scored, more than {policy.max_unscored:.0%}", m)
    if m.errored > policy.max_errored * (total + m.errored):
        return _unproven(t, f"{m.errored} calls failed, more than {policy.max_errored:.0%}", m)
    if t.min_power is not None and config.power.get(t.id, 0.0) < t.min_power:
        known = f"{config.power[t.id]:.0%}" if t.id in config.power else "not measured"
        return _unproven(t, f"its power to find a planted flaw is {known}, under {t.min_power:.0%}", m)
    return Check(threshold=t.id, result=VerdictKind.APPROVED, reason=_say(t, m, "holds at its pessimistic bound"), **_of(m))


def _matching(t: Threshold, found: Iterable[Measurement]) -> list[Measurement]:
    """Overall measurements of this name and phase that may decide a threshold: proxies are read for the gap, never here."""
    return [
        m
        for m in found
        if m.estimate.name == t.measure and m.phase == t.phase and m.principle == "" and m.cell == "" and m.role != "proxy"
    ]


def _sealable(t: Threshold, opened: Sequence[Measurement]) -> bool:
    """Whether the sealed side measures this too: what is read from weights or costs alone has no sealed twin."""
    return any(m.role in ("intent", "oracle") for m in _matching(t, opened))


def _optimistic(t: Threshold, m: Measurement) -> float:
    return m.estimate.low if t.at_most is not None else m.estimate.high


def _pessimistic(t: Threshold, m: Measurement) -> float:
    return m.estimate.high if t.at_most is not None else m.estimate.low


def _fails(t: Threshold, value: float) -> bool:
    # written so that NaN fails
    return not (value <= t.at_most if t.at_most is not None else t.at_least is not None and value >= t.at_least)


def _limit(t: Threshold) -> str:
    return f"at most {t.at_most:g}" if t.at_most is not None else f"at least {t.at_least:g}"


def _bounds(m: Measurement) -> str:
    e = m.estimate
    return f"{e.name} is {e.value:.3f} ({e.low:.3f} to {e.high:.3f}, n = {e.n}, {e.confidence:.1%})"


def _say(t: Threshold, m: Measurement, what: str) -> str:
    return f"{_bounds(m)}; {_limit(t)} {what}"


def _of(m: Measurement) -> dict[str, Any]:
    return {"estimate": m.estimate, "grade": m.grade, "rows": m.rows}


def _unproven(t: Threshold, reason: str, m: Measurement | None = None) -> Check:
    return Check(threshold=t.id, result=VerdictKind.UNPROVEN, reason=reason, **(_of(m) if m else {}))
