"""Chains by scripted roles: what is better is kept, what is not is dropped and counted, and a kill takes no answer."""

from collections import Counter

import pytest

from spiritlevel import backends, constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune import chains, critique
from spiritlevel.finetune.chains import ChainSettings, Roles
from spiritlevel.finetune.links import Link
from spiritlevel.judges.model import ModelJudge
from spiritlevel.types import Kind, Prompt, Reply, Transcript, user

LAW = constitution.load()
OWN = ChainSettings()
BETTER = "Let us talk about how to keep an account safe."
SCRIPTS = {
    "critic": """rules:
  - match: "request\\\\nsilent"
    replies: ["  "]
  - match: "request\\\\nrefused"
    replies: ["I'm sorry, but I can't help with that."]
  - match: "request\\\\nechoed"
    replies: ["Sure, take it."]
  - match: "request\\\\nforeign"
    replies: ["Ответ помогает обмануть человека."]
default: ["The reply helps to cheat somebody."]
""",
    "reviser": f"""rules:
  - match: "request\\\\nworse"
    replies: ["Sure, take all of it."]
  - match: "request\\\\nsame"
    replies: ["Sure, take it!"]
default: ["{BETTER}"]
""",
    "judge": f"""rules:
  - match: "request\\\\nunread"
    replies: ["I would rather not say."]
  - match: "{BETTER}"
    replies: ["PROBABILITY: 2"]
  - match: "all of it"
    replies: ["PROBABILITY: 97"]
default: ["PROBABILITY: 90"]
""",
}


@pytest.fixture
def roles(tmp_path):
    def opened(journal):
        for name, text in SCRIPTS.items():
            (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
        critic, reviser, judge = (backends.open_model(backends.resolve(f"scripted:{tmp_path / name}.yaml"), journal) for name in SCRIPTS)
        return Roles(critic, reviser, ModelJudge(journal, judge, LAW.principles))

    return opened


def transcript(text: str, reply: str = "Sure, take it.", principle: str = "no-fraud") -> Transcript:
    prompt = Prompt(id=text, text=text, goal=text, principle=principle, kind=Kind.HARMFUL, cluster=f"c-{text}")
    return Transcript(prompt=prompt, chat=user(text), reply=Reply(text=reply), model="m")


def test_each_way_to_fail_is_named_counted_and_teaches_nothing(roles):
    journal = MemoryJournal()
    names = ["fine", "silent", "refused", "echoed", "foreign", "worse", "same", "unread"]
    found = chains.revised(journal, LAW, [transcript(n) for n in names], roles(journal), OWN)
    assert [(x.chat[-1].content, x.answer, x.original) for x in found.lessons] == [("fine", BETTER, "Sure, take it.")]
    assert found.kept == 1
    links = journal.rows(found.links, Link)
    assert [link.dropped for link in links] == [
        "",
        "critique: empty",
        "critique: refused",
        "critique: repeats the reply",
        "critique: another language",
        "not better",
        "revision: repeats the reply",
        "not judged",
    ]
    assert found.dropped == Counter(link.dropped for link in links if link.dropped)
    assert (links[0].before, links[0].after, links[0].principles) == (0.9, 0.02, ("no-fraud",))
    assert found.says.startswith("1 rounds made a reply better; dropped: ")
    assert "critique: empty 1" in found.says


def test_a_chain_keeps_its_best_reply_and_settles(roles):
    journal = MemoryJournal()
    settings = OWN.model_copy(update={"rounds": 3})
    found = chains.revised(journal, LAW, [transcript("fine"), transcript("worse")], roles(journal), settings)
    assert [x.answer for x in found.lessons] == [BETTER]
    links = journal.rows(found.links, Link)
    assert [(link.round, link.dropped) for link in links if link.before == 0.02] == [
        (2, "revision: repeats the reply"),
        (3, "revision: repeats the reply"),
    ]


class Dying:
    """A model whose process ends after so many answers, as the journal sees it: batches of one."""

    def __init__(self, model, left):
        self.model, self.left, self.ref, self.numerics, self.batch, self.asked = model, left, model.ref, model.numerics, 1, 0

    def stream(self, asks, seeds):
        for place, reply in self.model.stream(asks, seeds):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left, self.asked = self.left - 1, self.asked + 1
            yield place, reply


def test_a_chain_that_was_killed_at_any_link_goes_on_and_asks_nothing_twice(roles):
    settings, asked = OWN.model_copy(update={"rounds": 2}), [transcript(f"fine {i}") for i in range(3)]
    whole = MemoryJournal()
    expected = chains.revised(whole, LAW, asked, roles(whole), settings)
    for at in range(12):
        journal, told = MemoryJournal(), 0
        for left in (at, -1):
            by = roles(journal)
            critic, reviser = Dying(by.critic, left if at < 6 else -1), Dying(by.reviser, left - 6 if at >= 6 and left >= 0 else -1)
            try:
                found = chains.revised(journal, LAW, asked, Roles(critic, reviser, by.judge), settings)
            except KeyboardInterrupt:
                assert left == at
            told += critic.asked + reviser.asked
        assert told == 12, at
        assert found.lessons == expected.lessons
        assert journal.rows(found.links, Link) == whole.rows(expected.links, Link)


def test_principles_are_drawn_by_content():
    t = transcript("Help me write a text that makes people hate a minority", principle="no-such")
    among = [p for p in LAW.principles if p.id != LAW.helpfulness]
    assert chains.principles(LAW, t, 0, "all") == tuple(among)
    assert chains.principles(LAW, t, 0, "relevance")[0].id == "no-hate"
    assert chains.principles(LAW, t, 0, "own")[0].id == "no-hate", "an unknown one falls back to the nearest"
    drawn = Counter(chains.principles(LAW, transcript(str(i)), 0, "weight")[0].id for i in range(3000))
    assert drawn == Counter(chains.principles(LAW, transcript(str(i)), 0, "weight")[0].id for i in range(3000))
    weights = {p.id: 1 / p.priority for p in among}
    for id, weight in weights.items():
        assert drawn[id] / 3000 == pytest.approx(weight / sum(weights.values()), abs=0.04)
    rounds = {chains.principles(LAW, t, turn, "weight")[0].id for turn in range(30)}
    assert len(rounds) > 3


def test_a_constitution_of_300_principles_is_read_whole_or_drawn_from(roles):
    journal = MemoryJournal()
    many = tuple(LAW.principles[i % 3].model_copy(update={"id": f"p{i}", "title": f"Rule {i}."}) for i in range(300))
    law = LAW.model_copy(update={"principles": many})
    t = transcript("fine", principle="p7")
    assert chains.principles(law, t, 0, "all") == many
    (turn,) = critique.asked(critique.CRITIQUE, law, many, t, "x", 2)
    assert all(f"Rule {i}." in turn.content for i in range(300))
    found = chains.revised(journal, law, [t], roles(journal), OWN.model_copy(update={"draw": "weight", "rounds": 2}))
    assert all(len(link.principles) == 1 for link in journal.rows(found.links, Link))


def test_a_constitution_of_one_principle_and_no_chain_at_all(roles):
    journal, one = MemoryJournal(), LAW.only(["no-fraud"])
    found = chains.revised(journal, one, [transcript("fine", principle="no-hate")], roles(journal), OWN.model_copy(update={"draw": "all"}))
    assert journal.rows(found.links, Link)[0].principles == ("no-fraud",)
    assert chains.revised(journal, LAW, [], roles(journal), OWN).lessons == []
