import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.raters import sheet
from spiritlevel.raters.shown import SCALES, first_of, ordered, place_of, preferred
from spiritlevel.types import Item, user

ITEMS = [Item(id=f"i{i}", chat=user(f"q{i}"), a=f"=left {i}", b=f"right {i}") for i in range(8)]
SCALE = SCALES["1-5"]


def filled(path, text, answers):
    """The sheet with its rows answered in order."""
    rows = list(csv.DictReader(io.StringIO(text)))
    column = "better" if "better" in rows[0] else "score"
    for row, answer in zip(rows, answers, strict=False):
        row[column] = answer
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_a_sheet_is_blind_and_comes_back(tmp_path):
    text = sheet.write(ITEMS, [], "ana", 0, SCALE)
    rows = filled(tmp_path / "s.csv", text, ["1", "2", "=", "s", "", "1", "1", "1"])
    assert {row["item"].split(".")[0] for row in rows} == {item.id for item in ITEMS}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values() if cell != "=")
    found = sheet.read(tmp_path / "s.csv", ITEMS, "ana", "team")
    assert (len(found.ratings), found.blank, found.faults) == (7, 1, [])
    by = {r.item: r for r in found.ratings}
    first = ordered(ITEMS, "ana", 0)[0]
    assert by[first.id].first == first_of(first, "ana", 0)
    assert by[first.id].value == preferred(1, by[first.id].first)
    assert {r.value for r in found.ratings} <= {0.0, 0.5, 1.0, None}
    assert {r.panel for r in found.ratings} == {"team"}


def test_what_cannot_be_read_is_named_by_its_line(tmp_path):
    text = sheet.write(ITEMS, [], "", 0, SCALE)
    rows = filled(tmp_path / "s.csv", text, ["3", "1", "1"])
    file = tmp_path / "s.csv"
    whole = file.read_text()
    file.write_text(whole.replace(rows[1]["item"], "gone.123") + "short,row\n")
    found = sheet.read(file, ITEMS, "bo")
    told = " ".join(found.faults)
    assert len(found.ratings) == 1
    assert ":2: better is '3'" in told
    assert "'gone.123' is not in the set" in told
    assert "another number of cells" in told
    assert "names no rater" in " ".join(sheet.read(file, ITEMS).faults)


def test_two_answers_to_one_item_count_for_nothing(tmp_path):
    text = sheet.write(ITEMS[:1], [], "ana", 0, SCALE)
    filled(tmp_path / "s.csv", text, ["1"])
    whole = (tmp_path / "s.csv").read_text().splitlines()
    (tmp_path / "s.csv").write_text("\n".join([*whole, whole[-1].replace(",1,", ",2,", 1)]) + "\n")
    found = sheet.read(tmp_path / "s.csv", ITEMS, "ana")
    assert not found.ratings or len(found.faults) == 0
    assert len(found.ratings) + len(found.faults) == 1


def test_a_scale(tmp_path):
    singles = [Item(id=f"s{i}", chat=user("q"), a=f"x{i}") for i in range(3)]
    filled(tmp_path / "s.csv", sheet.write(singles, [], "ana", 0, SCALE), ["1", "5", "9"])
    found = sheet.read(tmp_path / "s.csv", singles, "ana")
    assert sorted(r.value for r in found.ratings) == [0.0, 1.0]
    assert "score is '9'" in found.faults[0]


@examples(60)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_harmless_and_restored(text):
    safe = sheet.harmless(text)
    assert sheet.restored(safe) == text
    assert not safe.lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("first", ["a", "b"])
def test_places_and_values(first):
    assert [place_of(preferred(place, first), first) for place in (1, 2)] == ["1", "2"]
    assert place_of(0.5, first) == "="
