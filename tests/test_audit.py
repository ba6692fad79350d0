"""Certify what others trained, and what stays spent however a checkpoint is copied, renamed, merged or saved again."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from spiritlevel import audit, backends, finetune, firewall
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.evidence import open_existing, open_run
from spiritlevel.types import Grade, Lesson, Pair, VerdictKind

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def elsewhere(tuned_run, tmp_path: Path) -> Path:
    """The tuned model of a loop as a stranger gets it: another place, no lineage.json."""
    shutil.copytree(tuned_run.checkpoint, tmp_path / "theirs")
    (tmp_path / "theirs/lineage.json").unlink()
    return tmp_path / "theirs"


def plain(small: Any, after: Path, **more: Any) -> Any:
    return small.config(after=f"path:{after}", finetune=None, interpret=None, measure={"kl_prompts": 2}, **more)


def adopted(root: Path, before: str, after: str, trained_on: tuple[str, ...] = ()) -> Any:
    """What a project in `root` makes of a tuned model, and its grade of an instrument that owes itself to nothing."""
    with open_run(root, "adopt", "0" * 32, "") as evidence:
        return evidence.step(finetune.adopt, backends.resolve(before), backends.resolve(after), trained_on)


def test_undeclared_training_data_is_unknown_ancestry_and_never_approved(small, elsewhere: Path, run_loop, tmp_path: Path):
    finished, _, _ = run_loop(tmp_path / "mine", plain(small, elsewhere), audit=True)
    assert finished.tuned.lineage.history == "unknown"
    assert finished.verdict.kind is not VerdictKind.APPROVED
    assert finished.verdict.attempt == 0  # the sealed set is not wasted on what cannot be approved
    ancestry = next(c for c in finished.verdict.checks if c.threshold == "ancestry")
    assert ancestry.result is VerdictKind.UNPROVEN
    assert "declare its training data" in ancestry.reason
    judged = [m for m in finished.compared.measurements if m.instruments]
    assert judged
    assert all(m.grade is not Grade.INDEPENDENT for m in judged)
    card = (tmp_path / "mine/runs/small/blobs" / finished.card.blob / "model-card.md").read_text()
    assert "unknown" in card.lower()


def test_declared_prompts_are_left_out_of_what_is_tested(small, elsewhere: Path, run_loop, tmp_path: Path):
    first, _, _ = run_loop(tmp_path / "undeclared", plain(small, elsewhere), audit=True)
    with open_existing(tmp_path / "undeclared", "small") as evidence:
        asked = sorted({p.prompt.goal for p in evidence.rows(first.compared.pairs, Pair)})
    given = asked[:4]
    data = tmp_path / "data.jsonl"
    rows = [{"prompt": given[0]}, {"instruction": given[1].upper()}, {"messages": [{"role": "user", "content": given[2] + " !"}]}]
    data.write_text("\n".join(json.dumps(row) for row in [*rows, {"text": given[3]}]) + "\n")
    second, _, _ = run_loop(tmp_path / "declared", plain(small, elsewhere, trained_on=str(data)), audit=True)
    with open_existing(tmp_path / "declared", "small") as evidence:
        left = {p.prompt.goal for p in evidence.rows(second.compared.pairs, Pair)}
        seen: Any = evidence.value("elicit:open")
    assert left
    assert left.isdisjoint(given)
    assert seen.left_out == 4
    assert second.tuned.lineage.history == "declared"
    assert "declared by the auditor" in second.tuned.lineage.note
    assert {u.atom for u in second.tuned.lineage.uses if u.atom.startswith("cluster:")}
    assert not [c for c in second.verdict.checks if c.threshold == "ancestry"]


def test_an_audit_in_the_same_project_knows_its_own_checkpoint(small, tuned_run, run_loop, tmp_path: Path):
    shutil.copytree(tuned_run.root, tmp_path / "project")
    checkpoint = tmp_path / "project/runs/small/blobs" / tuned_run.checkpoint.name
    shutil.copytree(checkpoint, tmp_path / "renamed")
    (tmp_path / "renamed/lineage.json").unlink()
    finished, _, _ = run_loop(tmp_path / "project", plain(small, tmp_path / "renamed"), audit=True, name="audited")
    assert finished.tuned.lineage.history == "known"
    assert "probe-reply" in {c.name for c in finished.tuned.critics}
    assert set(tuned_run.finished.tuned.lineage.uses) <= set(finished.tuned.lineage.uses)


def spent_on(root: Path, tuned: Any) -> frozenset[str]:
    with open_existing(root, "adopt") as evidence:
        return firewall.spent(tuned.lineage, evidence.ledger.lookup)


def resaved(source: Path, target: Path, dtype: str, *, change: float = 0.0) -> Path:
    """Load and save by plain transformers, as anybody would; `change` moves every weight a little."""
    import torch
    import transformers

    module = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype))
    if change:
        torch.manual_seed(1)
        with torch.no_grad():
            for part in module.parameters():
                part.add_(torch.randn_like(part) * part.std().nan_to_num(0.1) * change)
    module.save_pretrained(target)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(target)
    return target


def merged(source: Path, target: Path) -> Path:
    """A LoRA trained no further, given to and merged into the checkpoint by peft, then saved."""
    import peft
    import torch
    import transformers

    module = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own calls of what transformers deprecates
        adapted = peft.get_peft_model(module, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
        with torch.no_grad():
            for name, part in adapted.named_parameters():
                if "lora_B" in name:
                    part.normal_(std=0.02)
        adapted.merge_and_unload().to(torch.bfloat16).save_pretrained(target)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(target)
    return target


@pytest.mark.parametrize("how", ["copied", "renamed", "float32", "bfloat16", "nudged", "merged"])
@pytest.mark.parametrize("known_by", ["ledger", "lineage.json"])
def test_a_checkpoint_stays_spent(tuned_run, tmp_path: Path, how: str, known_by: str):
    lineage = tuned_run.finished.tuned.lineage
    source, target = tuned_run.checkpoint, tmp_path / "again"
    if how in ("copied", "renamed"):
        shutil.copytree(source, target)
    elif how == "merged":
        merged(source, target)
    else:
        resaved(source, target, "float32" if how == "nudged" else how, change=0.02 if how == "nudged" else 0.0)
    if how == "renamed":
        (target / "model.safetensors").rename(target / "model-00001-of-00001.safetensors")
        names = [name for name, _ in _tensors(target)]
        index = {"metadata": {}, "weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors")}
        (target / "model.safetensors.index.json").write_text(json.dumps(index))
    root = tmp_path / "project"
    (target / "lineage.json").unlink(missing_ok=True)
    if known_by == "ledger":
        (root / "runs").mkdir(parents=True)
        shutil.copy(tuned_run.root / "runs/ledger.db", root / "runs/ledger.db")
    elif how in ("nudged", "merged"):  # other weights, in a project that never met them
        assert adopted(root, "tiny:llama", f"path:{target}").lineage.history == "unknown"
        return
    else:
        shutil.copy(source / "lineage.json", target / "lineage.json")
    tuned = adopted(root, "tiny:llama", f"path:{target}")
    spent = spent_on(root, tuned)
    assert {use.atom for use in lineage.uses} <= spent
    assert {f"judge:{judge.id}" for judge in lineage.judges} <= spent
    if how in ("nudged", "merged"):
        assert tuned.lineage.history == "unknown"
        assert "near copy" in tuned.lineage.note
    else:
        assert tuned.lineage.history == "known"


def _tensors(folder: Path) -> Any:
    from spiritlevel.lineage._fingerprint import tensors

    return tensors(folder)


def test_a_lineage_of_other_weights_is_not_believed(tuned_run, tmp_path: Path):
    target = resaved(tuned_run.checkpoint, tmp_path / "moved", "float32", change=0.02)
    shutil.copy(tuned_run.checkpoint / "lineage.json", target / "lineage.json")
    tuned = adopted(tmp_path / "project", "tiny:llama", f"path:{target}")
    assert tuned.lineage.history == "unknown"


def test_a_merged_and_saved_checkpoint_is_never_approved_on_what_taught_it(small, tuned_run, run_loop, tmp_path: Path):
    """Declaring harmless data does not clean a near copy: its ancestor's clusters stay out, and no judge that trained it counts."""
    shutil.copytree(tuned_run.root, tmp_path / "project")
    target = merged(tuned_run.checkpoint, tmp_path / "merged")
    data = tmp_path / "innocent.jsonl"
    data.write_text('{"prompt": "How tall is a giraffe?"}\n')
    config = plain(small, target, trained_on=str(data))
    finished, _, _ = run_loop(tmp_path / "project", config, audit=True, name="audited")
    assert finished.verdict.kind is not VerdictKind.APPROVED
    with open_existing(tmp_path / "project", "small") as evidence:
        taught = {row.cluster for row in evidence.rows(tuned_run.finished.tuned.lessons, Lesson)}
        critics = {f"judge:{c.id}" for c in tuned_run.finished.tuned.critics}
    with open_existing(tmp_path / "project", "audited") as evidence:
        spent = firewall.spent(finished.tuned.lineage, evidence.ledger.lookup)
        assert {p.prompt.cluster for p in evidence.rows(finished.compared.pairs, Pair)}.isdisjoint(taught)
    assert critics <= spent
    assert {f"cluster:{c}" for c in taught if c} <= spent


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no rows"),
        ("{}\n", "1: not a JSON object with one of prompt"),
        ('{"prompt": "a"}\nnot json\n', "2: not a JSON object"),
        ("[1]\n", "1: not a JSON object"),
        ('{"messages": "no list"}\n', "1: not a JSON object"),
        ('{"prompt": 3}\n', "1: not a JSON object with one of"),
    ],
)
def test_bad_training_data_is_one_sentence(tmp_path: Path, text: str, said: str):
    file = tmp_path / "data.jsonl"
    file.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        audit.read_texts(file)
    assert "\n" not in str(caught.value)


def test_missing_training_data_and_missing_after_are_said(small, tmp_path: Path):
    with pytest.raises(DataError, match=r"does not exist; correct --trained-on"):
        audit.read_texts(tmp_path / "none.jsonl")
    config = small.config(finetune=None)
    with open_run(tmp_path, "x", "0" * 32, "") as evidence, pytest.raises(ConfigError, match="audit needs the tuned model"):
        audit.run(config, evidence)


def test_weights_alone_are_judged_with_no_word_on_what_changed(small, elsewhere: Path, run_loop, tmp_path: Path):
    """No base, no declaration: figures are made, nothing says that nothing changed, and nothing is approved."""
    config = small.config(model=f"path:{elsewhere}", after=f"path:{elsewhere}", finetune=None, measure={"kl_prompts": 2})
    finished, _, _ = run_loop(tmp_path / "mine", config, audit=True)
    compared = finished.compared
    assert compared.before == compared.after
    assert {m.phase for m in compared.measurements} == {"after"}
    assert not {m.estimate.name for m in compared.measurements} & {"kl", "kl_noise_floor", "length_ratio", "gap"}
    assert compared.gaps == ()
    assert any("no base is known" in note for note in compared.notes)
    assert finished.tuned.lineage.history == "unknown"
    assert finished.tuned.lineage.parents == ()
    assert finished.verdict.kind is not VerdictKind.APPROVED
    assert finished.verdict.attempt == 0
    gap = next(c for c in finished.verdict.checks if c.threshold == "intent-follows-proxy")
    assert gap.result is VerdictKind.UNPROVEN
    assert "was measured" in gap.reason
    folder = tmp_path / "mine/runs/small/blobs" / finished.card.blob
    report = (folder / "report.html").read_text()
    for text in (report, (folder / "model-card.md").read_text()):
        assert "no base is known" in text
        assert "spiritlevel tamper" in text
    with open_existing(tmp_path / "mine", "small") as evidence:
        inside: Any = evidence.value("interpret.alone")
    assert inside.drift == ()
    assert {m.phase for m in inside.measurements} <= {"after", "single"}
    assert not [m for m in inside.measurements if m.estimate.name.startswith("triggered")]


def test_declared_weights_alone_keep_what_was_declared_and_no_gap_passes(small, elsewhere: Path, run_loop, tmp_path: Path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"prompt": "How tall is a giraffe?"}\n')
    config = plain(small, elsewhere, model=f"path:{elsewhere}", trained_on=str(data))
    finished, _, _ = run_loop(tmp_path / "mine", config, audit=True)
    assert finished.tuned.lineage.history == "declared"
    assert finished.tuned.lineage.parents == ()
    assert finished.verdict.kind is not VerdictKind.APPROVED
    assert next(c for c in finished.verdict.checks if c.threshold == "intent-follows-proxy").result is VerdictKind.UNPROVEN


def test_the_base_is_what_an_adapter_names_and_else_nothing(tmp_path: Path):
    def adapter(name: str, base: Any) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
        return f"path:{tmp_path / name}"

    assert audit.base_of(adapter("one", "bundled@abc")) == "bundled@abc"
    assert audit.base_of(adapter("two", "ORG/NAME")) == "hf:ORG/NAME"
    assert audit.base_of(adapter("three", str(tmp_path))) == f"path:{tmp_path}"
    nameless = adapter("four", None)
    assert audit.base_of(nameless) == nameless
    (tmp_path / "five").mkdir()
    assert audit.base_of(f"path:{tmp_path / 'five'}") == f"path:{tmp_path / 'five'}"
    assert audit.base_of("hf:ORG/NAME") == "hf:ORG/NAME"
