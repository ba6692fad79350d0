import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritlevel.errors import DataError
from spiritlevel.raters.files import read_preferences, trl_row, write_preferences
from spiritlevel.types import Preference, Turn, user

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def one(path, *rows):
    return read_preferences(written(path / "pairs.jsonl", *rows))[0]


def test_the_forms_that_people_have(tmp_path):
    plain = one(tmp_path, {"prompt": "Hi?", "chosen": "Yes", "rejected": "No", "group": 7, "subset": "chat"})
    assert (plain.chat, plain.chosen, plain.rejected, plain.cluster, plain.source) == (user("Hi?"), "Yes", "No", "7", "chat")
    said = [{"role": "user", "content": "Hi?"}]
    a, b = {"role": "assistant", "content": "Yes"}, {"role": "assistant", "content": "No"}
    for row in (
        {"prompt": said, "chosen": [a], "rejected": [b]},
        {"chosen": [*said, a], "rejected": [*said, b]},
        {"chosen": "\n\nHuman: Hi?\n\nAssistant: Yes", "rejected": "\n\nHuman: Hi?\n\nAssistant: No"},
        {"prompt": "\n\nHuman: Hi?\n\nAssistant:", "chosen": "Yes", "rejected": "No"},
        {"chosen": "Hi? Yes", "rejected": "Hi? No"},
    ):
        found = one(tmp_path, row)
        assert (found.chat, found.chosen, found.rejected) == (user("Hi?"), "Yes", "No"), row


def test_several_turns_of_hh(tmp_path):
    start = "\n\nHuman: A\n\nAssistant: B\n\nHuman: C\n\nAssistant: "
    found = one(tmp_path, {"chosen": start + "D", "rejected": start + "E"})
    assert [t.role for t in found.chat] == ["user", "assistant", "user"]
    assert (found.chosen, found.rejected) == ("D", "E")


def test_unpaired_labels_make_every_pair(tmp_path):
    rows = [{"prompt": "Hi?", "completion": text, "label": good} for text, good in (("a", True), ("b", True), ("c", False))]
    assert [(p.chosen, p.rejected) for p in read_preferences(written(tmp_path / "x.jsonl", *rows))] == [("a", "c"), ("b", "c")]


def test_json_and_csv(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"prompt": "p", "chosen": "a", "rejected": "b"}]))
    (tmp_path / "a.csv").write_text('prompt,chosen,rejected,sure\n"p","a ""x""\nline",b,0.75\n')
    assert read_preferences(tmp_path / "a.json")[0].chosen == "a"
    found = read_preferences(tmp_path / "a.csv")[0]
    assert (found.chosen, found.sure) == ('a "x"\nline', 0.75)


@pytest.mark.parametrize(
    "line",
    ["nonsense", "[]", '{"prompt": "a"}', '{"prompt": 1, "chosen": "a", "rejected": "b"}', '{"prompt": "a", "completion": "b", "label": 1}',
     '{"chosen": [{"role": "user", "content": "x"}], "rejected": "y"}', '{"prompt": "a", "chosen": "b", "rejected": "c", "sure": "x"}'],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(tmp_path, line):
    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps({"prompt": "p", "chosen": "a", "rejected": "b"}) + "\n" + line + "\n")
    with pytest.raises(DataError, match=r":2: not a"):
        read_preferences(file)


def test_files_without_pairs(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_preferences(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="holds no pairs"):
        read_preferences(tmp_path / "empty.jsonl")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read_preferences(tmp_path / "broken.json")


def test_a_data_set_folder_is_read_as_the_hubs(tmp_path):
    pytest.importorskip("datasets")
    written(tmp_path / "train.jsonl", {"prompt": "p", "chosen": "a", "rejected": "b"})
    assert read_preferences(f"hf:{tmp_path}")[0].rejected == "b"
    with pytest.raises(DataError, match="cannot be loaded"):
        read_preferences(f"hf:{tmp_path / 'nothing'}")


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, st.floats(0.5, 1)), min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("pairs") / "x.jsonl"
    pairs = [
        Preference(
            chat=(Turn(role="system", content="s"), *user(f"?{p}")),
            chosen=a,
            rejected=b,
            by="r",
            sure=s,
            principle="x",
            cluster="g",
            source="f",
        )
        for p, a, b, s in rows
    ]
    assert write_preferences(path, pairs) == len(pairs)
    assert read_preferences(path) == pairs
    assert set(trl_row(pairs[0])) >= {"prompt", "chosen", "rejected"}
