"""Items from files and runs, and what labels become."""

import json
from pathlib import Path
from typing import Any

import pytest

from spiritlevel.errors import DataError
from spiritlevel.raters.items import oddities, of_pairs, of_preferences, preferences, read_items
from spiritlevel.types import Item, Pair, Preference, Prompt, Rating, user


def put(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


def liked(n: int) -> list[Preference]:
    return [Preference(chat=user(f"q{i}"), chosen=f"good {i}", rejected=f"bad {i}", by="x", cluster="g", source="s") for i in range(n)]


def test_the_side_of_the_chosen_one_is_a_coin_and_the_id_knows_nothing_of_it() -> None:
    found = of_preferences(liked(400))
    left = sum(item.a.startswith("good") for item in found)
    assert 150 < left < 250
    turned = [p.model_copy(update={"chosen": p.rejected, "rejected": p.chosen}) for p in liked(400)]
    assert of_preferences(turned) == found
    assert (found[0].group, found[0].source) == ("g", "s")
    assert len(of_preferences([*liked(3), *turned[:3]])) == 3


def test_a_truncated_reply_keeps_its_mark_on_whatever_side() -> None:
    cut = [p.model_copy(update={"rejected_truncated": True}) for p in liked(20)]
    assert all((i.a_truncated, i.b_truncated) == (i.a.startswith("bad"), (i.b or "").startswith("bad")) for i in of_preferences(cut))


def test_all_forms_of_a_file(tmp_path: Path) -> None:
    (pair,) = read_items(put(tmp_path / "a.jsonl", {"prompt": "q", "a": "x", "b": "y", "group": 7}))
    assert (pair.a, pair.b, pair.group) == ("x", "y", "7")
    (single,) = read_items(put(tmp_path / "b.jsonl", {"prompt": [{"role": "user", "content": "q"}], "reply": "x", "id": "mine"}))
    assert (single.id, single.b, single.chat) == ("mine", None, user("q"))
    assert read_items(put(tmp_path / "c.csv", "prompt,a,b", "q,x,y"))[0].id == pair.id
    (from_pair,) = read_items(put(tmp_path / "d.jsonl", {"prompt": "q", "chosen": "x", "rejected": "y"}))
    assert {from_pair.a, from_pair.b} == {"x", "y"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "holds no"),
        ([{"prompt": "q", "a": "x"}], ":1: not a row with prompt, a and b"),
        ([{"prompt": "q", "reply": 7}], ":1: not a row"),
        (["", "", {"prompt": "q", "reply": "x"}, "{"], ":4: not a JSON object"),
        ([{"prompt": "q", "reply": "x", "id": "i"}, {"prompt": "q", "reply": "y", "id": "i"}], ":2: id 'i' stands for another item"),
        ([{"prompt": "q", "reply": "x"}, {"prompt": "q", "chosen": "x", "rejected": "y"}], ":2: not a row"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, rows: list[Any], says: str) -> None:
    with pytest.raises(DataError) as told:
        read_items(put(tmp_path / "x.jsonl", *rows))
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_broken_bytes_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"prompt": "q\xff", "reply": "x\\ud800"}\n')
    (item,) = read_items(path)
    assert (item.chat[0].content, item.a) == ("q�", "x?")


def test_oddities_are_told() -> None:
    odd = [Item(id="1", chat=user("q"), a="x", b="x"), Item(id="2", chat=user("q"), a="", b="y", group="g")]
    same, empty, group = oddities(odd)
    assert same.startswith("1 pairs of identical")
    assert empty.startswith("1 items with an empty reply")
    assert group.startswith("1 items have no group")
    assert oddities([Item(id="3", chat=user("q"), a="x", b="y", group="g")]) == []


def test_before_and_after_of_a_run() -> None:
    prompt = Prompt(id="p", text="q", goal="q", principle="no-fraud", cluster="c")
    empty = dict.fromkeys(("before_outcome", "after_outcome", "before_proxy", "after_proxy", "before_intent", "after_intent"))
    (item,) = of_pairs([Pair(prompt=prompt, before="x", after="y", **empty)] * 2, "run:r")
    assert ({item.a, item.b}, item.principle, item.group, item.source) == ({"x", "y"}, "no-fraud", "c", "run:r")


def test_labels_become_soft_preferences_and_what_is_left_out_is_counted() -> None:
    items = [Item(id=f"{i}", chat=user("q"), a=f"a{i}", b=f"b{i}" if i != 4 else "a4", a_truncated=True, group="g") for i in range(6)]
    said = [("0", "ann", 0.0), ("0", "ann", 1.0), ("0", "bob", 1.0), ("0", "cy", 0.0), ("0", "dee", None)]
    said += [("1", "ann", 0.0), ("1", "bob", 0.5), ("2", "ann", 1.0), ("2", "bob", 0.0), ("3", "ann", None), ("4", "ann", 1.0)]
    ratings = [Rating(item=i, rater=who, value=value, first="a") for i, who, value in said]
    found, counts = preferences(items, ratings)
    assert [(p.chosen, p.rejected, round(p.sure, 3), p.by) for p in found] == [
        ("a0", "b0", 0.667, "ann, bob, cy"),
        ("b1", "a1", 0.75, "ann, bob"),
    ]
    assert (found[0].chosen_truncated, found[1].chosen_truncated, found[1].rejected_truncated) == (True, False, True)
    assert counts == {"used": 2, "tied": 1, "could not say": 1, "identical replies": 1, "not rated": 1}
    with pytest.raises(DataError, match="on a scale"):
        preferences([Item(id="s", chat=user("q"), a="x")], [])
