"""DECIDE: policy and evidence -> verdict. `decide` is a pure function; `unseal` spends one reading of the sealed set.

held: some threshold fails even at its optimistic bound. Else unproven: some pessimistic bound fails or is not defined, or evidence
is not independent, or too small, too old, of another model, or too much of it is unscored or errored, or the sealed set was not read,
or a capability level is reached (or cannot be ruled out) and what it demands is not shown. Else approved.

checks    one threshold             levels        capability levels      people   sign-off, dissent, exceptions
needs     what would settle it      commensurate  growth, effort, age    facts    what is read off the project
again     a stored verdict, decided once more
"""

from collections.abc import Iterable, Sequence

from spiritlevel import firewall
from spiritlevel.constitution import Constitution, Policy, Threshold
from spiritlevel.release import levels as capability
from spiritlevel.release.checks import Case, check, failing, matching, worst
from spiritlevel.release.commensurate import circumstantial, growth
from spiritlevel.release.config import Given, ReleaseConfig
from spiritlevel.release.people import dissent, excused
from spiritlevel.types import (
    Check,
    Circumstances,
    Compared,
    Inside,
    Journal,
    Measurement,
    SignOff,
    Ticket,
    Tuned,
    Verdict,
    VerdictKind,
    Weighted,
    content_hash,
)

__all__ = ["Given", "ReleaseConfig", "decide", "exam_confidence", "given", "run", "signed", "unseal"]

UNKNOWN = "ancestry is unknown"
NOTHING = Circumstances()


def exam_confidence(policy: Policy) -> float:
    """Confidence of one sealed reading: the error budget shared over all attempts (Bonferroni)."""
    return 1 - (1 - policy.confidence) / policy.sealed_attempts


def given(journal: Journal, policy: Policy, config: ReleaseConfig, circumstances: Circumstances) -> Given:
    """What the verdict will rest on beside the measurements, as a step: the run keeps it."""
    return Given(policy=policy, config=config, circumstances=circumstances)


def signed(journal: Journal, word: SignOff) -> SignOff:
    """A person's word, as a step: the run keeps every one."""
    return word


def unseal(journal: Journal, law: Constitution, tuned: Tuned, compared: Compared, inside: Inside, config: ReleaseConfig) -> Ticket:
    """Leave to read the sealed set, written to the project's ledger before it is used; attempt 0 = not read.

    It is not read where it could not approve: when open evidence holds the model already, or its ancestry is unknown. An attempt
    is worth more than a second no.
    """
    most = law.policy.sealed_attempts
    opened = (*compared.measurements, *inside.measurements)
    if firewall.planted_in(tuned.lineage, journal.lineage) or _closed(law.policy, tuned, opened, config):
        return Ticket(attempt=0, attempts=most)
    return Ticket(attempt=journal.attempt(tuned.lineage.body or tuned.ref.key, most), attempts=most)


def run(journal: Journal, rests: Given, tuned: Tuned, compared: Compared, inside: Inside, exam: Compared | None, ticket: Ticket) -> Verdict:
    """`decide`, as a step."""
    return decide(rests.policy, tuned, compared, inside, exam, ticket, rests.config, rests.circumstances)


def decide(
    policy: Policy,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    ticket: Ticket,
    config: ReleaseConfig,
    around: Circumstances = NOTHING,
) -> Verdict:
    """One reasoned check a threshold and one a capability level; pure. `exam`: the sealed comparison, None when not read."""
    case = _case(policy, tuned, compared, inside, exam, ticket, config, around)
    basis = content_hash(policy, tuned.ref.key, compared, inside, "" if exam is None else exam, *around.beside)
    words = [s for s in around.signed if s.basis == basis]
    checks = [check(t, case) for t in policy.thresholds]
    if not checks:
        needs = "thresholds in the policy"
        checks.append(
            Check(threshold="policy", result=VerdictKind.UNPROVEN, reason="the policy has no thresholds; add at least one", needs=needs)
        )
    levels = [capability.decide(level, case, around.signed, basis) for level in policy.levels]
    beside: list[Check] = [*_of_the_model(tuned, compared, exam, around.planted), *circumstantial(policy, around)]
    notes = [*dissent(words, basis), *around.ended]
    for found in growth(policy, around.earlier, levels, checks):
        if isinstance(found, Check):
            beside.append(found)
        else:
            notes.append(found)
    weighted = _weighted(policy, case, beside, around.signed, basis)
    checks = [excused(c, words, basis, policy.exceptions_by) for c in [*checks, *beside]]
    levels = [
        capability.resolved(
            one.model_copy(update={"safeguards": tuple(excused(c, words, basis, policy.exceptions_by) for c in one.safeguards)}), level
        )
        for one, level in zip(levels, policy.levels, strict=True)
    ]
    return Verdict(
        kind=worst([*(c.result for c in checks), *(one.result for one in levels)]),
        checks=tuple(checks),
        attempt=ticket.attempt,
        attempts=ticket.attempts,
        levels=tuple(levels),
        weighted=weighted,
        notes=tuple(notes),
        basis=basis,
    )


def _case(
    policy: Policy,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    ticket: Ticket,
    config: ReleaseConfig,
    around: Circumstances,
) -> Case:
    """The evidence sorted: of this model on either side, and of other revisions, which decides nothing."""
    key = tuned.ref.key
    beside = [m for one in around.beside if one.model == key for m in one.measurements]
    elsewhere = [(one.model, m) for one in around.beside if one.model != key for m in one.measurements]
    opened: list[Measurement] = [*compared.measurements, *inside.measurements]
    sealed = list(exam.measurements) if exam else []
    closed = _closed(policy, tuned, opened, config)
    unread = closed or f"all {ticket.attempts} readings of the sealed set are used up"
    if exam is not None:
        unread = "the sealed set was read and gave no such figure"
    for side, of in ((opened, compared), (sealed, exam)):
        if of is not None and of.after.key != key:
            elsewhere += [(of.after.key, m) for m in of.measurements]
            side[:] = [m for m in side if not any(m is other for other in of.measurements)]
    return Case(
        policy=policy,
        config=config,
        base=compared.before.key,
        opened=tuple(opened),
        sealed=tuple(sealed),
        beside=tuple(beside),
        unread=unread,
        sealable=bool(closed) or exam is not None,
        elsewhere=tuple(elsewhere),
    )


def _of_the_model(tuned: Tuned, compared: Compared, exam: Compared | None, planted: str) -> Iterable[Check]:
    """Checks on what model this is: no planted flaw, one revision in all of the evidence, and a known ancestry."""
    if planted := planted or _bad(tuned):
        reason = f"{tuned.ref.spec!r} is, or comes from, a copy that an audit planted a flaw in ({planted}); it is never released"
        yield Check(threshold="planted", result=VerdictKind.HELD, reason=reason)
    sides = [compared, *([exam] if exam is not None else [])]
    other = next((one for one in sides if one.after.key != tuned.ref.key or one.before.key != compared.before.key), None)
    if other is not None:
        asked = f"the {other.side.value} prompts were asked of {other.before.key[:16]} and {other.after.key[:16]}"
        released = f"the release is of {tuned.ref.key[:16]} against {compared.before.key[:16]}"
        reason = f"the evidence mixes model revisions: {asked}, and {released}"
        yield Check(
            threshold="revision", result=VerdictKind.UNPROVEN, reason=reason, needs="every figure measured on the model that is released"
        )
    if tuned.lineage.history == "unknown":
        reason = f"{UNKNOWN} for {tuned.ref.spec!r}, so no evidence counts as independent of it; declare its training data"
        needs = "its training data declared (--trained-on)"
        yield Check(threshold="ancestry", result=VerdictKind.UNPROVEN, reason=reason, needs=needs)


def _bad(tuned: Tuned) -> str:
    """What the model's own lineage says of a planted flaw."""
    return next((use.atom for use in tuned.lineage.uses if use.atom.startswith(firewall.PLANTED)), "")


def _weighted(policy: Policy, case: Case, beside: Sequence[Check], signed_: Sequence[SignOff], basis: str) -> tuple[Weighted, ...]:
    """The verdict if the harms of one horizon alone counted: thresholds of the other fall away, and where a figure is told by horizon
    that one decides. Exceptions count for nothing here.
    """

    def of(t: Threshold, horizon: str) -> Threshold:
        narrow = t.model_copy(update={"principle": f"horizon:{horizon}"})
        return narrow if not t.principle and matching(narrow, (*case.opened, *case.beside)) else t

    found = []
    horizons: tuple[tuple[str, str], ...] = (("near", "long"), ("long", "near"))
    for horizon, other in horizons:
        decided = [check(of(t, horizon), case) for t in policy.thresholds if t.horizon != other and t.principle != f"horizon:{other}"]
        for level in policy.levels:
            kept = tuple(of(t, horizon) for t in level.safeguards if t.horizon != other and t.principle != f"horizon:{other}")
            if kept:
                one = capability.decide(level.model_copy(update={"safeguards": kept}), case, signed_, basis)
                decided += [Check(threshold=one.level, result=one.result, reason=one.reason)]
        if not decided:
            decided = [Check(threshold="policy", result=VerdictKind.UNPROVEN, reason="no threshold is about these harms")]
        decided += beside
        deciding = tuple(c.threshold for c in decided if c.result is not VerdictKind.APPROVED)
        found.append(Weighted.model_validate({"horizon": horizon, "kind": worst(c.result for c in decided), "deciding": deciding}))
    return tuple(found)


def _closed(policy: Policy, tuned: Tuned, opened: Sequence[Measurement], config: ReleaseConfig) -> str:
    """Why the sealed set stays closed whatever the budget; empty when it may be read."""
    if not config.read_sealed:
        return "the sealed set was not read (release.read_sealed is off)"
    if tuned.lineage.history == "unknown":
        return f"the sealed set was not read, since {UNKNOWN}"
    t = failing(policy.thresholds, opened)
    return f"the sealed set was not read, since open evidence holds the model ({t.id})" if t is not None else ""
