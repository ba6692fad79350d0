"""Planted faults are found and named; what is clean has no finding."""

import json
from typing import Any

import numpy as np
import pytest

from spiritlevel import constitution
from spiritlevel.constitution import Constitution
from spiritlevel.examine import labels, readings
from spiritlevel.examine.apart import crowded
from spiritlevel.examine.diff import leave_one_out
from spiritlevel.examine.lint import lint
from spiritlevel.examine.values import Finding
from spiritlevel.types import Kind

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_clean_constitution_has_no_finding(law: Constitution) -> None:
    found = lint(law)
    assert [(f.fault, f.principle, f.what) for f in found.findings] == []
    assert found.judges == ("rules", "embedding", "words")


def test_a_contradiction_and_an_empty_category_are_found_and_who_wins_is_said(law: Constitution) -> None:
    asked = list(dict.fromkeys(e.prompt for e in law.teach if e.principle == "no-fraud" and e.kind is Kind.HARMFUL))[:2]
    frank = law.principle("no-fraud").model_copy(update={"id": "tells-all", "priority": 5})
    other = tuple(e.model_copy(update={"principle": "tells-all", "violating": not e.violating}) for e in law.teach if e.prompt in asked)
    policy = law.policy.model_copy(update={"categories": constitution.load().policy.categories})
    update = {"teach": (*law.teach, *other), "principles": (*law.principles, frank), "policy": policy}
    found = lint(law.model_copy(update=update)).findings
    (pair,) = (f for f in found if f.fault == "pulls-apart")
    assert ({pair.principle, pair.other}, pair.wins) == ({"no-fraud", "tells-all"}, "no-fraud")
    assert {r.prompt for r in pair.rows} == {*asked}
    assert any("'cyber'" in f.what for f in found if f.fault == "coverage")
    assert not [f for f in found if f.fault == "label"], "an example on which principles pull apart is no wrong label"


def read_as(law: Constitution, **flipped: Any) -> tuple[readings.Cases, dict[str, np.ndarray]]:
    """Cases whose labels are flipped at some rows, and three judges that read all of them rightly, with a spread."""
    cases = readings.cases_of(law.teach)
    truth = np.where(cases.violating, 1.0, -1.0)
    wide = np.random.default_rng(0).uniform(2, 4, (3, len(truth)))
    told = {name: truth * w for name, w in zip(("one", "two", "three"), wide, strict=True)}
    wrong = np.isin(np.arange(len(truth)), flipped["rows"])
    return readings.cases_of(
        [e.model_copy(update={"violating": e.violating ^ bool(w)}) for e, w in zip(law.teach, wrong, strict=True)]
    ), told


def test_two_replies_under_one_heading_are_more_suspect_than_one_of_each(law: Constitution) -> None:
    pair = [i for i, e in enumerate(law.teach) if e.principle == "no-hate" and e.kind is Kind.HARMFUL][:2]
    assert law.teach[pair[0]].prompt == law.teach[pair[1]].prompt
    notes: list[str] = []
    (one,) = labels.wrong(*read_as(law, rows=pair[:1]), set(), notes)
    assert [r.reply for r in one.rows] == [law.teach[pair[0]].reply]
    (both,) = labels.wrong(*read_as(law, rows=pair), set(), notes)
    assert "swapped" in both.what
    assert len(both.rows) == 2
    assert labels.wrong(*read_as(law, rows=[]), set(), notes) == []
    assert labels.wrong(*read_as(law, rows=pair), {law.teach[pair[0]].prompt}, notes) == []
    assert notes == []
    assert labels.wrong(readings.cases_of(law.teach), {"rules": np.zeros(len(law.teach))}, set(), notes) == []
    assert "3 judges" in notes[0]


def test_few_rows_make_no_judge_sure(law: Constitution) -> None:
    cases, told = read_as(law, rows=[])
    n = int(cases.violating.sum())
    chance = 1 / (1 + np.exp(-readings.pooled(told, cases)))
    assert 0.5 / (n + 2) < np.median(chance[~cases.violating]) < 2 / (n + 2)


def test_a_principle_whose_words_are_about_nothing_it_shows_is_dead(law: Constitution, moon: dict[str, str]) -> None:
    principles = tuple(p.model_copy(update=moon) if p.id == "no-hate" else p for p in law.principles)
    (found,) = lint(law.model_copy(update={"principles": principles})).findings
    assert (found.fault, found.principle) == ("dead", "no-hate")
    assert len(found.rows) == sum(e.principle == "no-hate" and e.violating for e in law.teach)


def test_a_principle_without_a_violating_example_is_dead(law: Constitution) -> None:
    copy = law.principle("no-fraud").model_copy(update={"id": "a-copy"})
    found = lint(law.model_copy(update={"principles": (*law.principles, copy)})).findings
    assert [(f.fault, f.principle, f.rows) for f in found if f.fault == "dead"] == [("dead", "a-copy", ())]


def test_words_that_draw_other_cases_than_the_principles_other_words_are_a_finding(law: Constitution, moon: dict[str, str]) -> None:
    off = {"applies": moon["applies"]}
    principles = tuple(p.model_copy(update=off) if p.id == "no-hate" else p for p in law.principles)
    (found,) = lint(law.model_copy(update={"principles": principles})).findings
    assert (found.fault, found.principle) == ("wording", "no-hate")
    assert "its 'applies' does not tell" in found.what


def test_one_principle_and_no_example_are_examined_as_far_as_they_go(law: Constitution) -> None:
    mine = tuple(e for e in law.teach if e.principle == "no-fraud")
    one = law.model_copy(update={"principles": (law.principle("no-fraud"),), "teach": mine})
    assert {f.fault for f in lint(one).findings} == {"coverage"}
    assert "two principles" in " ".join(lint(one).notes)
    assert "no examples" in " ".join(lint(one.model_copy(update={"teach": ()})).notes)


def test_three_hundred_principles_end(law: Constitution) -> None:
    many = tuple(law.principle("no-fraud").model_copy(update={"id": f"p{i}", "title": f"Rule {i}"}) for i in range(300))
    rows = [e for e in law.teach if e.principle == "no-fraud"][:8]
    teach = tuple(e.model_copy(update={"principle": p.id}) for p in many for e in rows[:2])
    crowd = law.model_copy(update={"principles": many, "teach": teach})
    assert lint(crowd).cases == 600
    assert len(leave_one_out(crowd).changed) == 300


def test_a_principle_in_conflict_with_all_others_is_named(law: Constitution) -> None:
    against = law.principle("is-helpful").model_copy(update={"id": "against", "priority": 5})
    first = {e.principle: e.prompt for e in reversed(law.teach) if e.kind is Kind.HARMFUL}
    other = tuple(
        e.model_copy(update={"principle": "against", "violating": not e.violating}) for e in law.teach if e.prompt in first.values()
    )
    found = lint(law.model_copy(update={"principles": (*law.principles, against), "teach": (*law.teach, *other)}))
    assert found.crowded == ("against",)


def test_half_of_the_others_is_what_crowds() -> None:
    pairs = [Finding(fault="pulls-apart", principle="a", other=o, what="", doubt=0, rows=()) for o in "bcd"]
    assert crowded(pairs, 7) == ("a",)
    assert crowded(pairs, 8) == ()
    assert crowded(pairs[:1], 2) == (), "one pair alone is no crowd"


def test_a_model_judge_reads_beside_the_others_and_its_silence_is_said(law: Constitution, reader: Any) -> None:
    found = lint(law, judge=reader("default: ['PROBABILITY: none']\nrules: []\n"))
    assert found.findings == ()
    assert "could not judge" in " ".join(found.notes)


def test_a_model_judge_that_finds_the_kept_reply_a_breach_elsewhere_shows_a_pair(law: Constitution, reader: Any) -> None:
    good = next(e for e in law.teach if e.principle == "no-hate" and e.kind is Kind.HARMFUL and not e.violating)
    text = json.dumps(
        {
            "default": ["PROBABILITY: 5"],
            "rules": [{"match": json.dumps(good.reply[:40])[1:-1], "replies": ["PROBABILITY: 95"]}],
        }
    )
    found = [f for f in lint(law, judge=reader(text)).findings if f.fault == "pulls-apart"]
    assert {f.rows[0].reply for f in found} == {good.reply}


def test_verdicts_that_turn_with_a_paraphrase_are_a_finding(law: Constitution, reader: Any) -> None:
    said = {"no-hate": ["Be kind about groups of people."], "no-fraud": ["Do not help to defraud people of their money."]}
    judge = reader("default: ['PROBABILITY: 95']\nrules: [{match: 'Be kind about', replies: ['PROBABILITY: 5']}]\n")
    found = [f for f in lint(law, judge=judge, paraphrases=said).findings if f.fault == "wording"]
    assert [(f.principle, "Be kind" in f.what) for f in found] == [("no-hate", True)]
    assert found[0].doubt < 0.01
    assert len(found[0].rows) == sum(e.principle == "no-hate" for e in law.teach)
