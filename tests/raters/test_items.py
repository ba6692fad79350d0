import json

import pytest

from spiritlevel.errors import DataError
from spiritlevel.raters.items import oddities, of_preferences, preferences, read_items
from spiritlevel.types import Item, Preference, Rating, user


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_items_of_files(tmp_path):
    (pair,) = read_items(written(tmp_path / "a.jsonl", {"prompt": "p", "a": "x", "b": "y", "group": "g", "id": "mine"}))
    assert (pair.id, pair.chat, pair.a, pair.b, pair.group) == ("mine", user("p"), "x", "y", "g")
    (single,) = read_items(written(tmp_path / "b.jsonl", {"prompt": "p", "reply": "x"}))
    assert single.b is None
    rows = [{"prompt": f"p{i}", "chosen": "good", "rejected": "bad"} for i in range(40)]
    found = read_items(written(tmp_path / "c.jsonl", *rows))
    assert 5 < sum(item.a == "good" for item in found) < 35
    assert read_items(tmp_path / "c.jsonl") == found


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "holds no"),
        ([{"prompt": "p", "a": "x"}], ":1: not a row"),
        ([{"prompt": "p", "a": "x", "b": 3}], ":1: not a row"),
        ([{"prompt": "p", "a": "x", "b": "y", "id": "1"}, {"prompt": "q", "a": "x", "b": "y", "id": "1"}], ":2: id '1' stands for another"),
    ],
)
def test_rows_that_are_no_items(tmp_path, rows, words):
    with pytest.raises(DataError, match=words):
        read_items(written(tmp_path / "x.jsonl", *rows))


def test_labels_become_preferences():
    items = [Item(id=str(i), chat=user(f"q{i}"), a="x", b="y" if i < 4 else "x", group="g") for i in range(6)]

    def told(item, value, rater="r"):
        return Rating(item=item, rater=rater, value=value, first="b")

    ratings = [told("0", 1.0), told("0", 1.0, "s"), told("0", 0.0, "t"), told("1", 0.0), told("2", None), told("4", 1.0), told("3", 0.5)]
    found, counts = preferences(items, ratings)
    assert [(p.chosen, p.rejected, round(p.sure, 3)) for p in found] == [("x", "y", 0.667), ("y", "x", 1.0)]
    assert "r" in found[0].by
    assert found[0].cluster == "g"
    assert counts == {"used": 2, "could not say": 1, "tied": 1, "identical replies": 1, "not rated": 1}
    with pytest.raises(DataError, match="make no pairs"):
        preferences([Item(id="0", chat=user("q"), a="x")], [])


def test_oddities_are_said():
    pairs = [Preference(chat=user("q"), chosen="x", rejected="x", by="r"), Preference(chat=user("p"), chosen="x", rejected=" ", by="r")]
    told = " ".join(oddities(of_preferences(pairs)))
    assert "1 pairs of identical replies" in told
    assert "1 items with an empty reply" in told
    assert "group" in told
