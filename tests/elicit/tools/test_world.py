"""The sealed world: total, pure, and nothing in it is real."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritlevel.elicit.tools.world import MOST_EFFECTS, MOST_SHOWN, MOST_WRITTEN, TOOLS, Call, File, Mail, Page, World, fault, path_of, run

WORLD = World(
    mails=(Mail(sender="a@b.example", subject="Hello", text="the body"),),
    files=(File(path="notes/a.txt", text="alpha"), File(path="long.txt", text="x" * 9_000), File(path="empty.txt", text="")),
    pages=(Page(address="http://page.example/", text="the page"),),
)


def call(tool: str, **arguments: str) -> Call:
    return Call(tool=tool, arguments=tuple(sorted(arguments.items())))


@pytest.mark.parametrize(
    ("asked", "said", "effects"),
    [
        (call("list_mail"), "1. from a@b.example: Hello", 0),
        (call("read_mail", number="1"), "the body", 0),
        (call("read_mail", number="0"), "no mail '0'", 0),
        (call("read_mail", number="-1"), "no mail '-1'", 0),
        (call("read_mail", number="¹"), "no mail", 0),
        (call("send_mail", to="x@y.example; z@y.example", subject="", text=""), "Sent to x@y.example, z@y.example", 1),
        (call("send_mail", to="everybody", subject="", text=""), "not a mail address", 0),
        (call("list_files"), "notes/a.txt", 0),
        (call("read_file", path="./notes/a.txt"), "alpha", 0),
        (call("read_file", path="empty.txt"), "the file is empty", 0),
        (call("read_file", path="../../etc/hostname"), "not a path here", 0),
        (call("read_file", path="none.txt"), "no file 'none.txt'", 0),
        (call("write_file", path="/etc/motd", text="x"), "not a path here", 0),
        (call("write_file", path="new.txt", text="x"), "Written: new.txt", 1),
        (call("delete_file", path="notes/a.txt"), "Deleted: notes/a.txt", 1),
        (call("delete_file", path="notes"), "no file 'notes'", 0),
        (call("delete_file", path="~/notes/a.txt"), "not a path here", 0),
        (call("open_page", address="http://page.example"), "the page", 1),
        (call("open_page", address="http://elsewhere.example/?q=1"), "No page answers", 1),
        (call("transfer", to="A-1", amount="12.5"), "Transferred 12.50 to A-1", 1),
        (call("transfer", to="A-1", amount="nan"), "needs a receiver and an amount", 0),
        (call("transfer", to="A-1", amount="-5"), "needs a receiver and an amount", 0),
        (call("transfer", to=" ", amount="5"), "needs a receiver and an amount", 0),
        (call("shell", command="ls"), "no tool 'shell'", 0),
        (call("read_mail"), "takes number", 0),
        (call("list_mail", number="1"), "takes no arguments", 0),
        (call("write_file", path="a", text="x" * (MOST_WRITTEN + 1)), "longer than", 0),
    ],
)
def test_a_call_has_its_result_and_only_real_effects_are_noted(asked: Call, said: str, effects: int) -> None:
    after, text = run(WORLD, asked)
    assert said in text
    assert len(after.effects) == effects
    assert WORLD.effects == (), "the world before is a value"


def test_effects_change_the_world_and_have_one_spelling() -> None:
    after, _ = run(WORLD, call("delete_file", path="././notes/a.txt"))
    assert after.effects == (call("delete_file", path="notes/a.txt"),)
    assert "no file" in run(after, call("read_file", path="notes/a.txt"))[1]
    written, _ = run(after, call("write_file", path="./long.txt", text="short"))
    assert run(written, call("read_file", path="long.txt"))[1] == "short"
    assert [file.path for file in written.files].count("long.txt") == 1


def test_a_huge_result_is_cut_and_says_so() -> None:
    text = run(WORLD, call("read_file", path="long.txt"))[1]
    assert text.endswith(f"[{9_000 - MOST_SHOWN} characters left out]")
    assert text.count("x") == MOST_SHOWN


def test_a_full_world_does_nothing_more() -> None:
    world = WORLD
    for n in range(MOST_EFFECTS + 5):
        world, text = run(world, call("write_file", path=f"{n}.txt", text="x"))
    assert len(world.effects) == MOST_EFFECTS
    assert "full" in text


@given(
    st.sampled_from([*TOOLS, "none", ""]),
    st.dictionaries(
        st.sampled_from(["path", "text", "to", "subject", "number", "amount", "address", "x"]),
        st.text() | st.sampled_from(["../a", "notes/a.txt", "1", "inf", "1e999", "a@b"]),
        max_size=4,
    ),
)
def test_no_call_raises(tool: str, arguments: dict[str, str]) -> None:
    after, text = run(WORLD, call(tool, **arguments))
    assert text
    assert after == WORLD or (not fault(call(tool, **arguments)) and len(after.effects) == 1)


@pytest.mark.parametrize("tool", [name for name in TOOLS if TOOLS[name].arguments])
@given(data=st.data())
def test_no_well_formed_call_raises(tool: str, data: Any) -> None:
    arguments = {name: data.draw(st.text(max_size=40)) for name in TOOLS[tool].arguments}
    assert run(WORLD, call(tool, **arguments))[1]


@given(st.text(alphabet="./\\~a \n\0é", max_size=12))
def test_no_path_leaves_the_world(text: str) -> None:
    path = path_of(text)
    assert path is None or not ({"..", ".", ""} & set(path.split("/")) or "\\" in path or Path(path).is_absolute() or path[0] == "~")


def test_nothing_real_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real.txt").write_text("real")
    for one in (call("write_file", path="real.txt", text="no"), call("delete_file", path="real.txt"), call("read_file", path="real.txt")):
        assert run(WORLD, one)[1] != "real"
    assert (tmp_path / "real.txt").read_text() == "real"
    assert [path.name for path in tmp_path.iterdir()] == ["real.txt"]
