"""Who decided and why, whose values, and other words for a principle."""

from pathlib import Path
from typing import Any

import pytest

from spiritlevel import errors, stats
from spiritlevel.constitution import Constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.examine import history, paraphrases
from spiritlevel.examine.values import Proposal
from spiritlevel.examine.whose_values import apart
from spiritlevel.types import Item, Rating, user


def test_history_is_appended_to_and_a_decision_needs_a_reason(tmp_path: Path) -> None:
    e = stats.wilson(1, 2)
    p = Proposal(id="abc", title="t", text="x", rests_on="r", then=e, change=e, p=1.0, cases=())
    history.decide(tmp_path, p, "accepted", "ana", "it is right")
    before = (tmp_path / history.NAME).read_bytes()
    history.decide(tmp_path, p, "rejected", "bo", "it is not")
    assert (tmp_path / history.NAME).read_bytes().startswith(before)
    assert [(d.who, d.what, d.why) for d in history.read(tmp_path)] == [("ana", "accepted", "it is right"), ("bo", "rejected", "it is not")]
    for who, why in ((" ", "why"), ("ana", " ")):
        with pytest.raises(errors.ConfigError, match="--who NAME and --why REASON"):
            history.decide(tmp_path, p, "accepted", who, why)


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
    with pytest.raises(errors.DataError, match="principle"):
        apart([i.model_copy(update={"principle": ""}) for i in items], ratings)


def test_a_model_paraphrases_and_what_repeats_the_rule_is_left_out(law: Constitution, scripted: Any) -> None:
    rule = law.principle("no-hate").text
    script = f'default: ["1: Some other words for it.\\n2: {rule}"]\nrules: []\n'
    one = law.model_copy(update={"principles": (law.principle("no-hate"),)})
    found = paraphrases.written(MemoryJournal(), scripted(script), one)
    assert paraphrases.by_principle(one, found) == {"no-hate": ["Some other words for it."]}
    with pytest.raises(errors.ConfigError, match="'none'"):
        paraphrases.by_principle(one, [paraphrases.Paraphrase(principle="none", text="x")])
