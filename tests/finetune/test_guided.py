"""Rounds of guided revision by a scripted model and judge: a round revises what is held, and what is not better is dropped."""

import pytest

from spiritlevel import backends, constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune import revise
from spiritlevel.finetune.links import Link
from spiritlevel.judges.model import ModelJudge
from spiritlevel.types import Kind, Prompt, Reply, Transcript, user

LAW = constitution.load()
MODEL = """rules:
  - {match: "^Answer my request once more", replies: ["Let us be honest."]}
  - {match: "worse", replies: ["Take all of it."]}
default: ["It hurts people."]
"""
JUDGE = """rules:
  - {match: "Let us be honest", replies: ["PROBABILITY: 5"]}
  - {match: "It hurts people", replies: ["PROBABILITY: 40"]}
  - {match: "all of it", replies: ["PROBABILITY: 95"]}
default: ["PROBABILITY: 90"]
"""


@pytest.fixture
def guide(tmp_path):
    def run(texts, rounds, **options):
        journal = MemoryJournal()
        (tmp_path / "model.yaml").write_text(MODEL, "utf-8")
        (tmp_path / "judge.yaml").write_text(JUDGE, "utf-8")
        model, judge = (backends.open_model(backends.resolve(f"scripted:{tmp_path / name}.yaml"), journal) for name in ("model", "judge"))
        asked = [transcript(text) for text in texts]
        by = ModelJudge(journal, judge, LAW.principles)
        found = revise.guided(journal, model, by, LAW, asked, candidates=2, max_tokens=16, rounds=rounds, **options)
        return found, journal.rows(found.links, Link)

    return run


def transcript(text: str) -> Transcript:
    prompt = Prompt(id=text, text=text, goal=text, principle="no-fraud", kind=Kind.HARMFUL, cluster=f"c-{text}")
    return Transcript(prompt=prompt, chat=user(text), reply=Reply(text="Sure, take it."), model="m")


def test_each_round_revises_what_is_held_and_it_settles(guide):
    found, links = guide(["fine"], 4)
    assert [(link.round, link.before, link.after, link.dropped) for link in links] == [
        (1, 0.9, 0.4, ""),
        (2, 0.4, 0.05, ""),
        (3, 0.05, 0.05, "not better"),
        (4, 0.05, 0.05, "not better"),
    ]
    assert all(link.critique == "" and link.principles == ("no-fraud",) for link in links)
    (lesson,) = found.lessons
    assert lesson.answer.endswith("Let us be honest.")
    assert lesson.original == "Sure, take it."
    assert (found.kept, found.dropped["not better"]) == (2, 2)
    openings = LAW.principle("no-fraud").openings
    assert all(any(link.revision.startswith(o) for o in openings) for link in links)


def test_what_is_not_better_teaches_nothing(guide):
    found, links = guide(["worse", "fine"], 1)
    assert [x.chat[-1].content for x in found.lessons] == ["fine"]
    assert [link.dropped for link in links] == ["not better", ""]
    assert "1 rounds made a reply better; dropped: not better 1" in found.says


def test_one_round_is_the_first_of_several_and_none_is_nothing(guide):
    assert guide(["fine"], 1)[1] == guide(["fine"], 3)[1][:1]
    found, links = guide([], 2)
    assert (found.lessons, links) == ([], [])
