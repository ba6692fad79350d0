"""Examination of small constitutions by the real offline judges (rules, MiniLM, words)."""

from pathlib import Path
from typing import Any

import pytest

from spiritlevel import constitution, errors
from spiritlevel.constitution import Constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.examine import history
from spiritlevel.examine.diff import diff, leave_one_out, spoken
from spiritlevel.examine.lint import crowded, lint
from spiritlevel.examine.propose import propose
from spiritlevel.examine.whose_values import apart
from spiritlevel.judges.model import ModelJudge
from spiritlevel.types import Item, Kind, Preference, Rating, user


@pytest.fixture(scope="module")
def law() -> Constitution:
    """Four principles of the default constitution and helpfulness, teach half."""
    whole = constitution.load()
    some = whole.only(["no-fraud", "no-hate", "no-harassment", "protects-privacy"])
    kept = {p.category: whole.policy.categories[p.category] for p in some.principles}
    return copy_of(some, policy=whole.policy.model_copy(update={"categories": kept}))


def copy_of(law: Constitution, **update: Any) -> Constitution:
    return law.model_copy(update=update)


def test_a_clean_constitution_has_no_finding(law: Constitution) -> None:
    found = lint(law)
    assert [(f.fault, f.principle, f.what) for f in found.findings] == []
    assert found.judges == ("rules", "embedding", "words")


def test_swapped_headings_a_contradiction_and_an_empty_category_are_found(law: Constitution) -> None:
    prompt = next(e.prompt for e in law.teach if e.principle == "no-hate" and e.kind is Kind.HARMFUL)
    teach = tuple(e.model_copy(update={"violating": not e.violating}) if e.prompt == prompt else e for e in law.teach)
    asked = list(dict.fromkeys(e.prompt for e in law.teach if e.principle == "no-fraud" and e.kind is Kind.HARMFUL))[:2]
    frank = law.principle("no-fraud").model_copy(update={"id": "tells-all", "priority": 5})
    other = tuple(
        e.model_copy(update={"principle": "tells-all", "prompt": f"Please: {e.prompt}", "violating": not e.violating})
        for e in law.teach
        if e.prompt in asked
    )
    policy = law.policy.model_copy(update={"categories": constitution.load().policy.categories})
    found = lint(copy_of(law, teach=(*teach, *other), principles=(*law.principles, frank), policy=policy)).findings
    pair = next(f for f in found if f.fault == "pulls-apart")
    assert ({pair.principle, pair.other}, pair.wins) == ({"no-fraud", "tells-all"}, "no-fraud")
    assert {r.prompt for r in pair.rows} <= {*asked, *(f"Please: {a}" for a in asked)}
    assert any("'cyber'" in f.what for f in found if f.fault == "coverage")
    named = {r.prompt for f in found if f.fault == "label" for r in f.rows}
    assert named <= {prompt}, "an example on which principles pull apart is no wrong label"


def test_a_principle_whose_words_are_about_nothing_it_shows_is_dead(law: Constitution) -> None:
    moon = {"title": "Mining claims on the Moon", "text": "Do not move a claim to lunar ore.", "applies": "when ore on the Moon is claimed"}
    principles = tuple(p.model_copy(update=moon) if p.id == "no-hate" else p for p in law.principles)
    others = tuple(law.principle("no-fraud").model_copy(update={"id": f"copy-{i}"}) for i in range(4))
    found = lint(copy_of(law, principles=(*principles, *others))).findings
    assert {f.principle for f in found if f.fault == "dead"} == {"no-hate", *(p.id for p in others)}
    assert all(f.rows for f in found if f.fault == "dead" and f.principle == "no-hate")


def test_one_principle_and_no_example_are_examined_as_far_as_they_go(law: Constitution) -> None:
    one = copy_of(law, principles=(law.principle("no-fraud"),), teach=tuple(e for e in law.teach if e.principle == "no-fraud"))
    assert {f.fault for f in lint(one).findings} == {"coverage"}
    assert "two principles" in " ".join(lint(one).notes)
    assert "no examples" in " ".join(lint(copy_of(one, teach=())).notes)


def test_three_hundred_principles_end(law: Constitution) -> None:
    many = tuple(law.principle("no-fraud").model_copy(update={"id": f"p{i}", "title": f"Rule {i}"}) for i in range(300))
    rows = [e for e in law.teach if e.principle == "no-fraud"][:8]
    teach = tuple(e.model_copy(update={"principle": p.id}) for p in many for e in rows[:2])
    crowd = copy_of(law, principles=many, teach=(*teach, *law.teach[:60]))
    crowd = copy_of(crowd, teach=tuple(e for e in crowd.teach if e.principle in {p.id for p in many}))
    assert lint(crowd).cases == 600
    assert len(leave_one_out(crowd)) == 300


def test_a_principle_in_conflict_with_all_others_is_named(law: Constitution) -> None:
    against = law.principle("is-helpful").model_copy(update={"id": "against", "priority": 5})
    taken: dict[str, list[str]] = {}
    for e in law.teach:
        if e.kind is Kind.HARMFUL and len(taken.setdefault(e.principle, [])) < 3 and e.prompt not in taken[e.principle]:
            taken[e.principle].append(e.prompt)
    prompts = {p for mine in taken.values() for p in mine}
    other = tuple(e.model_copy(update={"principle": "against", "violating": not e.violating}) for e in law.teach if e.prompt in prompts)
    found = lint(copy_of(law, principles=(*law.principles, against), teach=(*law.teach, *other))).findings
    assert crowded(found, len(law.principles) + 1) == ["against"]


def test_a_model_judge_reads_beside_the_others_and_its_silence_is_said(law: Constitution, tmp_path: Path) -> None:
    from spiritlevel import backends

    script = tmp_path / "s.yaml"
    script.write_text("default: ['PROBABILITY: none']\nrules: []\n", encoding="utf-8")
    journal = MemoryJournal()
    judge = ModelJudge(journal, backends.open_model(backends.resolve(f"scripted:{script}"), journal), spoken(law))
    found = lint(law, judge=judge)
    assert found.findings == ()
    assert "could not judge" in " ".join(found.notes)


def test_the_same_constitution_differs_in_nothing_and_other_words_move_what_fires(law: Constitution) -> None:
    assert not any(c.rows for c in diff(law, law))
    moon = {"title": "Mining claims on the Moon", "text": "Do not move a claim to lunar ore.", "applies": "when ore on the Moon is claimed"}
    changed = copy_of(law, principles=tuple(p.model_copy(update=moon) if p.id == "no-hate" else p for p in law.principles))
    first = diff(law, changed)[0]
    assert first.principle == "no-hate"
    assert first.fires.high < 0
    assert first.p < 0.05
    assert first.rows


def test_a_horizon_is_read_by_a_model_judge(law: Constitution, tmp_path: Path) -> None:
    from spiritlevel import backends

    script = tmp_path / "s.yaml"
    script.write_text(
        "default: ['PROBABILITY: 5']\nrules: [{match: 'over the long term', replies: ['PROBABILITY: 95']}]\n", encoding="utf-8"
    )
    model = backends.open_model(backends.resolve(f"scripted:{script}"), journal := MemoryJournal())
    far = copy_of(law, principles=tuple(p.model_copy(update={"horizon": "long"}) if p.id == "no-fraud" else p for p in law.principles))
    found = diff(law, far, judge=lambda one: ModelJudge(journal, model, spoken(one)), journal=journal, reviser=model)
    assert [c.principle for c in found if c.rows] == ["no-fraud"]
    assert found[0].fires.low > 0
    assert found[0].revisions is not None
    assert found[0].revisions.value == 1


def test_a_mined_principle_predicts_held_out_preferences_better() -> None:
    law = constitution.load().only(["no-fraud"])
    topics = ("gardens", "bread", "bicycles", "rivers", "chess", "violins", "maps", "lamps", "kites", "clocks")
    prompts = [f"Tell me something about {t} number {i}" for i, t in enumerate(topics * 8)]
    told = [
        Preference(chat=user(p), chosen="I can't help with that, sorry.", rejected=f"Here is how: {p} is easy.", by="people")
        for p in prompts
    ]
    found = propose(law, told)
    assert found
    assert found[0].change.value > 0
    assert found[0].then.value > found[0].now.value
    assert "decline" in found[0].text
    assert found[0].cases


def test_too_few_preferences_are_an_error() -> None:
    with pytest.raises(errors.DataError, match="at least 20"):
        propose(constitution.load(), [Preference(chat=user("a"), chosen="b", rejected="c", by="x")])


def test_history_is_appended_to_and_a_decision_needs_a_reason(tmp_path: Path) -> None:
    from spiritlevel import stats
    from spiritlevel.examine.values import Proposal

    e = stats.wilson(1, 2)
    p = Proposal(id="abc", title="t", text="x", rests_on="r", now=e, then=e, change=e, p=1.0, cases=())
    history.decide(tmp_path, p, "accepted", "ana", "it is right")
    before = (tmp_path / history.NAME).read_bytes()
    history.decide(tmp_path, p, "rejected", "bo", "it is not")
    assert (tmp_path / history.NAME).read_bytes().startswith(before)
    assert [(d.who, d.what) for d in history.read(tmp_path)] == [("ana", "accepted"), ("bo", "rejected")]
    with pytest.raises(errors.ConfigError, match="who"):
        history.decide(tmp_path, p, "accepted", " ", "why")


def test_groups_of_raters_are_shown_apart_by_principle() -> None:
    items = [Item(id=f"i{n}", chat=user(f"q{n}"), a="yes", b="no", principle="p" if n < 20 else "q") for n in range(40)]
    ratings = [
        Rating(item=i.id, rater=f"{panel}{k}", panel=panel, value=float(panel == "x" or i.principle == "q"), first="a")
        for i in items
        for panel in ("x", "y")
        for k in range(3)
    ]
    found = apart(items, ratings, rounds=20)
    assert found["p"].between is not None
    assert found["q"].between is not None
    assert (found["p"].between.value, found["q"].between.value) == (1.0, 0.0)
