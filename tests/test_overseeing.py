"""Weak-to-strong from a file to its figures: what is refused, and what a kill leaves."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from spiritlevel import backends, oversight
from spiritlevel.errors import ConfigError, DataError, NeedsWeights
from spiritlevel.evidence import open_run
from spiritlevel.finetune import weak_to_strong
from spiritlevel.finetune.classify import ClassifySettings, Learner

THINGS = ["bank", "school", "river", "garden", "window", "letter", "train", "market", "hotel", "bridge", "harbour", "tower"]
ROWS = [
    {"text": f"the {thing} number {n} is {'safe' if (n + k) % 2 else 'harm'}", "label": (n + k) % 2, "group": f"{thing} {n // 2}"}
    for k, thing in enumerate(THINGS)
    for n in range(8)
]
pytestmark = pytest.mark.usefixtures("one_thread")


def write(folder: Path, rows: list[dict[str, object]]) -> Path:
    file = folder / "texts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def test_rows_are_read(tmp_path: Path):
    found = oversight.read(write(tmp_path, [*ROWS, ROWS[0], {"text": "alone", "label": True}, {"text": "seven", "label": 0, "group": 7}]))
    assert len(found) == len(ROWS) + 2
    assert (found[-2].label, found[-2].group) == (True, "alone")
    assert found[-1].group == "7"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "a"}, r"texts.jsonl:1: not a JSON object with a text, and a label of 0 or 1"),
        ({"label": 1}, r"texts.jsonl:1: not a JSON object with a text"),
        ({"text": "a", "label": "yes"}, "a label of 0 or 1"),
        ({"text": "a", "label": 2}, "a label of 0 or 1"),
        ({"text": ["a"], "label": 1}, "not a JSON object with a text"),
        ({"text": " ", "label": 1}, r"texts.jsonl:1: the text is empty, so nothing can be learned from it; remove the row"),
        ([1], "not a JSON object"),
    ],
)
def test_rows_that_cannot_be_read(tmp_path: Path, row: object, told: str):
    with pytest.raises(DataError, match=told):
        oversight.read(write(tmp_path, [row]))  # type: ignore[list-item]


def test_a_text_with_both_labels_and_a_file_without_texts(tmp_path: Path):
    with pytest.raises(DataError, match=r"texts.jsonl:2: the text 'a' has both labels; keep the right one"):
        oversight.read(write(tmp_path, [{"text": "a", "label": 0}, {"text": "a", "label": 1}]))
    with pytest.raises(DataError, match="holds no texts; give rows with text, label and group"):
        oversight.read(write(tmp_path, []))


def test_supervisors_that_there_are_not():
    strong = oversight.learner("tiny:llama")
    assert oversight.learner("first:1", strong).first == 1
    for spec in ("first:", "first:0", "first:x", "first:-2"):
        with pytest.raises(ConfigError, match=f"{spec!r} names no supervisor; give first:N with a number"):
            oversight.learner(spec, strong)
    with pytest.raises(ConfigError, match="names no supervisor"):
        oversight.learner("first:6", oversight.learner("bag-of-words"))
    with pytest.raises(NeedsWeights, match="weak-to-strong training needs weights"):
        oversight.learner("scripted:mixed")


def test_a_supervisor_that_is_the_student(tmp_path: Path):
    same, texts = oversight.learner("tiny:llama"), oversight.read(write(tmp_path, ROWS))
    with (
        open_run(tmp_path, "x", "x", "") as evidence,
        pytest.raises(ConfigError, match="supervisor and student are the same, 'tiny:llama', so there is no gap to recover"),
    ):
        oversight.run(evidence, texts, same, same, 1, ClassifySettings())


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    from spiritlevel import oversight
    from spiritlevel.evidence import open_run
    from spiritlevel.finetune import weak_to_strong
    from spiritlevel.finetune.classify import ClassifySettings

    whole, done = weak_to_strong.Pupil._one, []

    def counted(*given):
        if len(done) == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(1)
        return whole(*given)

    weak_to_strong.Pupil._one = counted
    strong = oversight.learner("tiny:llama")
    with open_run(Path(sys.argv[1]), "killed", "x", "") as evidence:
        oversight.run(evidence, oversight.read(Path(sys.argv[2])), oversight.learner("bag-of-words"), strong, 2, ClassifySettings())
"""


def test_a_killed_run_goes_on_to_equal_evidence(tmp_path: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch):
    file = write(tmp_path, ROWS)
    calm = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_DEACTIVATE_ASYNC_LOAD": "1", "SPIRITLEVEL_CACHE": str(cache_home)}
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path), str(file)],
        env={**os.environ, **calm},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -9, killed.stderr
    monkeypatch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
    texts, settings = oversight.read(file), ClassifySettings()
    weak, strong = Learner(name="bag-of-words"), Learner(name="tiny:llama", ref=backends.resolve("tiny:llama"))
    trained: list[str] = []
    whole = weak_to_strong.Pupil._one

    def counted(self: object, role: str, *rest: object) -> object:
        trained.append(role)
        return whole(self, role, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(weak_to_strong.Pupil, "_one", counted)
    found = []
    for name in ("killed", "alone"):
        with open_run(tmp_path, name, "x", "") as evidence:
            found.append((oversight.run(evidence, texts, weak, strong, 2, settings), evidence.digest()))
    assert found[0][0].model_dump_json() == found[1][0].model_dump_json()
    assert found[0][1] == found[1][1]
    # of eight trainings five were done before the kill, and none is done twice
    assert [trained.count(role) for role in ("weak", "ceiling", "plain", "confident")] == [2, 2, 3, 4]
    assert found[0][0].weak.value > 0.9
    assert "not shown to be better" in found[0][0].refused


@pytest.mark.data
@pytest.mark.bundled
@pytest.mark.slow
def test_the_bundled_model_overseen_on_real_texts(tmp_path: Path):
    data = Path(__file__).parents[2] / "shared" / "data" / "cls_ethics_commonsense.jsonl"
    if not data.is_file():
        pytest.skip("the shared public data is not beside the project")
    lines = data.read_text("utf-8").splitlines()[:300]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    texts, strong = oversight.read(tmp_path / "texts.jsonl"), oversight.learner("bundled")
    with open_run(tmp_path, "w2s", "w2s", "") as evidence:
        found = oversight.run(evidence, texts, oversight.learner("first:6", strong), strong, 3, ClassifySettings())
    assert sum(found.overseen.texts) == 300
    assert found.ceiling.value > 0.55
    assert (found.refused == "") == all(one.recovered for one in found.students)
    for one in (found.weak, found.ceiling, found.gap, *(s.accuracy for s in found.students), *(s.imitation for s in found.students)):
        assert one.low <= one.value <= one.high
