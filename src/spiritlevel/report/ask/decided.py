"""Statements of what was decided, by which conditions, on whose word, and of what is not known."""

from collections.abc import Iterator

from spiritlevel.constitution import Policy, Threshold
from spiritlevel.lineage.chain import day
from spiritlevel.report import unknown, words
from spiritlevel.report.ask.lexicon import Lexicon
from spiritlevel.report.ask.measured import names
from spiritlevel.report.ask.statement import Statement, Told
from spiritlevel.types import ACTIONS, Check, Inside, Verdict, VerdictKind

FIRST = {VerdictKind.HELD: 0.5, VerdictKind.UNPROVEN: 0.2, VerdictKind.APPROVED: 0.1}
KNOWN_BY = {
    unknown.NOT_SEALED: "sealed",
    unknown.NO_POWER: "power",
    unknown.ONE_SEED: "seeds",
    unknown.AGREED: "agreement",
    unknown.NOT_AGREED: "agreement",
    unknown.LATIN: "language",
    **dict.fromkeys(unknown.HISTORY.values(), "lineage"),
}
"""What a question names that one of these limits answers."""
LONGEST = 1200
LOST = "could not be scored"


def statements(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    """Verdict, checks with their needs, thresholds, levels, the sealed set, people's words; then the limits."""
    if told.verdict is not None:
        yield from _verdict(told, told.verdict)
        for check in told.verdict.checks:
            yield from _check(told, check, lexicon)
        yield from _levels(told, told.verdict)
        yield from _people(told)
    if told.policy is not None:
        for t in told.policy.thresholds:
            yield _threshold(told, t, told.policy, lexicon)
        yield _share(told, told.policy)
    if told.verdict is not None and told.compared is not None and told.tuned is not None:
        yield from _limits(told, lexicon)


def _verdict(told: Told, verdict: Verdict) -> Iterator[Statement]:
    rows = told.step("release")
    failing = {kind: [c.threshold for c in verdict.checks if c.result is kind] for kind in (VerdictKind.HELD, VerdictKind.UNPROVEN)}
    reasons = "".join(f" {kind.value.capitalize()}: {', '.join(of)}." for kind, of in failing.items() if of)
    stale = f"Stale ({told.stale}): " if told.stale else ""
    text = f"{stale}The verdict is {verdict.kind.value}. {words.MEANINGS[verdict.kind]}{reasons}"
    yield Statement(text, rows, "verdict", frozenset({"verdict", "safe"}), frozenset({"after", "evidence", "policy"}), 0.2)
    if verdict.attempt:
        read = f"The sealed set was read for this verdict: reading {verdict.attempt} of {verdict.attempts} that this body may have."
    else:
        why = next((c.reason for c in verdict.checks if "sealed set was not read" in c.reason), "")
        read = f"The sealed set was not read for this verdict; {verdict.attempts} readings are allowed for one body."
        read += f" {_sentence(why.split('; on open')[0])}" if why else ""
    yield Statement(
        read, rows, "sealed", frozenset({"sealed"}), frozenset({"prompts", "count", "limit", "verdict", "reason", "policy"}), 0.1
    )
    for one in verdict.weighted:
        deciding = f", because of {', '.join(one.deciding)}" if one.deciding else ""
        text = f"If {one.horizon}-term harms alone counted, the verdict would be {one.kind.value}{deciding}."
        yield Statement(
            text, rows, "verdict", frozenset({"horizon", "verdict"}), frozenset({"harm", "reason", f"principle:horizon:{one.horizon}"})
        )


def _check(told: Told, check: Check, lexicon: Lexicon) -> Iterator[Statement]:
    measure = next((t.measure for t in (told.policy.thresholds if told.policy else ()) if t.id == check.threshold), "")
    what = names(measure, lexicon) if measure else frozenset()
    rows = check.rows or told.step("release")
    text = f"Condition {words.line(check.threshold)} is {check.result.value}: {words.line(check.reason, LONGEST)}."
    also = what | {"verdict", "after", "limit", "policy", "grade", "evidence", "interval", "safe", "sealed", "open"}
    yield Statement(text, rows, "check", frozenset({"reason", "check"}), also, FIRST[check.result], words=check.threshold)
    if check.needs:
        text = f"To settle {words.line(check.threshold)}, which is {check.result.value}, it takes {words.line(check.needs, LONGEST)}."
        yield Statement(text, rows, "needs", frozenset({"needs"}), also | {"check", "prompts", "count"}, 0.1, words=check.threshold)


def _threshold(told: Told, t: Threshold, policy: Policy, lexicon: Lexicon) -> Statement:
    bounds = [
        f"{word} {words.number(x, t.measure, t.phase)}" for word, x in (("at most", t.at_most), ("at least", t.at_least)) if x is not None
    ]
    when = {"before": "before training", "after": "after training", "change": "as a change by training", "single": ""}[t.phase]
    where = f" under “{words.subject(told.law, t.principle)}”" if t.principle else ""
    text = (
        f"The policy asks of {words.label(t.measure)}{where} {when}: {' and '.join(bounds) or 'no limit'}, shown on at least "
        f"{t.min_n} clusters (condition {words.line(t.id)}). {words.line(t.why, 400)}"
    )
    also = names(t.measure, lexicon) | {"check", "verdict", "after", "change", "often", "reason", "count", "training"}
    place = {f"principle:{t.principle}"} if t.principle else set()
    rows = told.step("release.given") or told.step("release")
    return Statement(text.strip(), rows, "threshold", frozenset({"limit", "policy"} | place), also, 0.05, words=t.id)


def _share(told: Told, policy: Policy) -> Statement:
    text = (
        f"The policy allows {policy.sealed_attempts} readings of the sealed set, {100 * policy.max_unscored:g}% of samples unscored and "
        f"{100 * policy.max_errored:g}% of calls failed, at a confidence of {100 * policy.confidence:g}% in all."
    )
    also = frozenset({"sealed", "limit", "unscored", "failed calls", "count", "interval"})
    return Statement(text, told.step("release.given"), "threshold", frozenset({"policy", "limit"}), also, -0.1)


def _levels(told: Told, verdict: Verdict) -> Iterator[Statement]:
    rows = told.step("release")
    for level in verdict.levels:
        then = f" Until then: {ACTIONS[level.otherwise]}." if level.otherwise else ""
        text = (
            f"Capability level {words.line(level.level)} is {level.state}, {level.result.value}: {words.line(level.reason, LONGEST)}.{then}"
        )
        yield Statement(text, rows, "level", frozenset({"level"}), frozenset({"verdict", "reason", "limit", "policy"}), words=level.level)
    if not verdict.levels:
        text = "The policy declares no capability levels."
        yield Statement(text, told.step("release.given"), "level", frozenset({"level"}), frozenset({"policy"}))
    for note in verdict.notes:
        yield Statement(_sentence(note), rows, "verdict", frozenset({"verdict", "reason"}), frozenset({"signed", "safe"}), -0.1)


def _people(told: Told) -> Iterator[Statement]:
    assert told.verdict is not None
    also = frozenset({"verdict", "people", "when", "reason", "safe"})
    if not told.signed:
        text = "Nobody has signed this verdict, and nobody dissents."
        yield Statement(text, told.step("release"), "people", frozenset({"signed"}), also, 0.1)
    for s in told.signed:
        what = f"dissents from the verdict {s.basis[:8]}" if s.dissent else f"signed the verdict {s.basis[:8]}"
        if s.excepts:
            what = f"lets {words.line(s.excepts)} stay unproven until {day(s.until or s.when)}"
        old = "" if s.basis == told.verdict.basis else " (stale: that was another verdict than the current one)"
        text = f"{words.line(s.name)} ({words.line(s.role)}) {what} on {day(s.when)}{old}: {_sentence(s.reason)}"
        yield Statement(
            text, told.step("release.signed") or told.step("release"), "people", frozenset({"signed"}), also, 0.1 - 0.2 * bool(old)
        )


def _limits(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    """What is not known, as the report ends with."""
    assert told.tuned is not None
    assert told.compared is not None
    inside = told.inside or Inside(measurements=())
    for said, rows in unknown.unknowns(told.law, told.tuned, told.compared, inside, told.exam, told.pairs):
        own = KNOWN_BY.get(said, "")
        about = frozenset({"limits", own} if own else {"limits"})
        also = frozenset(name for m in lexicon.read(said).mentions for name in m.names) - {"verdict", "harm"}
        if own == "sealed":
            continue  # told as a fact
        if LOST in said:
            yield Statement(words.line(said, LONGEST), rows, "figure", frozenset({"unscored"}), also | {"count"})
        yield Statement(words.line(said, LONGEST), rows or told.step("report") or told.step("release"), "unknown", about, also, -0.05)


def _sentence(text: str) -> str:
    """A clause as a sentence of its own."""
    plain = words.line(text, LONGEST).strip().rstrip(".")
    return plain[:1].upper() + plain[1:] + "."
