"""Answers of made-up runs: the right sentence with its rows, slots that bind, and what is declined."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import provoked
import spiritlevel
from spiritlevel.errors import DataError
from spiritlevel.report import ask, campaigns, words
from spiritlevel.report.ask import concepts, near
from spiritlevel.report.ask.lexicon import core
from spiritlevel.report.ask.statement import Told
from spiritlevel.types import SignOff, VerdictKind


def told(run: Any, **more: Any) -> Told:
    config = {"finetune": {"sft": {"lr": 3e-05, "epochs": 2}}, "measure": {"rounds": 100}}
    values = {"tuned": run.tuned, "compared": run.compared, "exam": run.exam, "inside": run.inside, "verdict": run.verdict}
    return Told(run="made-up", law=run.law, config=config, policy=run.law.policy, **{**values, **more})


@pytest.fixture(scope="module")
def held(runs) -> ask.Asked:
    return ask.prepared(told(runs[VerdictKind.HELD]), embed=False)


def figure(run: Any, name: str, phase: str, principle: str = "", cell: str = "") -> Any:
    return next(
        m
        for m in run.compared.measurements
        if (m.estimate.name, m.phase, m.principle, m.cell) == (name, phase, principle, cell) and m.grade != "spent"
    )


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("How much harm does it deliver after training?", ("delivered_harm", "after")),
        ("How harmful was it before training?", ("delivered_harm", "before")),
        ("By how much did harm fall?", ("delivered_harm", "change")),
        ("How often does the tuned model refuse look-alikes?", ("over_refusal_lookalike", "after")),
        ("Does it refuse ordinary instructions?", ("over_refusal_plain", "after")),
        ("How often does it refuse harmful requests?", ("refusal", "after")),
        ("How much gibberish is there now?", ("incoherence", "after")),
        ("How well do role-play attacks work?", ("delivered_harm", "after", "", "family:role-play")),
    ],
)
def test_a_question_of_a_figure_gets_that_figure_with_its_rows(held, runs, question: str, wanted: tuple[str, ...]):
    m = figure(runs[VerdictKind.HELD], *wanted)
    answer = held.answer(question)
    assert answer.answered
    assert words.told(m.estimate, m.phase) in answer.statements[0].text
    assert answer.statements[0].rows == m.rows


def test_a_principle_that_is_named_binds(held, runs):
    first = runs[VerdictKind.HELD].law.principles[0]
    said = held.answer(f"What is the delivered harm under {first.id} after training?").statements[0]
    assert first.id in said.text
    assert words.told(figure(runs[VerdictKind.HELD], "delivered_harm", "after", first.id).estimate) in said.text
    unmeasured = runs[VerdictKind.HELD].law.principles[-1]
    assert not held.answer(f"What is the delivered harm under {unmeasured.id} after training?").answered


@pytest.mark.parametrize(
    "question",
    [
        "How often does it refuse in Spanish?",
        "What is the harm under the principle on zoology?",
        "How harmful will it be next year?",
        "Is it less harmful than Claude?",
        "How fast does it refuse?",
        "What is the refusal rate for voice prompts?",
        "How well do zzgcg attacks work after training?",
        "What is the delivered harm on the BBQ suite?",
    ],
)
def test_what_no_statement_covers_is_declined_though_words_overlap(held, question: str):
    answer = held.answer(question)
    assert not answer.answered
    assert answer.missing or answer.statements


def test_the_verdict_and_its_reasons(held, runs):
    assert "The verdict is held" in held.answer("Can we release it?").statements[0].text
    why = held.answer("Why was it held?").statements
    failing = {c.threshold for c in runs[VerdictKind.HELD].verdict.checks if c.result is VerdictKind.HELD}
    assert why
    assert all(any(id in s.text for id in failing) for s in why)
    assert "at most" in held.answer("What limit does the policy put on delivered harm?").statements[0].text


def test_a_yes_or_no_that_names_nothing_is_asked_of_the_verdict(held):
    assert "The verdict is held" in held.answer("So, can it go out?").statements[0].text
    assert "The verdict is held" in held.answer("Is it OK?").statements[0].text
    assert not held.answer("Who made it?").answered


def test_a_model_that_is_named_alone_is_told_and_no_figure_of_it(held, runs):
    answer = held.answer("Which base model is this?")
    assert answer.statements[0].text.startswith(f"The model before training is {runs[VerdictKind.HELD].compared.before.spec}")
    assert all(s.kind == "model" for s in answer.statements)


def test_a_spent_figure_is_struck_out_and_comes_last(held):
    spent = next(s for s in held.statements if "struck out" in s.text and s.kind == "figure")
    assert "model <- critic" in spent.text
    assert held.answer("How harmful is it after training?").statements[0] != spent


def test_a_stale_verdict_and_stale_figures_say_so(runs):
    run = runs[VerdictKind.APPROVED]
    moved = run.tuned.model_copy(update={"ref": run.tuned.ref.model_copy(update={"weights": "f" * 64})})
    asked = ask.prepared(told(run, tuned=moved, stale="the measurements changed after it"), embed=False)
    assert asked.answer("Is it approved?").statements[0].text.startswith("Stale (the measurements changed after it)")
    assert asked.answer("How harmful is it after training?").statements[0].text.startswith("Stale (it is of ")
    old = ask.prepared(told(run, aged="measure was made in 2020"), embed=False)
    assert "Stale (measure was made in 2020)" in old.answer("How harmful is it after training?").statements[0].text


def test_a_side_that_is_named_binds(runs):
    approved = ask.prepared(told(runs[VerdictKind.APPROVED]), embed=False)
    assert approved.answer("How harmful is it on sealed prompts?").statements[0].text.startswith("On sealed prompts")
    assert "was read" in approved.answer("Was the sealed set read?").statements[0].text


def test_signatures_and_dissent(runs):
    run = runs[VerdictKind.APPROVED]
    assert "Nobody has signed" in ask.prepared(told(run), embed=False).answer("Who signed?").statements[0].text
    word = SignOff(name="Ana \x1b[31m", role="safety lead", reason="seen and agreed", basis="other", when=0.0)
    said = ask.prepared(told(run, signed=(word,)), embed=False).answer("Who signed off?").statements[0].text
    assert "Ana" in said
    assert "stale" in said
    assert "\x1b" not in said


def test_a_limit_that_the_run_states_is_no_answer_and_is_told(held):
    answer = held.answer("Does another seed end the same?")
    assert not answer.answered
    assert "one run of one training seed" in answer.statements[0].text
    limits = held.answer("What are the limitations?")
    assert limits.answered
    assert 1 <= len(limits.statements) <= ask.MOST


def test_campaigns_and_their_findings(runs):
    run = runs[VerdictKind.HELD]
    assert "No campaign" not in str(ask.prepared(told(run), embed=False).statements)  # a run without steps says nothing of them
    value = provoked.campaign(run.journal, run.tuned.ref, ("a text",))
    sections = tuple(campaigns.sections(run.journal, (value,), run.compared))
    asked = ask.prepared(told(run, provoked=sections), embed=False)
    answer = asked.answer("What did the red-team campaign discover?")
    assert answer.answered
    assert answer.statements[0].rows == (value.attempts.id,)


def test_settings_are_found_by_name(held):
    assert "finetune.sft.lr to 3e-05" in held.answer("Which learning rate did supervised training use?").statements[0].text
    assert held.answer("Which learning rate did supervised training use?").statements[0].rows == ("file:config.yaml",)
    assert not held.answer("Which learning rate did DPO use?").answered


def test_prose_answers_what_is_general_and_never_for_a_figure(held):
    answer = held.answer("What is a responsible scaling policy?")
    assert answer.statements[0].source == "docs/concepts.md, Scaling policies"
    assert answer.statements[0].text in " ".join(s.text for s in concepts.paragraphs())
    assert not held.answer("How many responsible scaling policies are there?").answered


def test_every_paragraph_of_the_concepts_is_there_and_no_source():
    found = concepts.paragraphs()
    assert len({s.source for s in found}) > 10
    assert not any(s.text.startswith(("- ", ">")) or "Sources" in s.source for s in found)


def test_an_installed_package_has_the_concepts():
    built = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["force-include"] == {concepts.PAGE: f"spiritlevel/report/ask/{concepts.NAME}"}
    assert concepts.HERE.parent.relative_to(Path(spiritlevel.__file__).parent) == Path("report/ask")


def test_every_fact_has_evidence_or_is_a_definition(held):
    loose = [s for s in held.statements if not s.rows and s.kind not in ("concept", "definition")]
    assert all(
        s.kind in ("verdict", "check", "threshold", "sealed", "people", "level", "model", "inside", "judge", "unknown") for s in loose
    )


@pytest.mark.parametrize("question", ["", "   ", "?!", "\n\t"])
def test_a_question_without_words_is_refused(held, question: str):
    with pytest.raises(DataError, match="has no words; ask one"):
        held.answer(question)


def test_a_question_too_long_is_refused(held):
    with pytest.raises(DataError, match="ask in at most 1,000"):
        held.answer("harm " * 500)


def test_an_unfinished_run_tells_what_it_has(runs):
    run = runs[VerdictKind.HELD]
    begun = replace(told(run), compared=None, exam=None, verdict=None, inside=None, policy=None)
    assert begun.unfinished == ("measure", "release")
    asked = ask.prepared(begun, embed=False)
    assert asked.answer("What was it trained on?").answered
    assert not asked.answer("Is it approved?").answered
    assert not asked.answer("How harmful is it after training?").answered


def test_the_same_question_has_the_same_answer(held):
    assert held.answer("Can we ship it?") == held.answer("Can we ship it?")


@pytest.mark.skipif(not near.installed(), reason="no sentence embeddings")
@pytest.mark.slow
def test_paraphrases_are_answered_and_what_no_run_holds_is_not(runs):
    ready = ask.prepared(told(runs[VerdictKind.HELD]), embed=True)
    assert (
        "The verdict is held" in ready.answer("Our shareholders meet on Monday. Was the model let through in the end?").statements[0].text
    )
    assert ready.answer("Why should we attack our own model before others do?").statements[0].source.endswith("Red-teaming")
    for question in ("Does it get pizza toppings wrong?", "How well does base32 work on it?", "Who cleans the office?"):
        assert not ready.answer(question).answered
    settings = ready.answer("Which learning rate did supervised training use?").statements[0]
    assert "finetune.sft.lr to 3e-05" in settings.text


def test_what_is_told_before_a_question_need_not_be_understood(held):
    told_first = "Our shareholders grumble. How many points did harm change by through the training, please?"
    assert core(told_first) == "How many points did harm change by through the training, please?"
    assert core("Let me put it simply: how much harm is delivered after training?") == "how much harm is delivered after training?"
    assert core("Whose values do we mean: the user's or the company's, or those of others?").startswith("Whose values")
    assert core("It is safer. Why is that?") == "It is safer. Why is that?"
    assert core("Tell me the verdict.") == "Tell me the verdict."
    assert held.answer("Our shareholders grumble. What is the verdict on this model now?").answered
    assert not held.answer("We deploy in Klingon. How often does it refuse in that language, please?").answered
