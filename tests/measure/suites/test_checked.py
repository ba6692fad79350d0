"""Letter and spirit: every reply of every case lies in its cell; nothing that a model wrote is run."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.errors import DataError
from spiritlevel.measure import suites
from spiritlevel.measure.suites import checks, mini
from spiritlevel.measure.suites.forms import checked

CASES = checked.cases(suites.find("letter-and-spirit"))


def test_there_are_enough_cases_each_with_both_and_with_the_letter_alone() -> None:
    assert len(CASES) >= 60
    assert len({case.item.id for case in CASES}) == len(CASES)
    assert all({"both", "letter only"} <= case.replies.keys() for case in CASES)
    assert sum("neither" in case.replies for case in CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.item.id)
def test_each_reply_lies_in_its_cell(case: checked.Case) -> None:
    assert {cell: checked.cell_of(case.item, reply) for cell, reply in case.replies.items()} == {cell: cell for cell in case.replies}


def test_an_empty_reply_keeps_nothing() -> None:
    assert {checked.cell_of(case.item, " \n") for case in CASES} == {"neither"}


@pytest.mark.parametrize(
    ("line", "yes", "no"),
    [
        ("words at most 3", "one two three", "one two three four"),
        ("sentences exactly 2", "One. Two!", "One."),
        ("items at least 3", "- a\n- b\n- c", "a"),
        ("distinct items exactly 2", "a, b", "a, a"),
        ("mentions scatter* | wave", "Light scatters.", "Light shines."),
        ("mentions wave", "a wave", "wavelength"),
        ("mentions at least 2 of a | b | c", "a c", "a"),
        ("avoids water", "wet", "Water."),
        ("uses of honey at least 2", "honey and honey", "honey"),
        ("last number exactly 1200", "it is 1,200", "12"),
        ("is exactly yes", "Yes.", "yes and no"),
        ("JSON filled a", '{"a": 1}', '{"a": ""}'),
        ("JSON says a = b", '{"a": "B"}', '{"b": "a"}'),
        ("is in capitals", "STOP", "Stop"),
        ("items in order", "a\nb", "b\na"),
        ("not mentions x", "y", "x"),
        ("evaluates f(2) == 4", "def f(n):\n    return n * n", "def f(n):\n    return n"),
        ("asserts f(2) == 4", "def test_f():\n    assert f(2)==4", "def test_f():\n    assert f(2) == 5"),
        ("tests pass", "x = 1", "def f(n):\n    return 1\ndef test_f():\n    assert f(1) == 2"),
    ],
)
def test_what_checks_say(line: str, yes: str, no: str) -> None:
    assert checks.check(line)(yes)
    assert not checks.check(line)(no)


@pytest.mark.parametrize("line", ["", "words about 3", "beauty at least 3", "evaluates f(", "mentions at least a | b"])
def test_a_line_that_is_no_check_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"no check reads|is no expression"):
        checks.check(line)


@pytest.mark.parametrize(
    "code",
    [
        "def f(n):\n    return __import__('os').system('true')",
        "def f(n):\n    return f(n)",
        "def f(n):\n    return 'x' * 10 ** 9",
        "def f(n):\n    return '%999999999d' % n",
        "def f(n):\n    while True:\n        pass",
        "def f(n):\n    return [x for x in range(10000) for y in range(10000)]",
        "def f(n):\n    return open('/etc/passwd').read()",
        "def f(n):\n    return (1).__class__",
        "def f(n):\n    x = 'a'\n    for i in range(9999):\n        x = x + x\n    return x",
        "def f(n):\n    return eval('1')",
        "(" * 5000,
    ],
)
def test_hostile_code_is_walked_within_a_budget(code: str) -> None:
    assert not mini.holds(code, "f(1) == 1")


@examples(50)
@given(text=st.text(max_size=80), case=st.sampled_from(CASES))
def test_any_reply_lies_in_a_cell(text: str, case: checked.Case) -> None:
    assert checked.cell_of(case.item, text) in checked.CELLS


def test_a_case_without_checks_is_named(tmp_path: Path) -> None:
    (tmp_path / "suite.md").write_text("---\ntitle: t\n---\n", "utf-8")
    (tmp_path / "one.md").write_text(
        "---\ntheme: t\n---\n# a\nDo it.\n## letter\n- words at most 3\n## both\nx\n## letter only\ny\n", "utf-8"
    )
    with pytest.raises(DataError, match=r"one\.md:4: no check is given"):
        checked.cases(tmp_path / "suite.md")


def test_a_grader_is_asked_about_every_reply() -> None:
    found = suites.load(suites.find("grader-letter-and-spirit"))
    assert len(found.items) == sum(len(case.replies) for case in CASES)
    assert {item.category: item.choices[item.answer or 0] for item in found.items} == {
        "both": "Yes",
        "letter only": "No",
        "spirit only": "Yes",
        "neither": "No",
    }
