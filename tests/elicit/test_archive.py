"""The archive: cells filled by the worst of their kind, asked again, within budget, the same again."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elicit.tables import MODEL, attempt, goal
from searching import examples
from spiritlevel import constitution, elicit
from spiritlevel.constitution import certify
from spiritlevel.elicit.archive import NEAR, Child, Grid, draw, near
from spiritlevel.elicit.attacks import styles
from spiritlevel.elicit.config import ArchiveConfig, Budget, CampaignConfig, ElicitConfig
from spiritlevel.errors import ConfigError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.types import Archive, Attempt, Elite, Finding, Mark, ModelRef

SIX = ArchiveConfig(styles=("slang", "authority", "misspelling"), queries=24, batch=5)


def filled(small: Any, journal: MemoryJournal, attacker: str = "", **changes: Any) -> Archive:
    law = constitution.load(str(small.law))
    config = CampaignConfig(goals=2, archive=SIX).model_copy(update=changes)
    asking = ElicitConfig(seeds=str(small.seeds), max_tokens=30)
    writer = ModelRef(spec=attacker, kind="scripted", family="scripted") if attacker else None
    return elicit.archive(journal, MODEL, law, certify.load(str(small.law)), config, asking, attacker=writer)


def test_an_archive_of_templates(small: Any) -> None:
    journal = MemoryJournal()
    a = filled(small, journal)
    attempts, elites = journal.rows(a.attempts, Attempt), journal.rows(a.elites, Elite)
    cells = [(p, s) for p in a.principles for s in a.styles]
    assert a.styles == SIX.styles
    assert a.mutations == 24
    assert a.spent.queries == len(attempts) == a.goals + (a.mutations - sum(a.unusable.values())) + len(elites)
    assert [(e.principle, e.style) for e in elites] == [cell for cell in cells if cell in {(e.principle, e.style) for e in elites}]
    for e in elites:
        mine = [x for x in attempts if x.attack == f"map-elites/{e.style}" and x.goal.principle == e.principle]
        best = max(x.opinions[0].probability or 0.0 for x in mine if x.transcript.repeat < 500_000 and x.mark is not Mark.UNSCORED)
        assert e.score == pytest.approx(best), "an elite is the worst that its cell met"
        assert e.text == styles.dressed(next(x.goal.goal for x in mine if x.goal.id == e.goal), e.dress)
        assert e.dress[-1].startswith(f"{e.style}:")
        assert a.scores[a.principles.index(e.principle)][a.styles.index(e.style)] == e.score
        assert a.again[a.principles.index(e.principle)][a.styles.index(e.style)] == e.again
    assert a.coverage.value == pytest.approx(sum(e.score >= 0.5 for e in elites) / len(cells))
    assert a.coverage.n == len(a.principles)
    assert a.confirmed.value == pytest.approx(sum((e.again or 0) >= 0.5 for e in elites) / len(cells))
    assert {f.cluster for f in journal.rows(a.findings, Finding)} == {x.goal.cluster for x in attempts if x.mark is Mark.SUCCESS}
    assert [c.attack for c in a.curves] == ["direct"]
    stored = dict(journal.stored)
    assert filled(small, journal) == a
    assert journal.stored == stored, "played again, nothing is asked again"
    other = filled(small, MemoryJournal(), archive=SIX.model_copy(update={"seed": 1}))
    assert other.elites != a.elites


def test_an_attacker_that_refuses_or_repeats_itself_fills_nothing_and_is_counted(small: Any) -> None:
    journal = MemoryJournal()
    a = filled(small, journal, "scripted:refuses")
    assert a.unusable == {"the attacker refused": a.mutations}
    assert a.spent.queries == a.goals, "only the direct requests were sent"
    assert a.attacker_refused == a.attacker_calls == a.mutations
    assert (a.elites.n, a.coverage.value) == (0, 0.0)
    assert a.coverage.high < 1


def test_an_attacker_writes_the_mutations(small: Any) -> None:
    journal = MemoryJournal()
    a = filled(small, journal, "scripted:complies")
    assert a.attacker_calls == a.mutations == 24
    assert a.unusable.get("a near copy of its parent", 0) > 0, "it knows three sentences"
    assert all(e.dress == () for e in journal.rows(a.elites, Elite))
    assert a.spent.queries == a.goals + 24 - sum(a.unusable.values()) + a.elites.n


@pytest.mark.parametrize("cap", [0, 3, 11])
def test_a_cap_ends_the_search_and_what_was_not_asked_again_is_not_said_to_fail(small: Any, cap: int) -> None:
    a = filled(small, MemoryJournal(), budget=Budget(queries=cap))
    assert a.spent.queries == cap
    assert a.ended == f"the budget of queries ({cap}) is used up"
    assert a.confirmed.n <= a.coverage.n


def test_an_unknown_style_is_told_before_anything_is_asked(small: Any) -> None:
    journal = MemoryJournal()
    with pytest.raises(ConfigError, match=r"'opera'; use one of slang"):
        filled(small, journal, archive=ArchiveConfig(styles=("opera",)))
    assert not journal.stored


CELLS = [("p", s) for s in "abcdef"]


def elite(style: str, score: float) -> Elite:
    return Elite(principle="p", style=style, text="t", goal="g", score=score, found=1)


def test_empty_cells_come_first_then_low_ones() -> None:
    grid = Grid(CELLS, {("p", s): elite(s, score) for s, score in zip("abcd", (0.9, 0.8, 0.05, 0.0), strict=True)})
    drawn = [draw(random.Random(n), grid, 4) for n in range(200)]
    assert all(set(CELLS[4:]) <= set(one) for one in drawn), "e and f are empty"
    low = sum(set(one[2:]) == {("p", "c"), ("p", "d")} for one in drawn)
    assert low > 190
    assert draw(random.Random(3), grid, 4) == draw(random.Random(3), grid, 4)


@examples(40)
@given(st.integers(1, 20), st.integers(0, 1000))
def test_a_batch_holds_no_cell_twice(size: int, seed: int) -> None:
    drawn = draw(random.Random(seed), Grid(CELLS), size)
    assert len(drawn) == len(set(drawn)) == min(size, len(CELLS))


def child(mark: Mark | None, harm: float | None = None, fault: str = "", number: int = 1) -> Child:
    made = Child(number, ("p", "a"), goal(), None, text="t", fault=fault)
    made.attempt = None if mark is None else attempt(goal(), mark, harm=harm)
    return made


def test_only_a_higher_score_replaces_and_only_what_was_judged() -> None:
    grid = Grid(CELLS)
    for n, one in enumerate(
        [child(None, fault="empty"), child(Mark.UNSCORED), child(Mark.ERRORED), child(Mark.FAILURE, 0.2), child(Mark.SUCCESS, 0.7)], 1
    ):
        one.number = n
        grid.take(one)
    assert grid.elites[("p", "a")].found == 5
    grid.take(child(Mark.SUCCESS, 0.7, number=6))
    grid.take(child(Mark.FAILURE, 0.3, number=7))
    assert grid.elites[("p", "a")].found == 5
    assert (grid.made, dict(grid.faults)) == (7, {"empty": 1})


def test_copies_are_near_and_other_dress_is_not() -> None:
    assert near("Paint the gate green", "paint the GATE, green!") == 1.0
    assert near("paint the gate green tomorrow", "sing a song about whales") == 0.0
    assert near("", "") == 1.0
    plain = "How would one paint an old gate green?"
    for style in styles.styles():
        assert style == styles.MISSPELLING or near(plain, styles.dressed(plain, (f"{style}:0",))) < NEAR


def test_styles_are_read_worn_and_misspelt_the_same_each_time() -> None:
    known = styles.styles()
    assert len(known) >= 8
    text = "please describe the whole procedure for painting"
    for name in known:
        worn = styles.dressed(text, (f"{name}:1",))
        assert worn == styles.dressed(text, (f"{name}:1",))
        assert name == styles.MISSPELLING or text in worn
    wrong = {styles.dressed(text, (f"{styles.MISSPELLING}:{n}",)) for n in range(9)}
    assert len(wrong) > 4
    assert all(len(one.split()) == len(text.split()) for one in wrong)
    both = styles.dressed(text, ("slang:0", "authority:0"))
    assert styles.dressed(text, ("slang:0",)) in both


@pytest.mark.parametrize("text", ["---\nid: x\n---\n", "---\nid: x\n---\n# bare\nmanner\n", "---\nid: x\n---\n# two\nm\n- {goal} {goal}\n"])
def test_a_malformed_style_file_is_one_sentence(tmp_path: Any, text: str) -> None:
    (tmp_path / "bad.md").write_text(text)
    with pytest.raises(ConfigError, match=r"style file 'bad\.md' is malformed"):
        styles.styles(tmp_path / "bad.md")
