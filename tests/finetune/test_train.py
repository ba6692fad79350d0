import copy
import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from spiritlevel.backends import _checkpoint
from spiritlevel.backends._rows import Row, collate
from spiritlevel.errors import DataError, ModelError
from spiritlevel.finetune import _train
from spiritlevel.finetune._logps import logps, sequence_logps
from spiritlevel.finetune._masters import masters
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.types import Lesson, Preference, Turn, user

FAMILIES = ("llama", "qwen2", "gemma2", "gemma3", "mistral", "phi")
EOS = 2
LESSONS = [Lesson(chat=user(f"{i + 10} {i + 20}"), answer=" ".join(str(30 + (i * k) % 30) for k in range(1, 3 + i % 4))) for i in range(8)]
PAIRS = [Preference(chat=x.chat, chosen=x.answer, rejected="40 41 42 43", by="test") for x in LESSONS]
FAST = TrainSettings(epochs=2, lr=1e-2, batch_tokens=30)


def digest(model):
    return hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.state_dict().values())).hexdigest()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_eight_lessons_are_learned_with_their_end(tiny, render, tmp_path, precision):
    model = tiny()
    settings = TrainSettings(epochs=40, lr=1e-2, batch_tokens=60)
    curve = _train.sft(model, render, LESSONS, settings, tmp_path, precision=precision, eos=frozenset({EOS}))
    assert curve[-1].loss < 0.05 < 1 < curve[0].loss
    assert curve.precision == precision
    assert all(p.dtype == torch.float32 and not p.requires_grad and p.grad is None for p in model.parameters())
    for lesson in LESSONS[:3]:
        ids, start = render((*lesson.chat, Turn(role="assistant", content=lesson.answer)), False)
        said = model.generate(torch.tensor([ids[:start]]), attention_mask=torch.ones(1, start), max_new_tokens=8, do_sample=False)
        assert said[0, start : len(ids)].tolist() == ids[start:], "the answer, and then the end although EOS is also the padding id"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_dpo_orders_the_pairs_and_begins_at_log_two(tiny, render, tmp_path, precision):
    model = tiny()
    settings = TrainSettings(epochs=10, lr=3e-3, batch_tokens=120, beta=0.5, warmup=0)
    curve = _train.dpo(model, render, PAIRS, settings, tmp_path, precision=precision)
    assert curve[0].loss == pytest.approx(math.log(2), abs=1e-6), "same shapes: policy and reference agree exactly before a step"
    assert curve[0].accuracy == 0.0
    assert curve[-1].accuracy == 1.0
    assert curve[-1].loss < 0.3


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_takes_a_step_of_both_kinds(tiny, render, tmp_path, family):
    model = tiny(family)
    before = digest(model)
    settings = TrainSettings(epochs=1, lr=1e-3, batch_tokens=10_000)
    (point,) = _train.sft(model, render, LESSONS, settings, tmp_path / "sft", precision="bfloat16")
    middle = digest(model)
    (other,) = _train.dpo(model, render, PAIRS, settings, tmp_path / "dpo", precision="bfloat16")
    assert len({before, middle, digest(model)}) == 3
    assert math.isfinite(point.loss)
    assert other.loss == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("form", ["dpo", "per_token", "ipo"])
def test_forms_and_the_likelihood_beside_them(tiny, render, tmp_path, form):
    settings = TrainSettings(epochs=6, lr=3e-3, batch_tokens=120, sft_weight=0.5)
    curve = _train.dpo(tiny(), render, PAIRS, settings, tmp_path, precision="float32", form=form)
    assert curve[-1].loss < curve[0].loss


def test_a_loss_does_not_depend_on_how_a_step_is_cut(tiny, render, tmp_path, monkeypatch):
    settings = TrainSettings(epochs=1, lr=1e-3, batch_tokens=10_000, sft_weight=0.3)
    ends = []
    for size in (8, 10_000):
        monkeypatch.setattr(_train, "BATCH_TOKENS", size)
        a, b = tiny(), tiny()
        one = _train.sft(a, render, LESSONS, settings, tmp_path / f"a{size}", precision="float32")
        two = _train.dpo(b, render, PAIRS, settings, tmp_path / f"b{size}", precision="float32")
        ends.append((one[0].loss, two[0].loss, a.state_dict(), b.state_dict()))
    assert ends[0][:2] == pytest.approx(ends[1][:2], rel=1e-5)


def test_small_updates_survive_bfloat16(tiny):
    model = tiny().requires_grad_(True)
    weight = model.model.layers[0].mlp.up_proj.weight
    before = weight.detach().clone()
    with masters(model, "bfloat16") as held:
        assert weight.dtype == torch.bfloat16
        logps(model, collate([Row((1, 5, 9, 2), 1)])).sum().backward()
        assert weight.grad is None
        assert all(p.grad is None or p.grad.dtype == torch.float32 for p in held.params)
        torch.optim.SGD(held.params, lr=1e-6).step()
        held.refresh()
    moved = (weight - before).abs()
    assert weight.dtype == torch.float32
    assert 0 < moved.max() < 1e-4, "far below bfloat16's resolution"


def test_the_end_of_turn_learns_as_an_input_too_although_it_is_the_padding_index(tiny, render, tmp_path):
    model = tiny("qwen2")  # its head is not tied, so only the input side can move this row
    assert model.model.embed_tokens.padding_idx == EOS
    before = model.model.embed_tokens.weight[EOS].clone()
    _train.sft(model, render, LESSONS, FAST, tmp_path, precision="float32")  # the question's own EOS precedes each label
    assert not torch.equal(model.model.embed_tokens.weight[EOS], before)
    assert model.model.embed_tokens.padding_idx == EOS


def test_adapters_are_merged_into_the_same_module(tiny, render, tmp_path):
    model = tiny()
    names, before = set(model.state_dict()), copy.deepcopy(model.state_dict())
    settings = TrainSettings(epochs=20, lr=2e-2, batch_tokens=60, lora_rank=4)
    curve = _train.sft(model, render, LESSONS, settings, tmp_path, precision="bfloat16")
    assert curve[-1].loss < 0.7 * curve[0].loss
    assert set(model.state_dict()) == names
    assert torch.equal(model.state_dict()["model.embed_tokens.weight"], before["model.embed_tokens.weight"])
    assert not torch.equal(model.state_dict()["model.layers.0.mlp.up_proj.weight"], before["model.layers.0.mlp.up_proj.weight"])
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    _train.dpo(model, render, PAIRS, settings, tmp_path / "dpo", precision="bfloat16")
    _checkpoint.save(model, None, tmp_path / "saved", "float32")


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_weights_load_again(tiny, tmp_path, family):
    from transformers import AutoModelForCausalLM

    model = tiny(family)
    batch = collate([Row((1, 5, 9, 2), 1)])
    for dtype, near in (("float32", 1e-6), ("bfloat16", 0.2)):
        _checkpoint.save(model, None, tmp_path / dtype, dtype)
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path / dtype)
        assert str(loaded.dtype) == f"torch.{dtype}"
        torch.testing.assert_close(logps(loaded, batch), logps(model, batch), rtol=0, atol=near)
    assert model.dtype == torch.float32


def test_pairs_of_equal_tokens_are_counted_and_left_out(tiny, render, tmp_path):
    same = Preference(chat=user("10"), chosen="5 6", rejected="5  6", by="test")
    curve = _train.dpo(tiny(), render, [*PAIRS, same], FAST, tmp_path, precision="float32")
    assert curve.skipped == 1
    with pytest.raises(DataError, match=r"No preferences are left.*1 skipped"):
        _train.dpo(tiny(), render, [same], FAST, tmp_path, precision="float32")


def test_nothing_to_learn_is_an_error(tiny, render, tmp_path):
    with pytest.raises(DataError, match="No lessons"):
        _train.sft(tiny(), render, [], FAST, tmp_path)


def test_long_answers_are_cut_without_an_end_and_long_prompts_left_out(tiny, render, tmp_path):
    settings = TrainSettings(epochs=1, max_length=8)
    long = [Lesson(chat=user("10"), answer=" ".join(["5"] * 50)), Lesson(chat=user(" ".join(["5"] * 50)), answer="6")]
    curve = _train.sft(tiny(), render, [*LESSONS[:1], *long], settings, tmp_path, precision="float32")
    assert (curve.cut, curve.skipped) == (1, 1)


def test_wrong_renderings_are_errors(tiny, render, tmp_path):
    ends = frozenset({EOS})
    with pytest.raises(DataError, match="nothing to learn"):
        _train.sft(tiny(), lambda chat, cut: ([1, 2, 3], 3), LESSONS, FAST, tmp_path)
    with pytest.raises(DataError, match="nothing to learn"):
        _train.sft(tiny(), lambda chat, cut: ([1, 2, 3], 0), LESSONS, FAST, tmp_path)
    with pytest.raises(DataError, match="end-of-turn"):
        _train.sft(tiny(), lambda chat, cut: render(chat, True), LESSONS, FAST, tmp_path, eos=ends)
    cut = [x.model_copy(update={"truncated": True}) for x in LESSONS]
    with pytest.raises(DataError, match="as if it had ended"):
        _train.sft(tiny(), lambda chat, cut: render(chat, False), cut, FAST, tmp_path, eos=ends)


def test_a_truncated_answer_is_not_credited_with_an_end(tiny, render, tmp_path):
    seen = []

    def spy(chat, truncated):
        seen.append(render(chat, truncated)[0][-1])
        return render(chat, truncated)

    lessons = [LESSONS[0], LESSONS[0].model_copy(update={"truncated": True})]
    _train.sft(tiny(), spy, lessons, FAST, tmp_path, precision="float32", eos=frozenset({EOS}))
    assert seen[0] == EOS != seen[1]


def test_a_loss_that_is_not_a_number_stops_with_one_sentence_and_the_last_state_stays(tiny, render, tmp_path):
    model = tiny()
    calls = []

    def break_it(point, total):
        calls.append(point.step)
        if point.step == 2:
            module.lm_head.weight.data.fill_(float("nan"))

    module = model
    settings = FAST.model_copy(update={"save_every": 1})
    with pytest.raises(ModelError, match=r"step 3 of \d+: the loss is nan"):
        _train.sft(model, render, LESSONS, settings, tmp_path, break_it, precision="float32")
    from spiritlevel.finetune import _state

    manifest = _state._manifest(tmp_path)
    assert manifest is not None
    assert manifest["step"] == 2


@pytest.mark.parametrize("phase", ["sft", "dpo", "lora"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupted_run_continues_to_the_same_bits(tiny, render, tmp_path, phase, precision):
    class Stop(Exception):
        pass

    def stop_at(step):
        def listener(point, total):
            if point.step == step:
                raise Stop

        return listener

    settings = FAST.model_copy(update={"save_every": 2, "lora_rank": 2 if phase == "lora" else None})

    def go(folder, listener=None):
        model = tiny()
        train = _train.dpo if phase == "dpo" else _train.sft
        return model, train(model, render, PAIRS if phase == "dpo" else LESSONS, settings, folder, listener, precision=precision)

    whole, curve = go(tmp_path / "a")
    assert len(curve) >= 6
    for step in (1, 4, 5):
        with pytest.raises(Stop):
            go(tmp_path / "b", stop_at(step))
    resumed, again = go(tmp_path / "b")
    assert again.resumed_at == 4
    assert list(again) == list(curve)
    assert digest(resumed) == digest(whole)
    finished, last = go(tmp_path / "b")
    assert last.resumed_at == len(curve), "a finished phase is loaded, not trained again"
    assert digest(finished) == digest(whole)


def test_changed_data_or_settings_do_not_continue_old_state(tiny, render, tmp_path):
    _train.sft(tiny(), render, LESSONS, FAST, tmp_path, precision="float32")
    assert _train.sft(tiny(), render, LESSONS[:-1], FAST, tmp_path, precision="float32").resumed_at == 0
    other = FAST.model_copy(update={"lr": 2e-2})
    assert _train.sft(tiny(), render, LESSONS[:-1], other, tmp_path, precision="float32").resumed_at == 0
    assert _train.sft(tiny(seed=1), render, LESSONS[:-1], other, tmp_path, precision="float32").resumed_at == 0
    often = other.model_copy(update={"save_every": 1})
    assert _train.sft(tiny(seed=1), render, LESSONS[:-1], often, tmp_path, precision="float32").resumed_at > 0


def test_dpo_reference_is_the_model_as_given(tiny, render, tmp_path):
    model = tiny()
    rendered = [render((*p.chat, Turn(role="assistant", content=p.chosen)), False) for p in PAIRS]
    batch = collate([Row(tuple(ids), start) for ids, start in rendered])
    expected = sequence_logps(logps(model, batch), batch.counts)
    _train.dpo(model, render, PAIRS, FAST, tmp_path, precision="float32")
    kept = torch.load(tmp_path / "reference.pt", weights_only=True)["logps"]
    torch.testing.assert_close(kept[:, 0], expected, rtol=0, atol=1e-4)


ZYGOTE = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import conftest, torch
from spiritlevel.finetune import _train
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.types import Lesson, Preference, user

torch.set_num_threads(1)
lessons = [Lesson(chat=user(f"{{i + 10}} {{i + 20}}"), answer=" ".join(["31", "33", "35"][: 1 + i % 3])) for i in range(8)]
pairs = [Preference(chat=x.chat, chosen=x.answer, rejected="40 41 42 43", by="test") for x in lessons]
settings = TrainSettings(epochs=6, lr=1e-2, batch_tokens=30, save_every=1)
phase, folder, draw = sys.argv[1], Path(sys.argv[2]), random.Random(7)

def child(where, out):
    model = conftest.tiny()
    train, items = (_train.sft, lessons) if phase == "sft" else (_train.dpo, pairs)
    told = lambda point, total: os.write(out, b".")
    curve = train(model, conftest.render, items, settings, where, told, precision="bfloat16")
    weights = b"".join(p.numpy().tobytes() for p in model.state_dict().values())
    import hashlib
    (where / "result").write_text(hashlib.sha256(weights).hexdigest() + repr(list(curve)))

def attempt(where, kill_after):
    # this process has one thread and never runs a backward pass, so a fork is safe and spares the imports
    inward, outward = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(inward)
        child(where, outward)
        os._exit(0)
    os.close(outward)
    seen = 0
    while seen != kill_after and os.read(inward, 1):
        seen += 1
    if seen == kill_after:
        time.sleep(draw.random() * 0.006)
        os.kill(pid, signal.SIGKILL)
    os.close(inward)
    return os.waitpid(pid, 0)[1]

import torch._dynamo  # slow lazy imports, once for all children

with torch.no_grad():
    conftest.tiny()(torch.tensor([[1, 2]]))
for name in ("whole", "killed"):
    (folder / name).mkdir(parents=True)
assert attempt(folder / "whole", None) == 0
kills = sum(attempt(folder / "killed", draw.randint(0, 3)) == signal.SIGKILL for _ in range(8))
assert attempt(folder / "killed", None) == 0
print(kills, (folder / "whole/result").read_text() == (folder / "killed/result").read_text())
"""


@pytest.mark.parametrize("phase", ["sft", "dpo"])
def test_sigkill_anywhere_ends_with_equal_weights(tmp_path, phase):
    script = tmp_path / "zygote.py"
    script.write_text(ZYGOTE.format(here=str(Path(__file__).parent)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(script), phase, str(tmp_path / "runs")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    kills, equal = done.stdout.split() or ("0", done.stderr)
    assert int(kills) >= 4, done.stderr
    assert equal == "True", done.stderr
