"""Tasks of other tools on our models, by the tools themselves where they are installed; and what is said where they are not."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spiritlevel import backends
from spiritlevel.errors import ConfigError, DataError, MissingExtra, NeedsWeights, SpiritlevelError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.measure.suites import Settings, Suited, tasks
from spiritlevel.types import Grade, Lineage, Use

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]
YAML = """task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {rows}}}
test_split: train
output_type: {form}
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
{more}
"""
CHOICE = 'doc_to_choice: "{{choices}}"\ndoc_to_target: "{{answer}}"\nmetric_list: [{metric: acc}, {metric: acc_norm}]'
REPLY = (
    'doc_to_target: "{{choices[answer]}}"\ngeneration_kwargs: {until: ["\\n"], max_gen_toks: 8}\n'
    "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]"
)
INSPECT = '''
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, GenerateConfig
from inspect_ai.scorer import Score, includes, mean, scorer
from inspect_ai.solver import generate, solver, use_tools
from inspect_ai.tool import tool

SAMPLES = [Sample(id=i, input=f"Say {w}, for the {i}th time", target=w) for i, w in enumerate(["yes", "no"] * 10)]


@tool
def look():
    async def execute(at: str) -> str:
        """Look.

        Args:
            at: Where.
        """
        return at
    return execute


@scorer(metrics=[mean()])
def grade():
    async def score(state, target):
        return Score(value=int(state.sample_id) % 10)
    return score


@solver
def breaks():
    async def solve(state, generate):
        if int(state.sample_id) < 3:
            raise ValueError("lost")
        return await generate(state)
    return solve


@task
def says():
    return Task(dataset=MemoryDataset(SAMPLES), solver=generate(), scorer=includes())


@task
def often():
    how = GenerateConfig(temperature=1.0)
    return Task(dataset=MemoryDataset(SAMPLES[::2]), solver=generate(), scorer=includes(), epochs=4, config=how)


@task
def grades():
    return Task(dataset=MemoryDataset(SAMPLES), solver=generate(), scorer=[grade(), includes()])


@task
def fails():
    return Task(dataset=MemoryDataset(SAMPLES), solver=breaks(), scorer=includes())


@task
def tools():
    return Task(dataset=MemoryDataset(SAMPLES), solver=[use_tools(look()), generate()], scorer=includes())


@task
def pictures():
    seen = [ChatMessageUser(content=[ContentImage(image="data:image/png;base64,AA==")])]
    return Task(dataset=MemoryDataset([Sample(input=seen, target="a")]), solver=generate(), scorer=includes())
'''


def asked(name: str, spec: str, *, after: str | None = None, journal: MemoryJournal | None = None, most: int = 0) -> Suited:
    refs = backends.resolve(spec), None if after is None else backends.resolve(after)
    return tasks.run(journal or MemoryJournal(), *refs, name, Settings(most=most))


@pytest.mark.parametrize("name", ["arc_easy", "helm/arc", "lm-eval/", "inspect", "", "lm-eval/ "])
def test_a_name_that_is_no_task_is_one_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match="names no task; write lm-eval/NAME"):
        tasks.parts(name)


@pytest.mark.parametrize(("tool", "package"), [("lm-eval", "lm_eval"), ("inspect", "inspect_ai")])
def test_without_the_tool_its_extra_is_named(tool: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"spiritlevel.measure.suites._{tool.replace('-', '_')}", raising=False)
    import spiritlevel.measure.suites as package_of

    monkeypatch.delattr(package_of, f"_{tool.replace('-', '_')}", raising=False)
    with pytest.raises(MissingExtra, match=rf"spiritlevel\[{tool}\]"):
        asked(f"{tool}/arc_easy", "tiny:llama")


# lm-evaluation-harness


@pytest.fixture
def harness() -> Any:
    """The harness, where it is installed."""
    return pytest.importorskip("lm_eval", exc_type=ImportError)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    """Write a task of the harness on sums; returns its name here."""

    def write(more: str = CHOICE, form: str = "multiple_choice", name: str = "sums", n: int = 24, **row: Any) -> str:
        rows = [
            {"question": f"What is {i} plus {i}?", "choices": [str(2 * i), " none of these"][:: 1 - 2 * (i % 2)], "answer": i % 2, **row}
            for i in range(n)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
        text = YAML.format(name=name, rows=tmp_path / f"{name}.jsonl", form=form, more=more)
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
        return f"lm-eval/{tmp_path / f'{name}.yaml'}"

    return write


def test_choices_are_scored_as_the_harness_scores_them(harness: Any, written: Callable[..., str], tmp_path: Path) -> None:
    """Its own `hf` model on the same weights: the same figures, and log-probabilities to the fourth place."""
    from spiritlevel.measure.suites import _lm_eval

    journal, ref = MemoryJournal(), backends.resolve("tiny:llama")
    name = written(CHOICE + "\nnum_fewshot: 1\nfewshot_split: train")
    model = backends.open_weights(ref, journal)
    model.module.save_pretrained(tmp_path / "weights")  # type: ignore[attr-defined]
    model.tokenizer.save_pretrained(tmp_path / "weights")  # type: ignore[attr-defined]
    task = name.removeprefix("lm-eval/")
    theirs = importlib.import_module("lm_eval.models.huggingface").HFLM(pretrained=str(tmp_path / "weights"), device="cpu", dtype="float32")
    loaded = {"tasks": _lm_eval._loaded(task)}
    found = harness.evaluate(theirs, loaded, bootstrap_iters=0, log_samples=True)
    ours = asked(name, "tiny:llama", journal=journal)
    for one in ours.measurements:
        metric = one.estimate.name.rpartition("/")[2]
        assert one.estimate.value == pytest.approx(found["results"]["sums"][f"{metric},none"])
    own = _lm_eval.Harness(journal, model, "lm-eval/sums")
    requests = loaded["tasks"]["sums"].instances
    expected = theirs.loglikelihood(requests, disable_tqdm=True)
    for (value, greedy), (other, wanted) in zip(own.loglikelihood(requests), expected, strict=True):
        assert value == pytest.approx(other, abs=1e-3)
        assert greedy == wanted
    assert {one.estimate.n for one in ours.measurements} == {24}
    assert ours.effort[0][1].endswith("log-probabilities after plain text, 1 examples")


def test_a_task_is_measured_as_a_suite_is(harness: Any, written: Callable[..., str]) -> None:
    journal, name = MemoryJournal(), written()
    found = asked(name, "tiny:llama", after="tiny:llama-1", journal=journal)
    assert [(one.estimate.name, one.phase) for one in found.measurements] == [
        (f"suite:lm-eval/sums/{metric}", phase) for metric in ("acc", "acc_norm") for phase in ("before", "after", "change")
    ]
    assert all(one.estimate.low < one.estimate.high and one.rows for one in found.measurements)
    assert found.notes == (f"{name}: the licence of its data is not known; see to it before you publish",)
    stored = len(journal.stored)
    assert asked(name, "tiny:llama", after="tiny:llama-1", journal=journal) == found
    assert len(journal.stored) == stored


def test_rows_that_training_met_are_spent(harness: Any, written: Callable[..., str]) -> None:
    from spiritlevel import firewall
    from spiritlevel.types import Prompt

    journal, ref, text = MemoryJournal(), backends.resolve("tiny:llama"), "What is 3 plus 3, and why?"
    [atom] = firewall.atoms_of([Prompt(id="", text=text, goal=text, principle="")])
    uses = (Use(model=ref.key, atom=atom, how="train"),)
    journal.record(Lineage(weights=ref.weights, body=ref.weights, uses=uses, history="known"))
    assert asked(written(), "tiny:llama", journal=journal).measurements[0].grade is not Grade.SPENT
    name = written(name="met", question=text)
    assert asked(name, "tiny:llama", journal=journal).measurements[0].grade is Grade.SPENT


def test_replies_end_where_the_task_says(harness: Any, written: Callable[..., str], scripted: Callable[..., str]) -> None:
    rules = [(f"What is {i} plus", f"{2 * i}\nand so on") for i in range(0, 24, 2)]
    name = written(REPLY, "generate_until", "says")
    [one] = asked(name, scripted("none", *rules)).measurements
    assert one.estimate.name == "suite:lm-eval/says/exact_match"
    assert (one.estimate.value, one.estimate.n) == (0.5, 24)
    [one] = asked(name, scripted("none", *rules), most=5).measurements
    assert one.estimate.n == 5


def test_a_question_past_the_context_is_an_errored_row(harness: Any, written: Callable[..., str]) -> None:
    name = written(n=3, question="rain " * 3000)
    found = asked(name, "tiny:llama")
    assert [(one.errored, one.estimate.n) for one in found.measurements] == [(3, 0)] * 2


@pytest.mark.parametrize(
    ("more", "form", "spec", "fault", "said"),
    [
        (CHOICE, "multiple_choice", "scripted:complies", NeedsWeights, "scored by log-probabilities, which need weights"),
        (REPLY, "loglikelihood_rolling", "tiny:llama", DataError, "how likely whole documents are"),
        (REPLY + "\nunsafe_code: true", "generate_until", "tiny:llama", DataError, "executes what the model writes"),
        (CHOICE.replace("choices", "no_such_field"), "multiple_choice", "tiny:llama", DataError, "cannot run the task"),
    ],
)
def test_a_task_that_cannot_be_run_is_one_sentence(
    harness: Any, written: Callable[..., str], more: str, form: str, spec: str, fault: type[SpiritlevelError], said: str
) -> None:
    with pytest.raises(fault, match=said) as caught:
        asked(written(more, form), spec)
    assert "\n" not in str(caught.value)


def test_a_task_that_the_harness_has_not_is_one_sentence(harness: Any) -> None:
    with pytest.raises(DataError, match="has no task 'no_such_task', nor is there such a file"):
        asked("lm-eval/no_such_task", "tiny:llama")


# Inspect


@pytest.fixture
def inspect_task(tmp_path: Path) -> Callable[..., str]:
    """The name of one of a file's tasks, or of the file. Skipped where Inspect is not installed."""
    pytest.importorskip("inspect_ai", exc_type=ImportError)

    def write(task: str, text: str = INSPECT) -> str:
        (tmp_path / "file.py").write_text(text, "utf-8")
        return f"inspect/{tmp_path / 'file.py'}{task and '@'}{task}"

    return write


def test_a_task_of_inspect_is_asked_of_our_model(inspect_task: Callable[..., str], scripted: Callable[..., str]) -> None:
    name, journal, spec = inspect_task("says"), MemoryJournal(), scripted("No.", ("Say yes", "Yes."))
    found = asked(name, spec, after="scripted:complies", journal=journal)
    assert [(one.estimate.name, one.phase, one.estimate.value) for one in found.measurements[:2]] == [
        ("suite:inspect/says/includes", "before", 1.0),
        ("suite:inspect/says/includes", "after", 0.0),
    ]
    assert found.measurements[2].estimate.value == -1
    assert all(one.estimate.n == 20 and one.grade is Grade.KIN and one.rows for one in found.measurements)
    assert found.notes == (f"{name}: the licence of its data is not known; see to it before you publish",)
    stored = len(journal.stored)
    assert asked(name, spec, after="scripted:complies", journal=journal) == found
    assert len(journal.stored) == stored
    assert asked(name, spec, most=4).measurements[0].estimate.n == 4


def test_epochs_are_replies_of_their_own_and_one_group(inspect_task: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text("default: [yes it is, of course]\n", "utf-8")
    [one] = asked(inspect_task("often"), f"scripted:{tmp_path / 'script.yaml'}").measurements
    assert one.estimate.n == 10
    assert 0.1 < one.estimate.value < 0.9


@pytest.mark.parametrize(
    ("task", "text", "said"),
    [
        ("tools", INSPECT, "hands its model tools"),
        ("pictures", INSPECT, "shows pictures"),
        ("", "x = 1\n", "Inspect finds no task|cannot run the task"),
        ("nothing", INSPECT, "Inspect finds no task|cannot run the task"),
        ("", "raise ValueError('one\\ntwo')\n", "cannot run the task"),
    ],
)
def test_a_task_that_ours_cannot_do_is_one_sentence(inspect_task: Callable[..., str], task: str, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        asked(inspect_task(task, text), "scripted:complies")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_sentence(inspect_task: Callable[..., str]) -> None:
    with pytest.raises(DataError, match=r"Inspect finds no task|cannot run the task"):
        asked(inspect_task("says").replace("file", "gone"), "scripted:complies")


def test_grades_from_one_to_ten_are_no_share(inspect_task: Callable[..., str]) -> None:
    found = asked(inspect_task("grades"), "scripted:complies")
    assert [one.estimate.name for one in found.measurements] == ["suite:inspect/grades/includes"]
    assert any("suite:inspect/grades/grade is no share of rows" in note for note in found.notes)


def test_a_sample_that_fails_is_an_errored_row(inspect_task: Callable[..., str]) -> None:
    [one] = asked(inspect_task("fails"), "scripted:complies").measurements
    assert (one.errored, one.estimate.n) == (3, 17)
