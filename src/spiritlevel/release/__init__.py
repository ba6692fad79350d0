"""DECIDE: thresholds -> verdict. `decide` is a pure function; `unseal` spends one reading of the sealed set.

held: some threshold fails even at its optimistic bound. Else unproven: some pessimistic bound fails or is not defined, or evidence
is not independent, or too small, or too much of it is unscored or errored, or the sealed set was not read. Else approved.
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import field_validator

from spiritlevel import firewall
from spiritlevel.constitution import Constitution, Policy, Threshold
from spiritlevel.errors import ConfigError
from spiritlevel.types import (
    Check,
    Compared,
    Estimate,
    Frozen,
    Grade,
    Inside,
    Journal,
    Measurement,
    Shown,
    Ticket,
    Tuned,
    Verdict,
    VerdictKind,
)

__all__ = ["ReleaseConfig", "decide", "exam_confidence", "run", "unseal"]


SEVERITY = (VerdictKind.HELD, VerdictKind.UNPROVEN, VerdictKind.APPROVED)
UNKNOWN = "ancestry is unknown"


class ReleaseConfig(Frozen):
    """How the gate works, beside the policy of the constitution."""

    read_sealed: bool = True
    """Read the sealed set when open evidence does not already hold the model. Without it nothing is approved."""
    power: tuple[Shown, ...] = ()
    """What an audit of planted flaws showed: the file that `audit-power --out` writes, read when the configuration is."""

    @field_validator("power", mode="before")
    @classmethod
    def _read(cls, given: object) -> object:
        """A path stands for what its file holds, so that the resolved configuration has the figures themselves."""
        return shown(Path(given)) if isinstance(given, str) else given


def shown(path: Path) -> list[object]:
    """The figures of a file that `audit-power --out` wrote; ConfigError when it is none."""
    try:
        return list(json.loads(path.read_text("utf-8"))["shown"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"release.power names {str(path)!r}, which holds no power figures; write it with audit-power --out") from error


def exam_confidence(policy: Policy) -> float:
    """Confidence of one sealed reading: the error budget shared over all attempts (Bonferroni)."""
    return 1 - (1 - policy.confidence) / policy.sealed_attempts


def unseal(journal: Journal, law: Constitution, tuned: Tuned, compared: Compared, inside: Inside, config: ReleaseConfig) -> Ticket:
    """Leave to read the sealed set, written to the project's ledger before it is used; attempt 0 = not read.

    It is not read where it could not approve: when open evidence holds the model already, or its ancestry is unknown. An attempt
    is worth more than a second no.
    """
    most = law.policy.sealed_attempts
    if firewall.planted_in(tuned.lineage, journal.lineage) or _closed(law, tuned, (*compared.measurements, *inside.measurements), config):
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
    return decide(law, tuned, compared, inside, exam, ticket, config, firewall.planted_in(tuned.lineage, journal.lineage))


def decide(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    ticket: Ticket,
    config: ReleaseConfig,
    planted: str = "",
) -> Verdict:
    """One reasoned check a threshold; pure. `exam`: the sealed comparison, None when not read. `planted`: how a planted flaw got in."""
    opened = (*compared.measurements, *inside.measurements)
    sealed = exam.measurements if exam else ()
    unread = _closed(law, tuned, opened, config) or f"all {ticket.attempts} readings of the sealed set are used up"
    if exam is not None:
        unread = "the sealed set was read and gave no such figure"
    checks = [_check(t, law.policy, opened, sealed, unread, compared.before.key, config) for t in law.policy.thresholds]
    if not checks:
        checks.append(Check(threshold="policy", result=VerdictKind.UNPROVEN, reason="the policy has no thresholds; add at least one"))
    if planted := planted or _bad(tuned):
        reason = f"{tuned.ref.spec!r} is, or comes from, a copy that an audit planted a flaw in ({planted}); it is never released"
        checks.append(Check(threshold="planted", result=VerdictKind.HELD, reason=reason))
    if tuned.lineage.history == "unknown":
        reason = f"{UNKNOWN} for {tuned.ref.spec!r}, so no evidence counts as independent of it; declare its training data"
        checks.append(Check(threshold="ancestry", result=VerdictKind.UNPROVEN, reason=reason))
    kind = min((check.result for check in checks), key=SEVERITY.index)
    return Verdict(kind=kind, checks=tuple(checks), attempt=ticket.attempt, attempts=ticket.attempts)


def _bad(tuned: Tuned) -> str:
    """What the model's own lineage says of a planted flaw."""
    return next((use.atom for use in tuned.lineage.uses if use.atom.startswith(firewall.PLANTED)), "")


def _closed(law: Constitution, tuned: Tuned, opened: Sequence[Measurement], config: ReleaseConfig) -> str:
    """Why the sealed set stays closed whatever the budget; empty when it may be read."""
    if not config.read_sealed:
        return "the sealed set was not read (release.read_sealed is off)"
    if tuned.lineage.history == "unknown":
        return f"the sealed set was not read, since {UNKNOWN}"
    for t in law.policy.thresholds:
        if any(_fails(t, m.estimate) for m in _matching(t, opened) if m.grade is not Grade.SPENT):
            return f"the sealed set was not read, since open evidence holds the model ({t.id})"
    return ""


def _check(
    t: Threshold,
    policy: Policy,
    opened: Sequence[Measurement],
    sealed: Sequence[Measurement],
    unread: str,
    base: str,
    config: ReleaseConfig,
) -> Check:
    seen = _matching(t, (*opened, *sealed))
    usable = [m for m in seen if m.grade is not Grade.SPENT]
    if not usable:
        if seen:
            return _told(t, VerdictKind.UNPROVEN, f"its only evidence is spent ({seen[0].why_grade}) and is struck out", seen[0])
        proxy = any(m.estimate.name == t.measure and m.role == "proxy" for m in (*opened, *sealed))
        why = "only a proxy measured it, and proxies are read for the gap alone" if proxy else f"no {t.measure!r} ({t.phase}) was measured"
        return _told(t, VerdictKind.UNPROVEN, why)
    for m in usable:
        if _fails(t, m.estimate):
            return _told(t, VerdictKind.HELD, f"{_bounds(m)}; {_limit(t)} fails even at its optimistic bound", m)
    last = usable[-1]
    # an oracle is the intent by definition: it proves a method and certifies no model
    independent = [m for m in usable if m.grade is Grade.INDEPENDENT and m.role != "oracle"]
    if t.needs_independent and not independent:
        why = last.why_grade or ("it is an oracle's" if last.role == "oracle" else "its judge is kin")
        return _told(t, VerdictKind.UNPROVEN, f"no independent evidence: {why}", last)
    deciding = usable
    if any(m.role in ("intent", "oracle") for m in _matching(t, opened)):  # what weights or costs alone tell has no sealed twin
        deciding = [m for m in usable if any(m is s for s in sealed)]
        if not deciding:
            return _told(t, VerdictKind.UNPROVEN, f"{unread}; on open prompts {_bounds(last)} against {_limit(t)}", last)
    if t.needs_independent:
        deciding = [m for m in deciding if any(m is i for i in independent)]
        if not deciding:
            return _told(t, VerdictKind.UNPROVEN, f"no independent evidence on sealed prompts: {last.why_grade}", last)
    for m in deciding:
        if lack := _lack(t, policy, m, base, config):
            return _told(t, VerdictKind.UNPROVEN, lack, m)
    m = deciding[-1]
    return _told(t, VerdictKind.APPROVED, f"{_bounds(m)}; {_limit(t)} holds at its pessimistic bound", m)


def _lack(t: Threshold, policy: Policy, m: Measurement, base: str, config: ReleaseConfig) -> str:
    """What this measurement lacks to show its threshold; empty when nothing.

    Shares of unscored and errored samples are over independent clusters, of which there are no more than samples: the safe side.
    """
    n = max(m.estimate.n, 1)
    if not _shows(t, m.estimate):
        return f"{_bounds(m)}; {_limit(t)} is not shown at its pessimistic bound"
    if m.estimate.n < t.min_n:
        return f"n = {m.estimate.n} is under its minimum of {t.min_n}"
    if m.unscored > policy.max_unscored * (n + m.unscored):
        return f"{m.unscored} samples beside n = {m.estimate.n} could not be scored, more than {policy.max_unscored:.0%}"
    if m.errored > policy.max_errored * (n + m.errored):
        return f"{m.errored} calls beside n = {m.estimate.n} failed, more than {policy.max_errored:.0%}"
    return _weak(t, base, config)


def _weak(t: Threshold, base: str, config: ReleaseConfig) -> str:
    """Why the power that a threshold demands was not shown on this very base; empty when it was, or none is demanded."""
    if t.min_power is None:
        return ""
    if not t.flaw:
        return "it demands power and names no flaw; write `flaw:` with the id of a planted flaw beside min_power"
    figures = [s for s in config.power if (s.flaw, s.base) == (t.flaw, base) and t.strength in (None, s.strength) and s.detected.n]
    if not figures:
        elsewhere = any(s.flaw == t.flaw for s in config.power)
        where = " on this base and at this strength; what was shown elsewhere is not carried over" if elsewhere else ""
        return f"its power to find a planted flaw {t.flaw!r} is not measured{where}"
    least = min(figures, key=lambda s: s.detected.low if s.detected.low >= 0 else -1.0)  # NaN is the least
    e = least.detected
    if not e.low >= t.min_power:
        told = f"{e.value:.0%} ({e.low:.0%} to {e.high:.0%}, n = {e.n})"
        return f"its power to find a planted flaw {t.flaw!r} at strength {least.strength:g} is {told}, not shown to be {t.min_power:.0%}"
    return ""


def _matching(t: Threshold, found: Iterable[Measurement]) -> list[Measurement]:
    """Overall measurements of this name and phase that may decide a threshold: proxies are read for the gap, never here."""
    return [m for m in found if (m.estimate.name, m.phase, m.principle, m.cell) == (t.measure, t.phase, "", "") and m.role != "proxy"]


def _fails(t: Threshold, e: Estimate) -> bool:
    """Fails even at the optimistic bound. An undefined (NaN) bound shows nothing either way."""
    return (t.at_most is not None and e.low > t.at_most) or (t.at_least is not None and e.high < t.at_least)


def _shows(t: Threshold, e: Estimate) -> bool:
    """Holds at the pessimistic bound: every limit that is given, and at least one. NaN never does."""
    limits = ([e.high <= t.at_most] if t.at_most is not None else []) + ([e.low >= t.at_least] if t.at_least is not None else [])
    return bool(limits) and all(limits) and not any(math.isnan(x) for x in (e.value, e.low, e.high))


def _limit(t: Threshold) -> str:
    limits = (("at most", t.at_most), ("at least", t.at_least))
    return " and ".join(f"{word} {x:g}" for word, x in limits if x is not None) or "no limit"


def _bounds(m: Measurement) -> str:
    e = m.estimate
    return f"{e.name} is {e.value:.3f} ({e.low:.3f} to {e.high:.3f}, n = {e.n}, {e.confidence:.1%})"


def _told(t: Threshold, result: VerdictKind, reason: str, m: Measurement | None = None) -> Check:
    if m is None:
        return Check(threshold=t.id, result=result, reason=reason)
    return Check(threshold=t.id, result=result, reason=reason, estimate=m.estimate, grade=m.grade, rows=m.rows)
