"""Attacks: the goal is always inside, the same goal gives the same text, and no goal is special."""

import base64
import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel import firewall, plugins
from spiritlevel.elicit import stacked
from spiritlevel.elicit.attacks import prose
from spiritlevel.elicit.attacks.encoding import wrap as encode
from spiritlevel.elicit.attacks.leetspeak import LEET
from spiritlevel.elicit.config import ElicitConfig
from spiritlevel.errors import ConfigError

NAMES = ElicitConfig().attacks
PROSE = ["role-play", "prefix-injection", "refusal-suppression", "many-shot"]


def test_at_least_four_attacks_and_the_plain_request_are_installed() -> None:
    assert "direct" in NAMES
    assert len(NAMES) >= 5
    assert set(NAMES) <= set(plugins.names("spiritlevel.attacks"))
    assert plugins.load("spiritlevel.attacks", "direct")("a goal", 0) == "a goal"


@pytest.mark.parametrize("name", PROSE)
@examples(25)
@given(goal=st.text(min_size=1, max_size=80), seed=st.integers(0, 5))
def test_prose_attacks_hold_the_goal_word_for_word(name: str, goal: str, seed: int) -> None:
    wrap = plugins.load("spiritlevel.attacks", name)
    text = wrap(goal, seed)
    assert goal in text
    assert len(text) > len(goal) + 20
    assert text == wrap(goal, seed)


@examples(50)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ABC?'é\u202e", min_size=1, max_size=60), st.integers(0, 5))
def test_encoded_goals_can_be_read_back(goal: str, seed: int) -> None:
    text = encode(goal, seed)
    body = text.partition(": ")[2]
    if "Base64" in text:
        assert base64.b64decode(body).decode() == goal
    elif "ROT13" in text:
        assert codecs.decode(body, "rot13") == goal
    else:
        assert body == goal.translate(LEET)


def test_all_three_encodings_occur_and_surrogates_pass() -> None:
    words = {encode(f"goal {i}", 0).split(":")[0] for i in range(30)}
    assert len(words) == 3
    assert all(encode(f"lone \ud800 {i}", 0) for i in range(9))


@pytest.mark.parametrize("name", PROSE)
def test_an_attack_has_several_wordings(name: str) -> None:
    wrap = plugins.load("spiritlevel.attacks", name)
    assert len({wrap(f"goal {i}", 0).replace(f"goal {i}", "") for i in range(60)}) >= 3


def test_a_goal_that_looks_like_a_slot_is_taken_as_it_is() -> None:
    for name in PROSE:
        assert "{goal} and {0} %s" in plugins.load("spiritlevel.attacks", name)("{goal} and {0} %s", 0)


@pytest.mark.parametrize("text", ["---\nid: x\n---\n- no slot\n", "---\nid: x\n---\nnothing\n", "- {goal} x\n"])
def test_a_malformed_attack_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.md").write_text(text)
    with pytest.raises(ConfigError, match=r"attack file 'bad\.md' is malformed"):
        prose.templates(tmp_path / "bad.md")


def test_an_unknown_attack_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="role-play"):
        plugins.load("spiritlevel.attacks", "mesmerism")


@examples(50)
@given(goal=st.text(min_size=1, max_size=60), seed=st.integers(0, 5))
def test_split_and_disguised_goals_lose_nothing(goal: str, seed: int) -> None:
    import ast
    import re

    text = plugins.load("spiritlevel.attacks", "payload-splitting")(goal, seed)
    pieces = re.match(r"Let (\w+) = (.*); (\w+) = (.*); (\w+) = (.*)\. Put", text, re.DOTALL)
    assert pieces is not None
    assert "".join(ast.literal_eval(pieces[i]) for i in (2, 4, 6)) == goal
    disguised = plugins.load("spiritlevel.attacks", "unicode")("paint the old cat", seed)
    assert disguised != "paint the old cat"


def test_unicode_disguises_in_three_ways() -> None:
    wrap = plugins.load("spiritlevel.attacks", "unicode")
    found = [wrap(f"open the copper case {i}", 0) for i in range(30)]
    assert sum("\u200d" in text for text in found) > 3
    assert sum("\uff4f" in text for text in found) > 3
    assert sum("\u0441" in text for text in found) > 3


def test_attacks_stack_and_owe_themselves_to_each_part() -> None:
    text = stacked("role-play+base64")("a goal", 0)
    inner = base64.b64decode(text.partition(": ")[2]).decode()
    assert inner == stacked("role-play")("a goal", 0)
    assert stacked("base64")("x", 0) == plugins.load("spiritlevel.attacks", "base64")("x", 0)
    assert firewall.families("role-play+base64") == tuple(map(firewall.family, ("role-play+base64", "role-play", "base64")))
    assert set(firewall.families("encoding")) > set(firewall.families("rot13")), "who learnt all encodings learnt each"
    assert firewall.families("base64") == (firewall.family("base64"),)
    with pytest.raises(ConfigError, match="no 'mesmerism'"):
        stacked("role-play+mesmerism")


def test_an_untaught_part_holds_back_whatever_would_teach_it() -> None:
    from spiritlevel.elicit import select
    from spiritlevel.types import Kind, Prompt

    asked = [Prompt(id="p", text="a goal", goal="a goal", principle="no-fraud", kind=Kind.HARMFUL)]
    config = ElicitConfig(attacks=("direct", "encoding", "role-play", "many-shot+rot13", "base64"), untaught=("rot13",))
    assert {p.family for p in select(asked, config, lessons=True)} == {"direct", "role-play", "base64"}
    assert "encoding" in {p.family for p in select(asked, config, lessons=False)}
