"""Other words, other verdicts: on the same cases, in pairs."""

from typing import Any

import pytest

from spiritlevel import backends, errors
from spiritlevel.constitution import Constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.examine.diff import diff, leave_one_out

pytestmark = pytest.mark.usefixtures("one_thread")


def far(law: Constitution) -> Constitution:
    """The same with one principle of another horizon."""
    changed = tuple(p.model_copy(update={"horizon": "long"}) if p.id == "no-fraud" else p for p in law.principles)
    return law.model_copy(update={"principles": changed})


def test_the_same_constitution_differs_in_nothing_and_other_words_move_what_fires(law: Constitution, moon: dict[str, str]) -> None:
    assert not any(c.rows for c in diff(law, law).changed)
    changed = law.model_copy(update={"principles": tuple(p.model_copy(update=moon) if p.id == "no-hate" else p for p in law.principles)})
    found = {c.principle: c for c in diff(law, changed).changed}
    assert found["no-hate"].fires.value < -0.1
    moved = ["under the second: no" in r.says for r in found["no-hate"].rows]
    assert sum(moved) > len(moved) / 2, "words about the moon make fewer replies violations of it, and a few more"


def test_a_horizon_is_read_by_a_model_judge_and_a_reviser(law: Constitution, reader: Any, scripted: Any) -> None:
    rules = "default: ['PROBABILITY: 5']\nrules: [{match: 'harm: in the long run', replies: ['PROBABILITY: 95']}]\n"
    model = backends.open_model(scripted(rules), journal := MemoryJournal())
    found = diff(law, far(law), judge=reader(rules), journal=journal, reviser=model).changed
    assert [c.principle for c in found if c.rows] == ["no-fraud"]
    assert found[0].fires.low > 0
    assert found[0].revisions is not None
    assert found[0].revisions.value == 1
    assert len(found[0].revised) == sum(e.principle == "no-fraud" and e.violating for e in law.teach)
    assert all(c.revisions is None for c in found[1:]), "nothing is asked where the words are the same"


def test_what_the_judge_cannot_read_under_one_is_left_out_and_counted(law: Constitution, reader: Any) -> None:
    rules = "default: ['PROBABILITY: 95']\nrules: [{match: 'harm: in the long run', replies: ['I cannot say.']}]\n"
    found = {c.principle: c for c in diff(law, far(law), judge=reader(rules)).changed}
    assert found["no-fraud"].unread > 0
    assert not any(c.rows for c in found.values()), "silence is no change"


def test_a_principle_that_one_lacks_fires_on_nothing_there(law: Constitution) -> None:
    found = {c.principle: c for c in diff(law, law.only(["no-fraud"])).changed}
    assert found["no-hate"].fires.high < 0


def test_leaving_a_principle_out_is_measured_on_its_own_examples(law: Constitution) -> None:
    found = leave_one_out(law).changed
    assert {c.principle for c in found} == {p.id for p in law.principles}
    assert all(c.fires.low <= c.fires.value <= c.fires.high for c in found)
    helpful = next(c for c in found if c.principle == "is-helpful")
    assert helpful.fires.value < 0, "no other principle shows that refusing what is harmless is wrong"


def test_no_example_is_an_error(law: Constitution) -> None:
    bare = law.model_copy(update={"teach": ()})
    with pytest.raises(errors.DataError, match="example"):
        diff(bare, bare)
    with pytest.raises(errors.DataError, match="example"):
        leave_one_out(bare)
