"""What a question is taken to ask for, and when the evidence does not say; the examples that it is learnt from."""

import json
from pathlib import Path

from spiritlevel.report.ask import concepts, near
from spiritlevel.report.ask.matching import Match, likeliest
from spiritlevel.report.ask.statement import PARTED, Statement

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
VERDICT = Statement("The verdict is held.", (), "verdict", frozenset({"verdict"}))
HARM = Statement("Delivered harm.", (), "figure", frozenset({"harm", "before", "principle:no-fraud"}))
PROSE = Statement("A text.", (), "concept", frozenset(), source="docs/concepts.md, Red-teaming")
NOBODY: frozenset[str] = frozenset()


def test_what_is_asked_leaves_out_when_and_where():
    assert VERDICT.asked == "verdict"
    assert HARM.asked == "figure harm"
    assert PROSE.asked == "concept Red-teaming"


def test_the_likeliest_comes_first_and_silence_beats_what_is_unlikely():
    found = [Match(VERDICT, 1.0), Match(PROSE, 0.0)]
    assert [m.statement for m in likeliest(NOBODY, found, {"verdict": 0.7, "concept Red-teaming": 0.25, "none": 0.05})] == [VERDICT, PROSE]
    assert not likeliest(NOBODY, found, {"verdict": 0.02, "concept Red-teaming": 0.02, "none": 0.96})


def test_what_only_another_run_tells_is_silence():
    found = [Match(VERDICT, 0.0)]
    assert likeliest(NOBODY, found, {"verdict": 0.5, "none": 0.1})
    assert not likeliest(NOBODY, found, {"verdict": 0.3, "suite": 0.6, "none": 0.1})


def test_a_name_that_no_statement_holds_counts_as_much_as_a_thing():
    asked = {"figure harm": 0.7, "none": 0.3}
    assert likeliest(NOBODY, [Match(HARM, 1.0, (), ("zucchini",))], asked)
    assert not likeliest(frozenset({"peru"}), [Match(HARM, 1.0, (), ("peru", "zucchini"))], asked)
    assert not likeliest(NOBODY, [Match(HARM, 1.0, ("before", "principle"))], asked)


def test_what_no_example_asks_for_is_found_by_what_it_covers():
    other = Statement("Finding.", (), "figure", frozenset({"rare"}))
    assert likeliest(NOBODY, [Match(other, 2.0)], {"none": 1.0})
    assert not likeliest(NOBODY, [Match(other, 2.0, ("a thing",))], {"none": 1.0})


def test_examples_are_asked_once_and_of_what_there_is():
    known = near.examples()
    everything = [question.lower() for questions in known.values() for question in questions]
    assert len(everything) == len(set(everything))
    assert near.NONE in known
    headings = {s.asked for s in concepts.paragraphs()}
    assert {name for name in known if name.startswith("concept ")} <= headings
    assert all(name.split()[-1:] == [name] or name.split()[0] in (*PARTED, "concept") for name in known)


def test_no_example_is_a_question_of_the_benchmark():
    asked = {question.strip(" ?.").lower() for questions in near.examples().values() for question in questions}
    for file in ("ask_questions.jsonl", "ask_development.jsonl"):
        lines = (BENCHMARKS / file).read_text("utf-8").splitlines()
        assert not asked.intersection(json.loads(line)["q"].strip(" ?.").lower() for line in lines)
