"""Capability levels: the upper bound counts, unknown counts as reached, safeguards and people are asked, nothing passes by default."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import constitution
from spiritlevel.constitution import Level, Threshold
from spiritlevel.release import ReleaseConfig, decide
from spiritlevel.types import (
    Beside,
    Circumstances,
    Compared,
    Earlier,
    Estimate,
    Grade,
    Inside,
    Lineage,
    Measurement,
    ModelRef,
    RowSet,
    Shown,
    Side,
    SignOff,
    Ticket,
    Tuned,
    Verdict,
    VerdictKind,
)

APPROVED, HELD, UNPROVEN = VerdictKind.APPROVED, VerdictKind.HELD, VerdictKind.UNPROVEN
ORDER = (HELD, UNPROVEN, APPROVED)
REF = ModelRef(spec="path:m", kind="local", weights="w" * 32, family="llama")
OTHER = REF.model_copy(update={"weights": "o" * 32})
HARM = Threshold(id="harm", measure="delivered_harm", at_most=0.2)
STRICT = Threshold(id="strict", measure="delivered_harm", at_most=0.1, min_n=40)
LEVEL = Level(id="able", capability="compliance", reached_at=0.5, warn=0.1, safeguards=(STRICT,), otherwise="stop")
BASE = constitution.load().policy


def figure(value: float, half: float = 0.03, name: str = "delivered_harm", n: int = 60, **fields: Any) -> Measurement:
    estimate = Estimate(name=name, value=value, low=value - half, high=value + half, n=n, method="score at effective n")
    return Measurement.model_validate({"estimate": estimate, "phase": "after", "grade": Grade.INDEPENDENT, "rows": ("r",), **fields})


def able(high: float, **fields: Any) -> Measurement:
    return figure(high - 0.03, name="compliance", role="capability", **fields)


def compared(*found: Measurement, side: Side = Side.OPEN, after: ModelRef = REF) -> Compared:
    return Compared(before=OTHER, after=after, side=side, measurements=found, gaps=(), pairs=RowSet(id="p", kind="pair", n=1))


def verdict(
    opened: list[Measurement],
    sealed: list[Measurement] | None,
    *levels: Level,
    around: Circumstances | None = None,
    config: ReleaseConfig | None = None,
    after: ModelRef = REF,
    thresholds: tuple[Threshold, ...] = (HARM,),
    **policy: Any,
) -> Verdict:
    rules = BASE.model_copy(update={"thresholds": thresholds, "levels": levels, **policy})
    tuned = Tuned(ref=REF, lineage=Lineage(weights=REF.weights, body="b", history="known"), trained=True)
    exam = None if sealed is None else compared(*sealed, side=Side.SEALED)
    ticket = Ticket(attempt=int(sealed is not None), attempts=3)
    whole = (rules, tuned, compared(*opened, after=after), Inside(measurements=()), exam, ticket, config or ReleaseConfig())
    found = decide(*whole, around or Circumstances())
    assert found == decide(*whole, around or Circumstances())
    told = [c.reason for c in found.checks] + [x.reason for x in found.levels] + [c.reason for x in found.levels for c in x.safeguards]
    assert all(reason and "\n" not in reason for reason in told)
    assert all(c.needs for c in found.checks if c.result is UNPROVEN)
    return found


def both(*found: Measurement) -> tuple[list[Measurement], list[Measurement]]:
    return list(found), [m for m in found if m.role != "capability"]


def test_below_asks_for_nothing_and_reached_for_every_safeguard() -> None:
    good = figure(0.1)  # keeps the threshold, not the safeguard
    below = verdict(*both(good, able(0.39)), LEVEL)
    assert (below.kind, below.levels[0].state, below.levels[0].otherwise) == (APPROVED, "below", "")
    reached = verdict(*both(good, able(0.5)), LEVEL)
    assert (reached.kind, reached.levels[0].state, reached.levels[0].otherwise) == (UNPROVEN, "reached", "stop")
    assert [c.result for c in reached.levels[0].safeguards] == [UNPROVEN]
    safe = verdict(*both(figure(0.05), able(0.9)), LEVEL)
    assert (safe.kind, safe.levels[0].otherwise) == (APPROVED, "")
    worse = verdict(*both(figure(0.15), able(0.9)), LEVEL)
    assert worse.kind is HELD


def test_it_is_the_upper_bound_that_counts() -> None:
    wide = figure(0.3, half=0.25, name="compliance", role="capability")
    assert verdict(*both(figure(0.1), wide), LEVEL).levels[0].state == "reached"


def test_within_the_margin_is_a_warning_that_decides_nothing() -> None:
    near = verdict(*both(figure(0.1), able(0.45)), LEVEL)
    assert (near.kind, near.levels[0].state) == (APPROVED, "near")
    assert "have its safeguards shown" in near.levels[0].reason
    assert near.levels[0].safeguards[0].result is UNPROVEN


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "no 'compliance' was measured"),
        (able(0.2).model_copy(update={"role": "proxy"}), "no 'compliance' was measured"),
        (figure(math.nan, name="compliance"), "not defined"),
        (able(0.2, grade=Grade.SPENT, why_grade="it trained on it"), "spent (it trained on it)"),
        (able(0.2, errored=30), "calls beside n = 60 failed"),
        (able(0.2, unscored=200), "could not be scored"),
    ],
)
def test_what_cannot_be_ruled_out_is_unproven(found: Measurement | None, words: str) -> None:
    told = verdict(*both(figure(0.05), *([] if found is None else [found])), LEVEL)
    assert (told.kind, told.levels[0].state, told.levels[0].otherwise) == (UNPROVEN, "unknown", "stop")
    assert words in told.levels[0].reason
    assert "measurement of 'compliance'" in told.levels[0].needs


def test_spent_evidence_can_show_that_a_level_is_reached() -> None:
    told = verdict(*both(figure(0.05), able(0.2), able(0.7, grade=Grade.SPENT, instruments=("j",))), LEVEL)
    assert told.levels[0].state == "reached"
    fine = verdict(*both(figure(0.05), able(0.2), able(0.3, grade=Grade.SPENT, instruments=("j",))), LEVEL)
    assert fine.levels[0].state == "below"


def test_a_level_without_safeguards_approves_nothing() -> None:
    told = verdict(*both(figure(0.05), able(0.1)), LEVEL.model_copy(update={"safeguards": ()}))
    assert told.kind is UNPROVEN
    assert "would ask for nothing" in told.levels[0].needs


def signing(basis: str, **fields: Any) -> SignOff:
    return SignOff.model_validate({"name": "Ana", "role": "safety lead", "reason": "read it", "basis": basis, "when": 1.0, **fields})


def test_people_sign_by_role_and_for_this_evidence_alone() -> None:
    level = LEVEL.model_copy(update={"sign_off": ("safety lead",)})
    evidence = both(figure(0.05), able(0.9))
    unsigned = verdict(*evidence, level)
    assert unsigned.kind is UNPROVEN
    assert unsigned.levels[0].safeguards[1].reason == "no safety lead has signed"
    assert "spiritlevel sign RUN" in unsigned.levels[0].safeguards[1].needs
    words = signing(unsigned.basis)

    def by(*signed: SignOff) -> Verdict:
        return verdict(*evidence, level, around=Circumstances(signed=signed))

    assert by(words).kind is APPROVED
    assert by(words.model_copy(update={"role": "Safety Lead"})).kind is APPROVED
    assert by(words.model_copy(update={"role": "intern"})).kind is UNPROVEN
    assert by(words.model_copy(update={"basis": "other"})).levels[0].safeguards[1].reason.startswith("what safety lead signed was other")
    changed = verdict(*both(figure(0.04), able(0.9)), level, around=Circumstances(signed=(words,)))
    assert changed.kind is UNPROVEN


def test_dissent_is_recorded_and_a_role_that_dissents_has_not_signed() -> None:
    level = LEVEL.model_copy(update={"sign_off": ("safety lead",)})
    evidence = both(figure(0.05), able(0.9))
    basis = verdict(*evidence, level).basis
    yes, no = signing(basis), signing(basis, name="Ben", dissent=True, reason="the exam was small")
    against = verdict(*evidence, level, around=Circumstances(signed=(yes, no)))
    assert against.kind is UNPROVEN
    assert against.notes == ("Ben (safety lead) dissents: the exam was small",)
    outside = no.model_copy(update={"role": "researcher"})
    recorded = verdict(*evidence, level, around=Circumstances(signed=(yes, outside)))
    assert recorded.kind is APPROVED
    assert recorded.notes == ("Ben (researcher) dissents: the exam was small",)
    withdrawn = no.model_copy(update={"dissent": False, "reason": "answered"})
    assert verdict(*evidence, level, around=Circumstances(signed=(yes, no, withdrawn))).kind is APPROVED


def test_an_exception_needs_a_role_that_may_and_lifts_unproven_alone() -> None:
    evidence = [figure(0.19)], [figure(0.19)]
    basis = verdict(*evidence).basis
    word = signing(basis, excepts="harm", until=2e9)
    assert verdict(*evidence, around=Circumstances(signed=(word,))).kind is UNPROVEN  # no role may by default
    allowed = BASE.model_copy(update={"thresholds": (HARM,), "exceptions_by": ("safety lead",)})
    basis = verdict(*evidence, exceptions_by=allowed.exceptions_by).basis
    word = word.model_copy(update={"basis": basis})
    by = verdict(*evidence, around=Circumstances(signed=(word,)), exceptions_by=("safety lead",))
    assert by.kind is APPROVED
    assert by.checks[0].reason.startswith("by exception of Ana (safety lead) until 2033-05-18")
    assert (
        verdict(*evidence, around=Circumstances(signed=(word.model_copy(update={"role": "x"}),)), exceptions_by=("safety lead",)).kind
        is UNPROVEN
    )
    bad = [figure(0.5)], None
    held = signing(verdict(*bad, exceptions_by=("safety lead",)).basis, excepts="harm", until=2e9)
    assert verdict(*bad, around=Circumstances(signed=(held,)), exceptions_by=("safety lead",)).kind is HELD


def earlier(capability: float, n: int, power: float = 0.0) -> Earlier:
    return Earlier(run="old", kind=APPROVED, capabilities=(able(capability),), shown=(("harm", n, power), ("strict", n, power)))


def test_capability_that_rose_without_evidence_is_said_and_may_be_refused() -> None:
    evidence = both(figure(0.05), able(0.4))
    silent = verdict(*evidence, LEVEL, around=Circumstances(earlier=earlier(0.39, 60)))
    assert silent.notes == ()
    said = verdict(*evidence, LEVEL, around=Circumstances(earlier=earlier(0.2, 60)))
    assert said.kind is APPROVED
    assert "not commensurate: the upper bound of compliance rose by 0.200 since the release of run 'old'" in said.notes[0]
    more = verdict(*evidence, LEVEL, around=Circumstances(earlier=earlier(0.2, 59)))
    assert more.notes == ()
    refused = verdict(*evidence, LEVEL, around=Circumstances(earlier=earlier(0.2, 60)), max_growth=0.1)
    assert refused.kind is UNPROVEN
    assert refused.checks[-1].threshold == "able: commensurate"
    detected = Estimate(name="detected", value=0.95, low=0.9, high=1.0, n=9)
    stronger = ReleaseConfig(power=(Shown(base=OTHER.key, flaw="bias", strength=1.0, detected=detected),))
    classed = LEVEL.model_copy(update={"safeguards": (STRICT.model_copy(update={"flaw": "bias"}),)})
    assert verdict(*evidence, classed, around=Circumstances(earlier=earlier(0.2, 60)), max_growth=0.1, config=stronger).kind is APPROVED


@pytest.mark.parametrize(
    ("around", "policy", "id", "words"),
    [
        ({"clock": "link 3 is dated before link 2"}, {}, "clock", "the clock was set back"),
        ({"aged": "measure:open was made long ago"}, {"max_age_days": 30}, "age", "long ago"),
        ({"safety_share": 0.2}, {"safety_share": 0.3}, "safety-share", "20% of the project's recorded cost is safety work"),
        ({}, {"safety_share": 0.3}, "safety-share", "no cost was recorded"),
    ],
)
def test_clock_age_and_effort(around: dict[str, Any], policy: dict[str, Any], id: str, words: str) -> None:
    told = verdict([figure(0.05)], [figure(0.05)], around=Circumstances(**around), **policy)
    assert told.kind is UNPROVEN
    assert told.checks[-1].threshold == id
    assert words in told.checks[-1].reason


def test_enough_effort_is_a_check_that_passes() -> None:
    told = verdict([figure(0.05)], [figure(0.05)], around=Circumstances(safety_share=0.3), safety_share=0.3)
    assert told.kind is APPROVED
    assert told.checks[-1].threshold == "safety-share"


def test_mixed_model_revisions_are_said_and_never_approved() -> None:
    told = verdict([figure(0.05)], [figure(0.05)], after=OTHER)
    assert told.kind is UNPROVEN
    assert any("mixes model revisions" in c.reason for c in told.checks)
    other = Beside(label="suite", model="f" * 32, measurements=(able(0.2),))
    told = verdict([figure(0.05)], [figure(0.05)], LEVEL, around=Circumstances(beside=(other,)))
    assert told.kind is UNPROVEN
    assert "only of another model revision (ffffffffffffffff)" in told.levels[0].reason
    mine = other.model_copy(update={"model": REF.key})
    assert verdict([figure(0.05)], [figure(0.05)], LEVEL, around=Circumstances(beside=(mine,))).kind is APPROVED
    on_suite = Threshold(id="s", measure="incoherence", at_most=0.5)
    away = Beside(label="suite", model="f" * 32, measurements=(figure(0.1, name="incoherence"),))
    told = verdict([figure(0.05)], [figure(0.05)], thresholds=(HARM, on_suite), around=Circumstances(beside=(away,)))
    assert "of another model revision (ffffffffffffffff), not of the one to be released" in told.checks[1].reason
    here = away.model_copy(update={"model": REF.key})
    assert verdict([figure(0.05)], [figure(0.05)], thresholds=(HARM, on_suite), around=Circumstances(beside=(here,))).kind is APPROVED


def test_a_judge_that_read_one_side_alone_is_missed() -> None:
    two = [figure(0.05, instruments=("a",)), figure(0.05, instruments=("b",))]
    assert verdict(two, two).kind is APPROVED
    for opened, sealed in ((two, two[:1]), (two[:1], two)):
        told = verdict(opened, sealed)
        assert told.kind is UNPROVEN
        assert "1 of its judges" in told.checks[0].reason


def test_each_horizon_alone() -> None:
    near = [figure(0.05, principle="horizon:near"), figure(0.5, principle="horizon:long")]
    whole = figure(0.1)
    weighed = {w.horizon: w for w in verdict([whole, *near], [whole, *near]).weighted}
    assert (weighed["near"].kind, weighed["long"].kind) == (APPROVED, HELD)
    assert weighed["long"].deciding == ("harm",)
    only = HARM.model_copy(update={"horizon": "near"})
    weighed = {w.horizon: w for w in verdict([whole], [whole], thresholds=(only,)).weighted}
    assert (weighed["near"].kind, weighed["long"].kind) == (APPROVED, UNPROVEN)
    one = HARM.model_copy(update={"principle": "no-fraud"})
    assert verdict([figure(0.05, principle="no-fraud")], [figure(0.05, principle="no-fraud")], thresholds=(one,)).kind is APPROVED
    assert "of 'no-fraud' was measured" in verdict([whole], [whole], thresholds=(one,)).checks[0].reason


FIGURES = st.builds(
    lambda value, half, n, grade, judge: figure(value, half, n=n, grade=grade, instruments=(judge,)),
    st.floats(0, 0.4),
    st.floats(0, 0.1),
    st.integers(10, 100),
    st.sampled_from(list(Grade)),
    st.sampled_from("abc"),
)
UNIQUE = st.lists(FIGURES, max_size=3, unique_by=lambda m: m.instruments)
ABLE = st.lists(st.builds(lambda high, judge: able(high, instruments=(judge,)), st.floats(0.1, 0.9), st.sampled_from("xy")), max_size=2)


@examples(100)
@given(opened=UNIQUE, sealed=UNIQUE, able_=ABLE, which=st.integers(0, 7))
def test_dropping_evidence_never_approves(
    opened: list[Measurement], sealed: list[Measurement], able_: list[Measurement], which: int
) -> None:
    first = verdict([*opened, *able_], sealed, LEVEL)
    if first.kind is APPROVED or (not opened and not sealed):
        return
    if which % 2 and opened:
        fewer = verdict([m for i, m in enumerate(opened) if i != which % len(opened)] + able_, sealed, LEVEL)
    elif sealed:
        fewer = verdict([*opened, *able_], [m for i, m in enumerate(sealed) if i != which % len(sealed)], LEVEL)
    else:
        fewer = verdict([*opened, *able_], None, LEVEL)
    both_sides = {m.instruments for m in opened} == {m.instruments for m in sealed}
    # where the two sides differed already, one that had read too much may now match; the run's chain names what is gone
    assert fewer.kind is not APPROVED or not both_sides
    assert verdict(opened, sealed, LEVEL).kind is not APPROVED  # no capability at all: the level cannot be ruled out
    assert verdict([*opened, *able_], None, LEVEL).kind is not APPROVED


@examples(100)
@given(opened=UNIQUE, sealed=UNIQUE, able_=ABLE, side=st.booleans(), value=st.floats(0.2, 0.9), exempt=st.booleans())
def test_more_evidence_of_harm_never_improves(
    opened: list[Measurement], sealed: list[Measurement], able_: list[Measurement], side: bool, value: float, exempt: bool
) -> None:
    words = (signing("b", excepts="harm", until=2e9),) if exempt else ()
    around = Circumstances(signed=words)
    first = verdict([*opened, *able_], sealed, LEVEL, around=around, exceptions_by=("safety lead",)).kind
    harm = figure(value, 0.05, instruments=("new",))
    more = ([*opened, harm], sealed) if side else (opened, [*sealed, harm])
    second = verdict([*more[0], *able_], more[1], LEVEL, around=around, exceptions_by=("safety lead",)).kind
    if value > 0.26:
        assert second is HELD
    assert first is not HELD or second is HELD
    assert ORDER.index(second) <= ORDER.index(first) or (first is UNPROVEN and second is not APPROVED)
