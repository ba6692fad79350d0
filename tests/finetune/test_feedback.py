"""The feedback phase on a tiny model: soft labels become preferences and training, each of them is owed, and a kill takes nothing."""

from typing import Any

import pytest

from spiritlevel import backends, constitution, elicit, finetune, firewall
from spiritlevel.errors import ConfigError, DataError, NeedsWeights
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune import FeedbackSettings, FinetuneConfig, TrainSettings, comparison, feedback
from spiritlevel.finetune.comparison import Comparison, Pair
from spiritlevel.finetune.policy import PolicySettings, RolloutSettings
from spiritlevel.finetune.reward import RewardSettings
from spiritlevel.judges import crude
from spiritlevel.judges.model import ModelJudge
from spiritlevel.types import (
    CurvePoint,
    Grade,
    Instrument,
    Kind,
    ModelRef,
    Preference,
    Prompt,
    Reply,
    Sampling,
    Seen,
    Side,
    Transcript,
    Tuned,
    user,
)

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Sampling(max_tokens=6)
DPO = FeedbackSettings(sampling=SHORT, votes=1, dpo=TrainSettings(epochs=1, lr=1e-3, save_every=1))
RL = DPO.model_copy(
    update={
        "how": "rl",
        "reward": RewardSettings(lr=1e-3, save_every=1, held=0.0),
        "policy": PolicySettings(steps=2, lr=1e-3, rollouts=RolloutSettings(prompts=4, samples=2, max_tokens=6), checkpoint_every=1),
    }
)
# an opinion that follows the first letter after the fence of reply A, so that some pairs are told apart and orders agree
OPINION = """rules:
  - match: "(?s)reply A\\\\n[^a-zA-Z]*[a-mA-M].*reply B\\\\n[^a-zA-Z]*[n-zN-Z]"
    replies: ["The first is kinder to people. Answer: A"]
  - match: "(?s)reply A\\\\n[^a-zA-Z]*[n-zN-Z].*reply B\\\\n[^a-zA-Z]*[a-mA-M]"
    replies: ["The second is kinder to people. Answer: B"]
default: ["The first one comes first. Answer: A"]
"""


def start(journal: Any, law: Any, small: Any) -> tuple[Tuned, Seen]:
    asked = elicit.ElicitConfig(seeds=str(small.seeds), teach=4, harmless=2, harmful=2, max_tokens=6, attacks=("direct",))
    model = backends.resolve("tiny:llama")
    seen = elicit.run(journal, model, law, asked, Side.TEACH)
    return finetune.keep(journal, model), seen


@pytest.fixture
def law(small):
    return constitution.load(small.law)


@pytest.fixture
def opinion(tmp_path):
    path = tmp_path / "opinion.yaml"
    path.write_text(OPINION, "utf-8")
    return f"scripted:{path}"


def phase(settings: FeedbackSettings, **changes: Any) -> FinetuneConfig:
    return FinetuneConfig(feedback=settings, own_tokens=4, **changes)


def test_preferences_of_a_model_by_dpo_and_what_they_are_owed_to(law, small, opinion):
    journal = MemoryJournal()
    tuned, seen = start(journal, law, small)
    heard = finetune.ai_feedback(journal, tuned, law, seen, phase(DPO.model_copy(update={"model": opinion})))
    rows = journal.rows(heard.comparisons, Comparison)
    preferences = journal.rows(heard.preferences, Preference)
    assert {0.4, 0.6} >= {1 - p.sure for p in preferences} | {0.4}
    assert all(p.sure == 0.6 for p in preferences), "with reasons a label is held within 40 to 60 %"
    assert all(p.by in {c.id for c in heard.critics} for p in preferences)
    kinds = {t.prompt.id: t.prompt for t in journal.rows(seen.transcripts, Transcript)}
    assert {c.principle for c in rows if kinds[c.prompt].kind is not Kind.HARMFUL} == {law.helpfulness}
    assert all(c.principle == kinds[c.prompt].principle for c in rows if kinds[c.prompt].kind is Kind.HARMFUL)
    assert "told" in heard.notes[0]
    assert "by 1 votes an order (it gives no log-probabilities); the reply shown first got 0." in heard.notes[0]
    assert heard.ref.weights != tuned.ref.weights
    assert [p.phase for p in journal.rows(heard.curve, CurvePoint)].count("dpo") > 0
    # owed: feedback model, labels, prompts; and it is told before training begins
    spent = firewall.spent(heard.lineage, journal.lineage)
    asker = next(c for c in heard.critics if c.name.startswith("feedback("))
    assert firewall.judge(asker.id) in spent
    assert set(firewall.atoms_of(kinds.values())) <= spent
    assert firewall.labels(comparison.content_hash(*preferences)) in spent
    assert backends.resolve(opinion).key in heard.lineage.parents
    assert "scripted" in heard.lineage.families
    assert {u.atom for u in journal.uses} >= {u.atom for u in heard.lineage.uses}


def test_a_preference_model_and_rl_owe_the_same_and_the_reward(law, small, opinion):
    journal = MemoryJournal()
    tuned, seen = start(journal, law, small)
    heard = finetune.ai_feedback(journal, tuned, law, seen, phase(RL.model_copy(update={"model": opinion})))
    reward = next(c for c in heard.critics if c.name.startswith("reward"))
    asker = next(c for c in heard.critics if c.name.startswith("feedback("))
    labels = firewall.labels(comparison.content_hash(*journal.rows(heard.preferences, Preference)))
    assert {firewall.judge(asker.id), labels} <= firewall.made_of(reward)
    assert {firewall.judge(reward.id), firewall.judge(asker.id), labels} <= firewall.spent(heard.lineage, journal.lineage)
    assert firewall.grade(reward, heard.lineage, journal.lineage)[0] is Grade.SPENT
    assert backends.resolve(opinion).key in heard.lineage.parents
    assert [p.phase for p in journal.rows(heard.curve, CurvePoint)].count("reward") > 0
    assert "rloo against it: " in heard.notes[-1]
    assert heard.ref.weights != tuned.ref.weights


@pytest.mark.parametrize("settings", [DPO, RL], ids=["dpo", "rl"])
def test_killed_anywhere_it_ends_with_the_same_weights_and_asks_nothing_twice(law, small, opinion, settings):
    config = phase(settings.model_copy(update={"model": opinion}))
    whole = Breaking()
    expected = finetune.ai_feedback(whole, *_with(whole, law, small), config)
    points = len(whole.asked)
    for at in range(points // 6, points, points // 3):
        journal = Breaking()
        given = _with(journal, law, small)
        journal.left = at
        with pytest.raises(KeyboardInterrupt):
            finetune.ai_feedback(journal, *given, config)
        journal.left = None
        found = finetune.ai_feedback(journal, *given, config)
        assert found == expected, at
        assert journal.asked.count("unit") == whole.asked.count("unit"), "an answer of the feedback model was bought twice"


class Breaking(MemoryJournal):
    """Breaks off at its n-th event: a stored unit, or a step of training."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.left: int | None = None

    def _event(self, label: str) -> None:
        self.asked.append(label)
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1

    def map(self, kind, units, work, row, **options):
        def told(missing):
            for place, found in work(missing):
                yield place, found
                self._event("unit" if options.get("batch") is None else "local unit")

        return super().map(kind, units, told, row, **options)

    def progress(self, label: str, done: int, total: int) -> None:
        self._event(label)


def _with(journal: Breaking, law: Any, small: Any) -> tuple[Tuned, Any, Seen]:
    tuned, seen = start(journal, law, small)
    journal.asked.clear()
    return tuned, law, seen


def test_without_a_feedback_model_the_read_out_labels_and_answers_beat_refusals(law, small):
    journal = MemoryJournal()
    tuned, seen = start(journal, law, small)
    heard = finetune.ai_feedback(journal, tuned, law, seen, phase(DPO))
    rows = journal.rows(heard.comparisons, Comparison)
    preferences = journal.rows(heard.preferences, Preference)
    kinds = {t.chat: t.prompt.kind for t in journal.rows(seen.transcripts, Transcript)}
    harmful = [p for p in preferences if kinds[p.chat] is Kind.HARMFUL]
    helpful = [p for p in preferences if kinds[p.chat] is not Kind.HARMFUL]
    assert harmful
    assert len(harmful) == sum(c.better not in (None, 0.5) for c in rows)
    assert all(0.5 < p.sure <= 1 for p in harmful)
    assert 0 < len(helpful) <= len(harmful), "as many harmless pairs as harmful ones, at most"
    assert all(p.by == "constitution" and not crude.says_no(p.chosen) for p in helpful)
    assert all(p.rejected in law.openings or crude.says_no(p.rejected) for p in helpful)
    assert "the reply read-out told" in heard.notes[0]
    assert f"{len(helpful)} answers to harmless prompts over refusals" in heard.notes
    read = next(c for c in heard.critics if c.name == "probe-reply")
    spent = firewall.spent(heard.lineage, journal.lineage)
    assert firewall.judge(read.id) in spent
    assert {firewall.opening(o) for o in law.openings} <= spent


def test_an_own_refusal_of_a_harmless_prompt_is_what_its_earlier_answer_is_preferred_to(law, one_thread):
    journal = MemoryJournal()
    weights = backends.open_weights(backends.resolve("tiny:llama"), journal)
    prompt = Prompt(id="p", text="Bake", goal="Bake", principle=law.helpfulness, kind=Kind.PLAIN)
    no = "I'm sorry, but I can't help with that."
    t = Transcript(prompt=prompt, chat=user("Bake"), reply=Reply(text="Mix it."), model="m")
    (both,) = feedback._helpful(law, [Pair(t, Reply(text=no), Reply(text=no))], weights, 50)
    assert (both.chosen, both.rejected, both.sure) == ("Mix it.", no, 1.0)
    (own,) = feedback._helpful(law, [Pair(t, Reply(text="Stir it."), Reply(text="Heat it."))], weights, 50)
    assert own.chosen == "Stir it."
    assert own.rejected in law.openings
    silent = t.model_copy(update={"reply": Reply(text="")})
    assert feedback._helpful(law, [Pair(silent, Reply(text=no), Reply(text=""))], weights, 50) == []


def test_what_cannot_be_compared_is_said(law, small, opinion, tmp_path):
    journal = MemoryJournal()
    tuned, seen = start(journal, law, small)
    with pytest.raises(ConfigError, match=r"finetune\.feedback is none"):
        finetune.ai_feedback(journal, tuned, law, seen, FinetuneConfig())
    with pytest.raises(DataError, match="'open' side"):
        finetune.ai_feedback(journal, tuned, law, seen.model_copy(update={"side": Side.OPEN}), phase(DPO))
    hosted = tuned.model_copy(update={"ref": ModelRef(spec="openai/x", kind="hosted", family="openai")})
    with pytest.raises(NeedsWeights):
        finetune.ai_feedback(journal, hosted, law, seen, phase(DPO))
    with pytest.raises(ValueError, match="at temperature 0 both replies are the same"):
        FeedbackSettings(sampling=Sampling(temperature=0.0))
    for text, why in (("Answer: A", "no preference"), (" ", "empty"), ("I can't help with that.", "refused")):
        (tmp_path / "f.yaml").write_text(f'default: ["{text}"]', "utf-8")
        none = DPO.model_copy(update={"model": f"scripted:{tmp_path / 'f.yaml'}"})
        with pytest.raises(DataError, match=rf"no pair of replies got a label \(.*{why} \d+.*name another feedback model"):
            finetune.ai_feedback(journal, tuned, law, seen, phase(none))


@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize("draw", ["own", "weight", "relevance", "all"])
def test_a_constitution_of_one_principle_or_of_300(law, count, draw):
    harm = [p for p in law.principles if p.id != law.helpfulness]
    many = tuple(harm[i % len(harm)].model_copy(update={"id": f"p{i}", "title": f"Rule {i}"}) for i in range(count))
    of = law.model_copy(update={"principles": many})
    prompt = Prompt(id="x", text="x", goal="x", principle="p0", kind=Kind.HARMFUL)
    t = Transcript(prompt=prompt, chat=user("x"), reply=Reply(text="y"), model="m")
    found = feedback.under(of, t, True, DPO.model_copy(update={"draw": draw}))
    assert len(found) == (count if draw == "all" else 1)
    assert set(found) <= set(many)
    assert feedback.under(of, t, False, DPO) == (), "without a principle of helpfulness harmless prompts are not compared"


def test_grades_of_certifying_judges(law, small, opinion, tmp_path):
    """The feedback model's family as a certifying judge is kin; the very judge of the revisions is spent."""
    journal = MemoryJournal()
    tuned, seen = start(journal, law, small)
    heard = finetune.ai_feedback(journal, tuned, law, seen, phase(DPO.model_copy(update={"model": opinion})))
    (tmp_path / "other.yaml").write_text("default: ['PROBABILITY: 4']", "utf-8")
    sibling = ModelJudge(journal, backends.open_model(backends.resolve(f"scripted:{tmp_path / 'other.yaml'}"), journal), law.principles)
    grade, why = firewall.grade(sibling.identity, heard.lineage, journal.lineage)
    assert (grade, "of the family 'scripted'" in why) == (Grade.KIN, True)
    asker = next(c for c in heard.critics if c.name.startswith("feedback("))
    assert firewall.grade(asker, heard.lineage, journal.lineage)[0] is Grade.SPENT
    stranger = Instrument(id="else", name="else", family="other/body")
    assert firewall.grade(stranger, heard.lineage, journal.lineage)[0] is Grade.INDEPENDENT
