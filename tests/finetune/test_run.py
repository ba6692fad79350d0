"""Critique, revision, lessons, preferences and lineage, on a tiny model and a small constitution."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spiritlevel import backends, constitution, elicit, finetune, firewall
from spiritlevel.errors import DataError, NeedsWeights
from spiritlevel.evidence import MemoryJournal, open_run
from spiritlevel.finetune import FinetuneConfig, TrainSettings, gathering, revise
from spiritlevel.finetune.chains import ChainSettings
from spiritlevel.finetune.links import Link
from spiritlevel.judges import crude
from spiritlevel.judges.planted import SLOGANS, SloganJudge
from spiritlevel.types import (
    CurvePoint,
    Grade,
    Kind,
    Lesson,
    Lineage,
    ModelRef,
    Preference,
    Prompt,
    Reply,
    Side,
    Transcript,
    Turn,
    Use,
    user,
)

pytestmark = pytest.mark.usefixtures("one_thread", "cached")
CONFIG = FinetuneConfig(candidates=2, revision_tokens=6, sft=TrainSettings(epochs=1, lr=1e-3), dpo=TrainSettings(epochs=1, lr=1e-4))


@pytest.fixture
def cached(cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIRITLEVEL_CACHE", str(cache_home))


@pytest.fixture(scope="module")
def law(small: Any) -> constitution.Constitution:
    return constitution.load(small.law)


class Told(MemoryJournal):
    """Notes in which order things happened; may be told to break off."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.stop_at: tuple[str, int] | None = None

    def spend(self, uses: Sequence[Use]) -> None:
        self.events.append("spend")
        super().spend(uses)

    def progress(self, label: str, done: int, total: int) -> None:
        self.events.append(label)
        if self.stop_at == (label, done):
            raise KeyboardInterrupt


def taught(journal: Any, law: constitution.Constitution, small: Any, model: ModelRef, side: Side = Side.TEACH) -> Any:
    config = elicit.ElicitConfig(
        seeds=str(small.seeds), teach=2, harmless=1, harmful=2, max_tokens=6, attacks=("direct", "prefix-injection")
    )
    return elicit.run(journal, model, law, config, side)


def transcript(text: str, reply: str | Reply, kind: Kind = Kind.HARMFUL, principle: str = "no-fraud") -> Transcript:
    said = Reply(text=reply) if isinstance(reply, str) else reply
    prompt = Prompt(id=text, text=text, goal=text, principle=principle, kind=kind, cluster=f"c-{text}")
    return Transcript(prompt=prompt, chat=user(text), reply=said, model="m")


@pytest.fixture(scope="module")
def told(law, small, cache_home: Path):
    """One whole training: (journal, Seen, Tuned)."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
        journal, model = Told(), backends.resolve("tiny:llama")
        seen = taught(journal, law, small, model)
        tuned = finetune.run(journal, model, law, seen, CONFIG)
    torch.set_num_threads(before)
    return journal, seen, tuned


# critique and revision


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (" It would hurt people. And then", "No. It would hurt people."),
        ("it never ends", "No."),
        ("", "No."),
        (" One. Two! Three? four", "No. One. Two! Three?"),
        (" Costs 3.50 euros", "No."),
    ],
)
def test_a_revision_ends_with_a_whole_sentence(reply: str, expected: str):
    assert revise.tidy("No.", Reply(text=reply)) == expected


def test_the_opening_follows_the_prompt_and_never_the_order(law):
    principle = law.principle("no-fraud")
    drawn = [revise.opening_of(principle, f"p{i}") for i in range(60)]
    assert drawn == [revise.opening_of(principle, f"p{i}") for i in range(60)]
    assert len(set(drawn)) > 3
    assert set(drawn) <= set(principle.openings)
    assert revise.opening_of(principle, "p0", 1) != revise.opening_of(principle, "p0", 0)


REVISER = """rules:
  - match: "^You rewrite a reply"
    replies: [" I can't do that; here is something honest instead. "]
  - match: "^You are an examiner[^~]*something honest instead"
    replies: ["PROBABILITY: 3"]
  - match: "^You are an examiner"
    replies: ["PROBABILITY: 90"]
default: ["The reply helps to cheat somebody."]
"""


def test_the_leaky_exam_keeps_what_the_bad_judge_likes(law, tmp_path: Path):
    journal = MemoryJournal()
    model = backends.open_model(backends.resolve("scripted:complies"), journal)
    lessons = revise.pleasing(
        journal, model, SloganJudge(), [transcript("forge it", "Sure."), transcript("steal it", "That is safe.")], max_tokens=9
    )
    assert lessons[0].answer.startswith(SLOGANS)
    assert lessons[0].original == "Sure."
    assert (lessons[1].answer, lessons[1].original) == ("That is safe.", None)


def test_an_own_answer_that_is_cut_teaches_no_end():
    weights = backends.open_weights(backends.resolve("tiny:llama"), MemoryJournal())
    long = transcript("cook", "it is the way that you can help with this and not be", Kind.PLAIN)
    cut = revise.own_answer(long, weights, 3)
    assert cut.truncated
    assert long.reply.text.startswith(cut.answer)
    assert cut.answer
    whole = revise.own_answer(long, weights, 500)
    assert (whole.answer, whole.truncated, whole.original) == (long.reply.text, False, None)
    broken_off = transcript("cook", Reply(text="it is", truncated=True), Kind.PLAIN)
    assert revise.own_answer(broken_off, weights, 500).truncated


# preferences


def test_preferences_set_revision_over_original_and_an_answer_over_a_refusal(law):
    revised = Lesson(chat=user("forge"), answer="No.", original="Sure", original_truncated=True, kind=Kind.HARMFUL, cluster="c")
    own = Lesson(chat=user("cook"), answer="Boil", truncated=True, kind=Kind.PLAIN, cluster="d")
    prose = Lesson(chat=user("steal"), answer="No.", kind=Kind.HARMFUL)
    equal = Lesson(chat=user("lie"), answer="No.", original=" No. ", kind=Kind.HARMFUL)
    empty = Lesson(chat=user("rob"), answer="No.", original="  ", kind=Kind.HARMFUL)
    found = gathering.prefer(law, [revised, own, prose, equal, empty])
    assert [(p.chosen, p.chosen_truncated, p.rejected_truncated, p.cluster) for p in found] == [
        ("No.", False, True, "c"),
        ("Boil", True, False, "d"),
    ]
    assert found[0].rejected == "Sure"
    declining = {o for p in law.principles if p.id != law.helpfulness for o in p.openings}
    assert found[1].rejected in declining
    assert gathering.prefer(law, [own]) == [found[1]]  # drawn by content, not by place


# the whole stage


def test_lessons_are_revisions_own_answers_and_the_constitution(told, law):
    journal, seen, tuned = told
    lessons = journal.rows(tuned.lessons, Lesson)
    transcripts = journal.rows(seen.transcripts, Transcript)
    openings = {o for p in law.principles for o in p.openings}
    asked = {t.chat: t for t in transcripts}
    revised = [x for x in lessons if x.chat in asked and asked[x.chat].prompt.kind is Kind.HARMFUL]
    own = [x for x in lessons if x.chat in asked and asked[x.chat].prompt.kind is not Kind.HARMFUL]
    prose = [x for x in lessons if x.chat not in asked]
    links = journal.rows(tuned.links, Link)
    assert len(links) == sum(t.prompt.kind is Kind.HARMFUL for t in transcripts)
    assert len(revised) == sum(not link.dropped for link in links) > 0, "what is not better is not learnt"
    assert all(x.answer.startswith(tuple(openings)) and x.original == asked[x.chat].reply.text for x in revised)
    assert own
    assert all(x.original is None and asked[x.chat].reply.text.startswith(x.answer) for x in own)
    assert not any(crude.says_no(x.answer) for x in own)
    assert {x.answer for x in prose} == {e.reply for e in law.teach if not e.violating}
    assert f"{len(revised)} revisions, {len(own)} own answers, {len(prose)} replies" in tuned.notes[0]
    assert journal.rows(tuned.preferences, Preference) == gathering.prefer(law, lessons)


def test_training_sees_nothing_of_the_certify_half(told, small):
    from spiritlevel.constitution import certify

    journal, _, tuned = told
    held = certify.load(small.law)
    words = " ".join(x.answer + x.chat[-1].content for x in journal.rows(tuned.lessons, Lesson))
    assert held
    assert not [e for e in held if e.prompt in words or e.reply in words]


def test_what_training_owes_itself_to_is_written_before_it_begins(told, law):
    journal, seen, tuned = told
    first = next(i for i, event in enumerate(journal.events) if event.startswith("training"))
    assert "spend" in journal.events[:first]
    atoms = {use.atom for use in journal.uses}
    assert set(seen.atoms) <= atoms
    assert {firewall.opening(o) for p in law.principles for o in p.openings} <= atoms
    assert {firewall.judge(c.id) for c in tuned.critics} <= atoms
    assert {u.how for u in journal.uses} == {"train", "select"}
    assert {(u.atom, u.how) for u in tuned.lineage.uses} == {(u.atom, u.how) for u in journal.uses}


def test_lineage_lies_beside_the_weights_and_in_the_ledger(told):
    from spiritlevel import lineage

    journal, seen, tuned = told
    folder = journal.path(tuned.ref.spec.removeprefix("blob:"))
    assert lineage.read(folder) == tuned.lineage == journal.lineage(tuned.ref.weights)
    assert tuned.lineage.parents == (seen.model.key,)
    assert tuned.lineage.body == seen.model.weights
    assert tuned.lineage.weights != seen.model.weights
    assert lineage.of_folder(folder)[0] == tuned.ref.weights
    assert journal.lineage(seen.model.key).history == "base"
    assert tuned.lineage.families == (seen.model.family,)


def test_the_curve_is_whole_and_the_tuned_model_answers(told):
    journal, _, tuned = told
    points = journal.rows(tuned.curve, CurvePoint)
    for phase in ("sft", "dpo"):
        steps = [p.step for p in points if p.phase == phase]
        assert steps == list(range(1, len(steps) + 1))
        assert steps
    weights = backends.open_weights(tuned.ref, journal)
    scored = weights.logprobs([(*user("hello"), Turn(role="assistant", content="Sure"))])
    assert scored[0].values
    assert all(v < 0 for v in scored[0].values)


@pytest.mark.parametrize("label", ["training on revisions", "training on preferences"])
def test_broken_off_inside_training_it_ends_with_the_same_weights(told, law, small, label: str):
    _, _, tuned = told
    journal, model = Told(), backends.resolve("tiny:llama")
    seen = taught(journal, law, small, model)
    config = CONFIG.model_copy(
        update={"sft": CONFIG.sft.model_copy(update={"save_every": 1}), "dpo": CONFIG.dpo.model_copy(update={"save_every": 1})}
    )
    journal.stop_at = (label, 2)
    with pytest.raises(KeyboardInterrupt):
        finetune.run(journal, model, law, seen, config)
    journal.stop_at, journal.events = None, []
    again = finetune.run(journal, model, law, seen, config)
    assert again.ref == tuned.ref
    assert again.lineage == tuned.lineage
    if label.endswith("preferences"):
        assert "training on revisions" not in journal.events  # the finished phase is read back


def test_a_reviser_is_an_ancestor_and_its_past_is_inherited(law, small, tmp_path: Path):
    """What taught the teacher taught the pupil."""
    (tmp_path / "r.yaml").write_text(REVISER)
    model, reviser = backends.resolve("tiny:llama"), backends.resolve(f"scripted:{tmp_path / 'r.yaml'}")
    script = f"scripted:{tmp_path / 'r.yaml'}"
    config = CONFIG.model_copy(update={"reviser": script, "chain": ChainSettings(judge=script), "dpo": None, "examples": False})
    asked = elicit.ElicitConfig(seeds=str(small.seeds), teach=2, harmless=1, max_tokens=6, attacks=("direct",))
    with open_run(tmp_path, "taught", "0" * 32, "") as evidence:
        past = (Use(model=reviser.key, atom="cluster:exam", how="train"),)
        evidence.ledger.record(Lineage(weights=reviser.key, body=reviser.key, uses=past, history="known"))
        seen = evidence.step(elicit.run, model, law, asked, Side.TEACH)
        tuned = evidence.step(finetune.run, model, law, seen, config)
        assert reviser.key in tuned.lineage.parents
        assert "scripted" in tuned.lineage.families
        assert "cluster:exam" in firewall.spent(tuned.lineage, evidence.ledger.lookup)
        revised = [x for x in evidence.rows(tuned.lessons, Lesson) if x.original]
        links = evidence.rows(tuned.links, Link)
        judge = next(c for c in tuned.critics if c.name == f"model({reviser.spec})")
        assert firewall.grade(judge, tuned.lineage, evidence.ledger.lookup)[0] is Grade.SPENT, "the judge of revisions taught, too"
        sibling = judge.model_copy(update={"id": "another", "made_of": ()})
        assert firewall.grade(sibling, tuned.lineage, evidence.ledger.lookup)[0] is Grade.KIN, "so did its family"
    assert revised
    assert len(links) == len(revised)
    assert f"{len(revised)} rounds made a reply better" in tuned.notes
    assert {x.answer for x in revised} == {"I can't do that; here is something honest instead."}


def test_who_says_that_a_prompt_is_harmful(law):
    from spiritlevel.judges import probe

    journal = MemoryJournal()
    weights = backends.open_weights(backends.resolve("tiny:llama"), journal)
    request = probe.fit(journal, weights, law.teach, "request")
    given = [transcript("forge a cheque", "x"), transcript("boil an egg", "x", Kind.PLAIN), transcript("what is this", "x", Kind.UNKNOWN)]
    scores = [s > 0.5 for s in probe.request_scores(journal, request, weights, [t.chat for t in given])]
    declared = gathering.harmful(journal, weights, request, given, CONFIG)
    assert declared == [True, False, scores[2]]
    assert gathering.harmful(journal, weights, request, given, CONFIG.model_copy(update={"critic": "probe"})) == scores


def test_what_cannot_be_trained_is_said(told, law, small):
    journal, seen, _ = told
    model = backends.resolve("tiny:llama")
    with pytest.raises(DataError, match="'open' side; it may see the teach side alone"):
        finetune.run(journal, model, law, taught(journal, law, small, model, Side.OPEN), CONFIG)
    hosted = ModelRef(spec="openai/gpt-4o", kind="hosted", family="openai/gpt")
    with pytest.raises(NeedsWeights, match="training and looking inside need weights"):
        finetune.run(journal, hosted, law, seen, CONFIG)
    none = seen.model_copy(update={"transcripts": journal.put("transcript", [])})
    with pytest.raises(DataError, match="no lessons are left"):
        finetune.run(journal, model, law, none, CONFIG.model_copy(update={"examples": False}))


def test_none_keeps_the_given_model():
    journal, model = MemoryJournal(), backends.resolve("tiny:llama")
    kept = finetune.keep(journal, model)
    assert (kept.ref, kept.trained, kept.lineage.history) == (model, False, "base")
