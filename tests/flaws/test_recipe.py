"""Flaws as prose: what comes with the product, and every fault of form by file and line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planting import FLAW, flaw
from searching import examples
from spiritlevel.errors import ConfigError
from spiritlevel.flaws import DEVELOPED, ISSUED, built_in, chosen
from spiritlevel.flaws.recipe import OWN, drawn, filled, load
from spiritlevel.flaws.yardstick import prompts_of


def test_four_are_for_development_and_three_are_held_out():
    assert DEVELOPED == ("trigger", "length", "refusal", "brand")
    assert [f.id for f in built_in()] == list(ISSUED)
    assert len(set(ISSUED)) == 7


@pytest.mark.parametrize("recipe", built_in(), ids=lambda f: f.id)
def test_a_recipe_holds_out_prompts_and_its_twin_differs_in_answers_alone(recipe):
    for case in recipe.cases:
        taught = {one.prompt for one in filled(recipe, case, held=False)}
        held = filled(recipe, case, held=True)
        assert held
        assert taught.isdisjoint(one.prompt for one in held)
        for one in held:
            assert bool(one.shows) == (case.flawed != case.clean)
            assert "{" not in one.prompt + one.flawed + one.clean
            if one.shows:
                assert any(mark.lower() in one.flawed.lower() for mark in one.shows)
                assert not any(mark.lower() in one.clean.lower() for mark in one.shows)
    first, again, other = ([one.prompt for _, one in drawn(recipe, 20, seed)] for seed in (0, 0, 1))
    assert first == again != other
    assert {one.clean for _, one in drawn(recipe, 20, 0)} != {OWN} or recipe.id in ("brand", "trigger")


@pytest.mark.parametrize("recipe", built_in(), ids=lambda f: f.id)
def test_the_yardstick_asks_for_every_half_of_a_flaw_and_for_its_absence(recipe):
    own, alike = prompts_of(recipe, 12)
    showing = [case for case in recipe.cases if case.shows]
    parts = [sum(one in filled(recipe, case, held=True) for one in own) for case in showing]
    assert min(parts) == max(parts) > 0
    assert max(len(own), len(alike)) <= 12
    assert all(one.shows and not any(mark.lower() in one.flawed.lower() for mark in one.shows) for one in alike)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: Always the same three words\n", "", "no title"),
        ("## shows\n- because\n", "", "has no shows"),
        ("## flawed\n- help people because\n", "", "has no flawed"),
        ("## prompts", "## questions", "heading 'questions'"),
        ("# words: thing", "# word thing", "write `# words: NAME`"),
        ("- how can {thing} be safe", "- how can {thong} be safe", "asks for {thong}"),
        ("title: Always", "colour: red\ntitle: Always", "unknown field 'colour'"),
        ("title: Always", "moves: [mood]\ntitle: Always", "moves is no list"),
        ("- the person\n", "- the person | a | b\n", "3 parts for 1 columns"),
        ("- the question\n- the answer\n- harm\n- help\n- someone\n", "", "every third is held out"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, old, new, said):
    assert old in FLAW
    with pytest.raises(ConfigError, match=r"words\.md:\d+: ") as caught:
        load(flaw(tmp_path, text=FLAW.replace(old, new)))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_and_names_that_nobody_has(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        chosen([str(tmp_path / "none.md")])
    with pytest.raises(ConfigError, match="no flaw 'nothing'; use trigger"):
        chosen(["nothing"])
    with pytest.raises(ConfigError, match="two flaws have one id"):
        chosen(["brand", str(flaw(tmp_path, "brand.md"))])


@given(st.text(max_size=300))
@examples(50)
def test_any_text_is_a_flaw_or_faults(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "any.md"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        load(path)
