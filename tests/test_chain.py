"""The chain: it holds as it was made, and any change of any link is told."""

import json
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.lineage import Ledger, Link
from spiritlevel.lineage.chain import broken, follow, removed, set_back

STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["begun", "measure:open", "release", "dropped: x"])), min_size=2, max_size=8
)


def made(steps: list[tuple[str, str]], times: list[float] | None = None) -> list[Link]:
    links: list[Link] = []
    for i, (run, what) in enumerate(steps):
        links.append(follow(links[-1] if links else None, times[i] if times else float(i), run, what, f"root {i}"))
    return links


@examples(100)
@given(steps=STEPS, data=st.data())
def test_any_change_of_a_link_is_told(steps: list[tuple[str, str]], data: st.DataObject) -> None:
    links = made(steps)
    assert list(broken(links)) == []
    at = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(list(Link.model_fields)))
    old: Any = getattr(links[at], field)
    new = data.draw(st.floats(-5, 5) if field == "time" else st.integers(-2, 20) if field == "seq" else st.text(max_size=5))
    assume(new != old)
    changed = [link.model_copy(update={field: new}) if i == at else link for i, link in enumerate(links)]
    assert list(broken(changed))


@examples(100)
@given(steps=STEPS, data=st.data())
def test_any_other_order_or_number_of_links_is_told(steps: list[tuple[str, str]], data: st.DataObject) -> None:
    links = made(steps)
    other = data.draw(st.lists(st.sampled_from(links), min_size=1, max_size=len(links) + 1))
    assume(other != links[: len(other)])  # a chain cut short holds by itself: the signed head tells
    assert list(broken(other))


@examples(50)
@given(steps=STEPS, gone=st.integers(1, 7))
def test_a_chain_written_anew_has_another_head(steps: list[tuple[str, str]], gone: int) -> None:
    assume(gone < len(steps))
    links = made(steps)
    anew = made([*steps[:gone], ("c", "begun"), *steps[gone + 1 :]])
    assert list(broken(anew)) == []
    assert anew[-1].hash != links[-1].hash


def test_a_clock_set_back_is_told_from_the_first_measurement_on() -> None:
    steps = [("a", "begun"), ("a", "measure:open"), ("b", "begun"), ("b", "measure:open"), ("b", "release")]
    even = made(steps, [0, 1000, 2000, 3000, 4000])
    assert set_back(even, 5000, "b") == ""
    assert "it is 1970-01-01 00:16 by this machine" in set_back(even, 1000, "b")
    fell = made(steps, [0, 9000, 2000, 3000, 4000])
    assert set_back(fell, 5000, "b") == ""  # before b measured anything
    assert "link 3 of the chain is dated 1970-01-01 00:33, before link 2 of 1970-01-01 02:30" in set_back(fell, 5000, "a")
    assert set_back(made(steps, [0, 1000, 900, 3000, 4000]), 5000, "a") == ""  # clocks of two machines
    assert set_back([], 0.0) == ""


def test_removed_runs_may_begin_again() -> None:
    links = made([("a", "begun"), ("a", "dropped: why"), ("b", "dropped: x"), ("b", "begun")])
    assert removed(links) == {"a": "why"}


def test_the_ledger_keeps_the_chain_beside_what_it_had(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    assert ledger.links() == []
    ledger.attempt("body", "reader", 3)
    assert ledger.links() == []  # a ledger from before the chain
    ledger.link("a", "begun", "r")
    ledger.link("a", "measure:open", "s")
    links = Ledger(ledger.path, write=False).links()
    assert [(k.seq, k.what) for k in links] == [(1, "begun"), (2, "measure:open")]
    assert list(broken(links)) == []
    assert ledger.kept() == {json.dumps(["attempts", "body", 1, "reader"])}
