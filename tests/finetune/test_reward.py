import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from spiritlevel import backends, lineage
from spiritlevel.errors import DataError, ModelError
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.finetune import _losses
from spiritlevel.finetune.heads import bradley_terry_heads
from spiritlevel.finetune.reward import RewardSettings, bootstrap, groups_of, held_out, train_reward
from spiritlevel.judges import _reward
from spiritlevel.judges.reward import open_reward
from spiritlevel.types import CurvePoint, Preference, Turn, user

GOOD, BAD = ("help answer write here", "safe help answer"), ("sorry harm the", "harm not can't the")
PAIRS = tuple(
    Preference(chat=user(f"question {i}"), chosen=GOOD[i % 2], rejected=BAD[i // 2 % 2], by="test", cluster=f"g{i}") for i in range(40)
)
FAST = RewardSettings(epochs=3, lr=3e-3, batch_tokens=400, held=0.25, save_every=1)


@pytest.fixture(scope="module")
def body():
    return backends.resolve("tiny:llama")


def score(journal, made, pairs, side):
    model = open_reward(made.spec, journal)
    return model.score([(*p.chat, Turn(role="assistant", content=getattr(p, side))) for p in pairs])


def test_known_losses():
    chosen, rejected = torch.tensor([2.0]), torch.tensor([0.5])
    assert _losses.bradley_terry(chosen, rejected).item() == pytest.approx(np.log1p(np.exp(-1.5)))
    assert _losses.bradley_terry(chosen, rejected, margin=1.0).item() == pytest.approx(np.log1p(np.exp(-0.5)))
    half = _losses.bradley_terry(chosen, rejected, sure=0.5).item()
    assert half == pytest.approx((np.log1p(np.exp(-1.5)) + np.log1p(np.exp(1.5))) / 2)
    assert _losses.centring(chosen, rejected).item() == 6.25


def test_a_plain_preference_is_learnt_with_its_lineage(body):
    journal = MemoryJournal()
    made = train_reward(journal, body, PAIRS, FAST.model_copy(update={"heads": 3}))
    right = score(journal, made, PAIRS, "chosen") > score(journal, made, PAIRS, "rejected")
    assert right.shape == (40, 3)
    assert right.mean() > 0.9
    points = journal.rows(made.curve, CurvePoint)
    assert points[-1].loss < points[0].loss
    assert {use.atom for use in journal.uses} <= {use.atom for use in made.lineage.uses}
    assert any(use.atom.startswith("labels:") for use in made.lineage.uses)
    folder = journal.path(made.spec.removeprefix("blob:"))
    assert lineage.read(folder) == made.lineage
    assert open_reward(made.spec, journal).identity == made.identity
    assert made.identity.family == body.family
    (folder / "lineage.json").unlink()
    assert not open_reward(made.spec, journal).identity.known_ancestry


def test_heads_alone_leave_the_body_as_it_was(body):
    journal = MemoryJournal()
    made = train_reward(journal, body, PAIRS, FAST.model_copy(update={"frozen": True, "heads": 2}))
    assert (score(journal, made, PAIRS, "chosen") > score(journal, made, PAIRS, "rejected")).mean() > 0.9
    kept = _reward.load(journal.path(made.spec.removeprefix("blob:"))).module.body.state_dict()
    start = _reward.begin(*backends.parts(body, journal), "tiny", 2)[0].body.state_dict()
    assert all(torch.equal(kept[name], start[name]) for name in start)


def test_an_answer_that_ended_is_another_than_one_that_was_cut(body):
    journal = MemoryJournal()
    made = train_reward(journal, body, PAIRS, FAST)
    model = open_reward(made.spec, journal)
    chat = (*PAIRS[0].chat, Turn(role="assistant", content=GOOD[0]))
    ended, cut = model.score([chat, chat], [False, True])[:, 0]
    assert ended != cut


@pytest.mark.parametrize("arch", ["llama", "qwen3", "gemma2", "phi"])
def test_a_score_depends_on_no_neighbour(arch):
    """Packed, padded or alone: the same score. The end is found by length, though the padding id ends a turn in some."""
    journal = MemoryJournal()
    module, reading = _reward.begin(*backends.parts(backends.resolve(f"tiny:{arch}"), journal), arch, 2)
    chats = [user(f"question {i % 3}", prefill="help " * (1 + i % 5)) for i in range(12)]
    rows = [reading.row(chat, i % 2 == 0) for i, chat in enumerate(chats)]
    alone = np.concatenate([_reward.raw_scores(module, [row]) for row in rows])
    assert np.abs(_reward.raw_scores(module, rows) - alone).max() < 1e-4
    assert len({tuple(row) for row in alone.round(4).tolist()}) > 6


def test_an_encoder_is_a_body(tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = backends.parts(backends.resolve("tiny:llama"), MemoryJournal())[0]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    journal = MemoryJournal()
    made = train_reward(journal, backends.resolve(f"path:{tmp_path}"), PAIRS, FAST)
    assert (score(journal, made, PAIRS, "chosen") > score(journal, made, PAIRS, "rejected")).mean() > 0.9


def test_what_cannot_be_scored_is_nan(body):
    journal = MemoryJournal()
    made = train_reward(journal, body, PAIRS, FAST.model_copy(update={"frozen": True}))
    model = open_reward(made.spec, journal)
    long = user("word " * 5000, prefill="help")
    found = model.score([long, user("a", prefill="help"), user("no answer")])
    assert np.isnan(found[:, 0]).tolist() == [True, False, True]


def test_bad_pairs_are_named(body):
    journal = MemoryJournal()
    with pytest.raises(DataError, match="no preferences"):
        train_reward(journal, body, (), FAST)
    same = tuple(p.model_copy(update={"rejected": p.chosen}) for p in PAIRS)
    with pytest.raises(DataError, match=r"no pair is left .*40 identical"):
        train_reward(journal, body, same, FAST)
    long = tuple(p.model_copy(update={"chat": user("word " * 4000)}) for p in PAIRS[:4])
    made = train_reward(journal, body, PAIRS + long, FAST.model_copy(update={"frozen": True, "max_length": 64}))
    assert made.skipped == 4
    bare = tuple(p.model_copy(update={"cluster": ""}) for p in PAIRS)
    assert "name no groups" in train_reward(journal, body, bare, FAST.model_copy(update={"frozen": True})).notes[0]
    empty = (PAIRS[0].model_copy(update={"rejected": ""}), *PAIRS[1:])
    assert train_reward(journal, body, empty, FAST.model_copy(update={"frozen": True})).skipped == 0


def test_a_loss_that_is_not_finite_keeps_the_last_state(body):
    with pytest.raises(ModelError, match="lower the learning rate"):
        train_reward(MemoryJournal(), body, PAIRS, FAST.model_copy(update={"lr": 1e30}))


def test_groups_stay_whole():
    groups = [f"g{i % 10}" for i in range(50)]
    held = held_out(groups, 0.3, 1)
    assert {groups[i] for i in held}.isdisjoint({g for i, g in enumerate(groups) if i not in held})
    weights = bootstrap(groups, 4, 0)
    assert weights.sum(axis=0).tolist() == [50.0] * 4
    assert all(len({w for w, g in zip(column, groups, strict=True) if g == "g3"}) == 1 for column in weights.T)
    assert len(set(groups_of([PAIRS[0], PAIRS[0].model_copy(update={"cluster": ""})]))) == 2


def test_heads_on_features_find_the_direction():
    draw = np.random.default_rng(0)
    x, truth = draw.normal(size=(4000, 3)) * [1, 10, 0.1], np.array([1.0, -0.1, 0.0])
    sure = 1 / (1 + np.exp(-x @ truth))
    found = bradley_terry_heads(x, sure, np.ones((4000, 1)), penalty=1e-6)[0]
    assert np.allclose(found, truth, atol=1e-3)


KILLED = """
import os, signal, sys
from pathlib import Path
from spiritlevel import backends
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.finetune import _reward
from test_reward import FAST, PAIRS
from spiritlevel.finetune.reward import groups_of
journal = MemoryJournal()
body = backends.resolve("tiny:llama")
stop = int(sys.argv[2])
def listen(point, total):
    if point.step == stop:
        os.kill(os.getpid(), signal.SIGKILL)
found = _reward.fit(*backends.parts(body, journal), "tiny", PAIRS, groups_of(PAIRS), [], FAST, Path(sys.argv[1]), listen)
print([p.loss for p in found.curve], found.module.head.weight.sum().item(), found.offset)
"""


def test_killed_in_the_middle_of_a_pass_it_goes_on_to_the_bit(tmp_path):
    def run(folder, stop):
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), str(stop)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
        )

    whole = run(tmp_path / "whole", -1)
    assert whole.returncode == 0, whole.stderr
    assert run(tmp_path / "killed", 4).returncode == -signal.SIGKILL
    assert run(tmp_path / "killed", -1).stdout == whole.stdout


def test_losses_agree_with_trl():
    """trl's RewardTrainer: -logsigmoid(r_w - r_l - margin), and centring as the mean of (r_w + r_l)^2 (its compute_loss, written out)."""
    draw = torch.Generator().manual_seed(0)
    chosen, rejected, margin = (torch.randn(16, generator=draw) for _ in range(3))
    theirs = -torch.nn.functional.logsigmoid(chosen - rejected - margin).mean() + 0.01 * torch.mean((chosen + rejected) ** 2)
    ours = (_losses.bradley_terry(chosen, rejected, margin) + 0.01 * _losses.centring(chosen, rejected)).mean()
    assert torch.isclose(theirs, ours)
