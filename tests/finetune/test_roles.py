"""Whom a principle protects, over what horizon and at what cost are read by critic, reviser, feedback model and judge."""

import pytest

from spiritlevel import backends, constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune import comparison, critique
from spiritlevel.finetune.comparison import FeedbackSettings, Pair
from spiritlevel.judges import model
from spiritlevel.types import Kind, Prompt, Reply, Transcript, user

LAW = constitution.load()
RULE = LAW.principles[0].model_copy(update={"horizon": "near"})
PROMPT = Prompt(id="p", text="p", goal="p", principle=RULE.id, kind=Kind.HARMFUL)
T = Transcript(prompt=PROMPT, chat=user("p"), reply=Reply(text="r"), model="m")
ROLES = {
    "critic": lambda rule: critique.asked(critique.CRITIQUE, LAW, (rule,), T, "r", 0),
    "reviser": lambda rule: critique.asked(critique.REVISION, LAW, (rule,), T, "r", 0, "c"),
    "feedback": lambda rule: comparison.question(Pair(T, Reply(text="a"), Reply(text="b")), rule, False, False),
    "feedback with reasons": lambda rule: comparison.question(Pair(T, Reply(text="a"), Reply(text="b")), rule, False, True),
    "judge": lambda rule: model.question(rule, T),
}
CHANGES = {"protects": "The bees of the valley", "horizon": "long", "cost": "Ten thousand crowns a year"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_changes_what_the_role_is_shown(role, field):
    before, after = (ROLES[role](rule)[0].content for rule in (RULE, RULE.model_copy(update={field: CHANGES[field]})))
    assert before != after
    assert {"protects": "It protects: The bees", "horizon": "in the long run", "cost": "costs: Ten thousand"}[field] in after
    assert {"protects": RULE.protects, "horizon": "at once", "cost": RULE.cost}[field] in before


@pytest.mark.parametrize("field", CHANGES)
def test_a_judge_that_reads_something_else_is_another_judge(field):
    journal = MemoryJournal()
    by = backends.open_model(backends.resolve("scripted:mixed"), journal)
    changed = RULE.model_copy(update={field: CHANGES[field]})
    ids = {model.ModelJudge(journal, by, [rule]).identity.id for rule in (RULE, changed)}
    laws = [LAW.model_copy(update={"principles": (rule,)}) for rule in (RULE, changed)]
    asking = {comparison.instrument(journal, by, law, FeedbackSettings()).id for law in laws}
    assert len(ids) == len(asking) == 2
