"""RewardBench-style sets: subsets, sections, their mean."""

import json

import numpy as np
import pytest

from spiritlevel.errors import DataError
from spiritlevel.measure import sets


def rows(tmp_path, **more):
    lines = [
        {"prompt": f"p{i}", "chosen": "a", "rejected": "b", "subset": ("alpacaeval-easy", "mt-bench-easy", "donotanswer", "mine")[i % 4]}
        for i in range(40)
    ]
    lines[0] |= more
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return sets.read(tmp_path / "set.jsonl")


def test_scores_are_by_subset_by_section_and_over_all(tmp_path):
    found = rows(tmp_path)
    assert {r.section for r in found} == {"chat", "safety", "mine"}
    margins = np.asarray([-1.0 if r.source == "donotanswer" else 1.0 for r in found])
    margins[1] = np.nan  # wrong: the order was asked for
    by = {(s.by, s.name): s for s in sets.scores(found, margins)}
    assert by["subset", "alpacaeval-easy"].accuracy.value == 1.0
    assert by["subset", "mt-bench-easy"].accuracy.value == 0.9
    assert by["section", "chat"].accuracy.value == 0.95
    assert by["section", "chat"].pairs == 20
    assert by["section", "safety"].accuracy.value == 0.0
    overall = by["overall", "mean of the sections"].accuracy
    assert overall.value == pytest.approx((0.95 + 0 + 1) / 3)
    assert overall.low < overall.value < overall.high
    assert overall.high - overall.value < 0.12, "narrower than any section's own"


def test_the_mean_of_sections_holds_the_truth():
    rng = np.random.default_rng(0)
    made = [
        sets.Row(chat=(), chosen="a", rejected="b", by="f", source=s, section=s, cluster=f"{s}{i}")
        for s, n in (("x", 30), ("y", 60), ("z", 25))
        for i in range(n)
    ]
    truth = {"x": 0.9, "y": 0.6, "z": 0.75}
    inside = 0
    for _ in range(200):
        overall = sets.scores(made, [1.0 if rng.random() < truth[r.section] else -1.0 for r in made])[-1].accuracy
        inside += overall.low <= 0.75 <= overall.high
    assert 0.9 <= inside / 200 <= 0.99


def test_a_row_may_name_its_section_and_turns_may_be_a_list(tmp_path):
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]
    found = rows(tmp_path, section="own", prompt=turns)
    assert found[0].section == "own"
    assert [t.content for t in found[0].chat] == ["one", "two", "three"]


def test_what_is_wrong_is_named_by_its_line(tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"prompt": "p", "chosen": "a", "rejected": "b", "subset": "s"}\n{"prompt": "p", "chosen": "a"}\n')
    with pytest.raises(DataError, match=r"bad.jsonl:2: not a JSON object with prompt, chosen, rejected, subset"):
        sets.read(file)
    file.write_text("\n")
    with pytest.raises(DataError, match="holds no pair"):
        sets.read(file)
    with pytest.raises(DataError, match="there is no file"):
        sets.read(tmp_path / "none.jsonl")
