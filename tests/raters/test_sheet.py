"""Sheets out and back: blind, harmless, and every line that cannot be read is named."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritlevel.raters import sheet
from spiritlevel.raters.shown import SCALES, place_of, preferred
from spiritlevel.types import Item, Rating, user

FIVE = SCALES["1-5"]


def pairs(n: int = 40) -> list[Item]:
    return [Item(id=f"i{i}", chat=user(f"q{i}"), a=f"left {i}", b=f"right {i}") for i in range(n)]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def back(path: Path, table: list[dict[str, str]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_who_prefers_the_left_replies_is_read_as_such_whatever_the_order(tmp_path: Path, delimiter: str) -> None:
    table = rows(sheet.write(pairs(), [], "ann", 0, FIVE))
    for row in table:
        row["better"] = "1" if row["first"].startswith("left") else "2.0"
    filled = sheet.read(back(tmp_path / "s.csv", table, delimiter), pairs())
    assert (len(filled.ratings), filled.blank, filled.faults) == (40, 0, [])
    assert {r.value for r in filled.ratings} == {1.0}
    assert 8 < sum(r.first == "a" for r in filled.ratings) < 32
    assert {r.rater for r in filled.ratings} == {"ann"}


def test_each_rater_has_an_order_of_their_own_and_it_repeats() -> None:
    ann, bob = (sheet.write(pairs(), [], who, 0, FIVE) for who in ("ann", "bob"))
    assert ann == sheet.write(pairs(), [], "ann", 0, FIVE)
    first = [[(row["item"], row["first"]) for row in rows(text)] for text in (ann, bob)]
    assert first[0] != first[1]
    assert [r["item"].split(".")[0] for r in rows(ann)] != [i.id for i in pairs()]


def test_what_was_said_is_filled_in_and_comes_back_the_same(tmp_path: Path) -> None:
    said = [
        Rating(item="i0", rater="ann", value=1.0, first="b", note="=1+1"),
        Rating(item="i1", rater="ann", value=0.5, first="a"),
        Rating(item="i2", rater="ann", value=None, first="a"),
        Rating(item="i3", rater="bob", value=1.0, first="a"),
    ]
    path = tmp_path / "s.csv"
    path.write_text(sheet.write(pairs(), said, "ann", 3, FIVE), "utf-8-sig", newline="")
    assert sheet.is_sheet(path)
    filled = sheet.read(path, pairs())
    assert (filled.blank, filled.faults) == (37, [])
    assert sorted(filled.ratings, key=lambda r: r.item) == said[:3]


@given(st.text())
def test_no_cell_acts_and_all_come_back(text: str) -> None:
    cell = sheet.harmless(text)
    assert sheet.restored(cell) == text
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert not cell.startswith(("\t", "\r", "\n"))


def test_hostile_replies_are_harmless_in_the_sheet() -> None:
    item = Item(id="=id", chat=user("@q"), a='=HYPERLINK("http://x")', b="\t-1")
    (row,) = rows(sheet.write([item], [], "+me", 0, FIVE))
    assert all(row[name].startswith("'") for name in ("item", "rater", "prompt", "first", "second"))


def test_a_scale_travels_with_the_sheet(tmp_path: Path) -> None:
    items = [Item(id=f"i{i}", chat=user("q"), a="x") for i in range(4)]
    table = rows(sheet.write(items, [Rating(item="i3", rater="ann", value=0.5, first="alone")], "ann", 0, SCALES["0-9"]))
    assert {row["scale"] for row in table} == {"0-9"}
    by_item = {row["item"].split(".")[0]: row for row in table}
    by_item["i0"]["score"], by_item["i1"]["score"], by_item["i2"]["score"] = "9", "s", "10"
    filled = sheet.read(back(tmp_path / "s.csv", table), items)
    assert {r.item: r.value for r in filled.ratings} == {"i0": 1.0, "i1": None}
    assert filled.blank == 1  # 0.5 is no whole number of 0-9
    (fault,) = filled.faults
    assert "score is '10'; write a whole number of 0-9" in fault


def test_every_bad_line_is_named_and_the_good_ones_are_read(tmp_path: Path) -> None:
    table = rows(sheet.write(pairs(9), [], "ann", 0, FIVE))
    for row in table:
        row["better"] = "1"
    table[0]["better"] = "3"
    table[1]["item"] = "i999.abcdef"
    table[2]["item"] = table[2]["item"][:-1]
    table[3]["rater"] = ""
    table[4].update(better="", note="hm")
    table.append({**table[5], "better": "2"})
    table.append(table[6])
    path = back(tmp_path / "s.csv", table)
    path.write_bytes(path.read_bytes() + b"only,three,cells\r\n" + table[7]["item"].encode() + b",b\xffb,q,f,s,1,\r\n")
    filled = sheet.read(path, pairs(9))
    assert sorted(r.item for r in filled.ratings) == sorted(row["item"].split(".")[0] for row in table[6:9])
    for line, words in {
        2: "better is '3'; write 1, 2, =",
        3: "item 'i999.abcdef' is not in the set",
        4: "or its code was changed",
        5: "names no rater",
        6: "has a note and no answer",
        11: "otherwise than line 7; keep one: neither counts",
        13: "another number of cells",
        14: "is not UTF-8",
    }.items():
        assert any(fault.startswith(f"{path}:{line}: ") and words in fault for fault in filled.faults), (line, filled.faults)
    assert len(filled.faults) == 8
    assert not any("\n" in fault for fault in filled.faults)
    assert len(sheet.read(path, pairs(9), rater="bob").faults) == 7


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("first", ["a", "b"])
def test_places_and_values_agree(value: float, first: str) -> None:
    place = place_of(value, first)
    assert (0.5 if place == "=" else preferred(int(place), first)) == value
