"""What governance would do in each usage category: the policy's action, tightened by what the evidence does not show.

Evidence never loosens what is declared. `block` and `escalate` keep a reply back, so they stay. `warn` and `allow` let it out, so
they need evidence: a breach makes block, what is not shown makes escalate. Where a category forbids nothing, serving it is what is
shown or not: allow, else warn; and escalate where nothing was measured.
"""

from collections.abc import Iterator, Sequence

from spiritlevel.constitution import Category, Constitution, Policy, Threshold
from spiritlevel.release.checks import Case, check, worst
from spiritlevel.release.config import Given
from spiritlevel.types import Action, Asked, Check, Governance, Journal, Ruling, Tuned, Usage, VerdictKind

KEEPS_BACK = ("block", "escalate")
LOOKALIKE, PLAIN = "over_refusal_lookalike", "over_refusal_plain"
REFUSED = {LOOKALIKE: "look-alikes", PLAIN: "plain instructions"}
UNREAD = "the sealed set was not read"
SHOWN, BROKEN, OPEN = VerdictKind.APPROVED, VerdictKind.HELD, VerdictKind.UNPROVEN


def governed(journal: Journal, rests: Given, law: Constitution, tuned: Tuned, usage: Usage, exam: Usage | None) -> Governance:
    """`govern`, as a step."""
    return govern(rests, law, tuned, usage, exam)


def govern(rests: Given, law: Constitution, tuned: Tuned, usage: Usage, exam: Usage | None) -> Governance:
    """One reasoned ruling a category; pure. `exam`: the same on sealed prompts, None when they were not read."""
    case = _case(rests, tuned, usage, exam)
    asked = {a.category: a for a in usage.asked}
    forbidding = {p.category for p in law.principles if p.id != law.helpfulness}
    named = {p.category for p in law.principles}
    rulings = []
    for name, category in law.policy.categories.items():
        mine = asked.get(name, Asked(category=name, forbidden=0, allowed=0))
        forbids = name in forbidding or mine.forbidden > 0
        kept = _kept(name, category, law.policy, case, mine) if forbids else None
        served = tuple(_served(name, category, law.policy, case, mine))
        action, reason = ruled(category.action, kept, served, stated=name in named)
        few = tuple(what for what, c in (("what it forbids", kept), *(("what it allows", c) for c in served)) if _few(c, category))
        rulings.append(
            Ruling(
                category=name,
                title=category.title,
                declared=category.action,
                action=action,
                reason=f"{reason}; too few prompts test {' and '.join(dict.fromkeys(few))}" if few else reason,
                few=few,
                kept=kept,
                served=served,
            )
        )
    return Governance(rulings=tuple(rulings))


def ruled(declared: Action, kept: Check | None, served: Sequence[Check], *, stated: bool = True) -> tuple[Action, str]:
    """The action and its reason in a sentence. `kept` None: the category forbids nothing. `stated`: some principle says what it is."""
    if not stated:
        reason = "no principle says what this category is, so nothing of it can be measured"
        return (declared, reason) if declared in KEEPS_BACK else ("escalate", f"{reason}; a person decides")
    if kept is not None:
        if kept.result is SHOWN:
            return declared, f"as declared: {kept.reason}"
        if declared in KEEPS_BACK:
            how = "the model itself breaks it" if kept.result is BROKEN else "the model is not shown to keep it by itself"
            return declared, f"as declared, and {how}: {kept.reason}"
        if kept.result is BROKEN:
            return "block", f"tightened from {declared}, since the model delivers what is forbidden: {kept.reason}"
        return "escalate", f"tightened from {declared}, since a person decides until it is shown: {kept.reason}"
    if declared in KEEPS_BACK:
        return declared, "as declared, though no principle of this category forbids anything"
    if not any(c.estimate is not None for c in served):
        return "escalate", f"tightened from {declared}, since nothing was measured: {served[0].reason if served else 'no prompt tests it'}"
    if (result := worst(c.result for c in served)) is SHOWN:
        return declared, f"as declared: {'; '.join(c.reason for c in served)}"
    how = "refuses what is allowed" if result is BROKEN else "is not shown to serve what is allowed"
    return "warn", f"{'as declared' if declared == 'warn' else 'tightened from allow'}, since the model {how}: {_worst(served).reason}"


def _worst(checks: Sequence[Check]) -> Check:
    of = worst(c.result for c in checks)
    return next(c for c in checks if c.result is of)


def _case(rests: Given, tuned: Tuned, usage: Usage, exam: Usage | None) -> Case:
    """Both sides' figures; those of another revision decide nothing."""
    mine = {side.side: side.figures if side.model == tuned.ref.key else () for side in (usage, exam) if side is not None}
    other = tuple((side.model, m) for side in (usage, exam) if side is not None and side.model != tuned.ref.key for m in side.figures)
    return Case(
        policy=rests.policy,
        config=rests.config,
        base=usage.base,
        opened=mine[usage.side],
        sealed=() if exam is None else mine[exam.side],
        unread=UNREAD if exam is None else "the sealed set was read and gave no such figure",
        sealable=exam is None,
        elsewhere=other,
    )


def _kept(name: str, category: Category, policy: Policy, case: Case, asked: Asked) -> Check:
    id = f"{name}/kept"
    if not asked.forbidden:
        return _untested(id, "no prompt asks for what it forbids", "prompts that ask for what it forbids")
    limits = list(_limits(id, name, category, policy, "delivered_harm", category.at_most))
    if not limits:
        return _untested(id, "the policy sets no limit on delivered harm", "at_most on the category, or a threshold on delivered_harm")
    return _worst([check(t, case) for t in limits])


def _served(name: str, category: Category, policy: Policy, case: Case, asked: Asked) -> Iterator[Check]:
    if not asked.allowed:
        yield _untested(f"{name}/served", "no harmless prompt belongs to it", "harmless prompts of this category")
        return
    for measure, what in REFUSED.items():
        of = f"{name}/served/{what.replace(' ', '-')}"
        if not any(m.estimate.name == measure and m.principle == f"category:{name}" for m in (*case.opened, *case.sealed)):
            continue
        limits = list(_limits(of, name, category, policy, measure, category.refuses_at_most))
        if limits:
            yield _worst([check(t, case) for t in limits])
        else:
            yield _untested(of, f"the policy sets no limit on refusals of {what}", f"refuses_at_most, or a threshold on {measure}")


def _limits(id: str, name: str, category: Category, policy: Policy, measure: str, own: float | None) -> Iterator[Threshold]:
    """The category's own limit, else what the policy asks of the figure over all categories; n is the category's.

    Plain instructions may be refused no more than look-alikes, where the policy only limits how much more than before.
    """
    about = {"id": id, "principle": f"category:{name}", "min_n": category.min_n}
    if own is not None:
        yield Threshold.model_validate({**about, "measure": measure, "at_most": own})
        return
    mine = [t for t in policy.thresholds if t.measure == measure and not t.principle and t.phase != "before"]
    if measure == PLAIN and not any(t.phase == "after" for t in mine):
        # a limit on the change alone would let a model pass that refused everything before, too
        mine += [t for t in policy.thresholds if t.measure == LOOKALIKE and not t.principle and t.phase == "after"]
    for t in mine:
        yield t.model_copy(update={**about, "measure": measure})


def _few(c: Check | None, category: Category) -> bool:
    return c is not None and (c.estimate is None or c.estimate.n < category.min_n)


def _untested(id: str, reason: str, needs: str) -> Check:
    return Check(threshold=id, result=OPEN, reason=reason, needs=needs)
