"""Agreement with trl 1.16, the field's reference: losses to 1e-3, gradients to 1e-2 relative."""

import copy
import os

import pytest
import torch

from spiritlevel.backends._rows import Row, collate
from spiritlevel.finetune import _losses
from spiritlevel.finetune._logps import logps, sequence_logps

pytestmark = pytest.mark.filterwarnings("ignore")
PROMPTS = [(1, 5, 9), (1, 6), (1, 8, 9, 10)]
CHOSEN = [(7, 2), (11, 12, 13, 2), (14, 2)]
REJECTED = [(20, 21, 22, 2), (23, 2), (24, 25, 2)]


@pytest.fixture
def trl(monkeypatch):
    monkeypatch.setitem(os.environ, "HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    return pytest.importorskip("trl", minversion="1.16")


@pytest.fixture
def tokenizer():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"w{i}": i for i in range(64)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")),
        eos_token="w2",
        pad_token="w0",
        bos_token="w1",
        unk_token="w0",
    )


def model_of(tiny):
    model = tiny().requires_grad_(True)
    model.config.pad_token_id = 0
    model.model.embed_tokens.padding_idx = None
    return model


def rows(answers):
    return [Row(p + a, len(p)) for p, a in zip(PROMPTS, answers, strict=True)]


def same(ours, theirs):
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert (a.grad - b.grad).norm() <= 1e-2 * b.grad.norm() + 1e-7, name


def test_sft_agrees(trl, tiny, tokenizer, tmp_path):
    from datasets import Dataset

    ours = model_of(tiny)
    theirs = copy.deepcopy(ours)
    data = [{"input_ids": list(r.ids), "labels": [-100] * r.start + list(r.ids[r.start :])} for r in rows(CHOSEN)]
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path),
        report_to=[],
        use_cpu=True,
        bf16=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer = trl.SFTTrainer(model=theirs, args=arguments, train_dataset=Dataset.from_list(data), processing_class=tokenizer)
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(copy.deepcopy(data)))
    loss.backward()
    mine = _losses.sft(logps(ours, collate(rows(CHOSEN))))
    mine.backward()
    assert mine.item() == pytest.approx(loss.item(), abs=1e-3)
    same(ours, trainer.model)


@pytest.mark.parametrize("kind", ["sigmoid", "ipo", "sigmoid_norm", "sigmoid+sft"])
def test_dpo_agrees(trl, tiny, tokenizer, tmp_path, kind):
    from datasets import Dataset

    ours = model_of(tiny)
    reference = copy.deepcopy(ours)
    with torch.no_grad():
        for p in ours.parameters():  # away from the reference, where all gradients but one vanish from view
            p.add_(0.02 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    theirs = copy.deepcopy(ours)
    both = collate(rows(CHOSEN) + rows(REJECTED))
    with torch.no_grad():
        fixed = sequence_logps(logps(reference, both), both.counts)
    data = [
        {"prompt_ids": list(p), "chosen_ids": list(c), "rejected_ids": list(r), "ref_chosen_logps": rc, "ref_rejected_logps": rr}
        for p, c, r, rc, rr in zip(PROMPTS, CHOSEN, REJECTED, fixed[:3].tolist(), fixed[3:].tolist(), strict=True)
    ]
    arguments = trl.DPOConfig(
        output_dir=str(tmp_path),
        report_to=[],
        use_cpu=True,
        bf16=False,
        beta=0.3,
        loss_type=kind.split("+"),
        loss_weights=[1.0, 0.5] if "+" in kind else None,
    )
    raw = Dataset.from_list([{"prompt": "w5", "chosen": " w7", "rejected": " w8"}])
    trainer = trl.DPOTrainer(model=theirs, ref_model=reference, args=arguments, train_dataset=raw, processing_class=tokenizer)
    trainer.precompute_ref_logps = True
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(data))
    loss.backward()
    flat = logps(ours, both)
    sums, counts = sequence_logps(flat, both.counts), torch.tensor(both.counts)
    if kind in ("ipo", "sigmoid_norm"):
        sums, fixed = _losses.per_token(sums, counts), _losses.per_token(fixed, counts)
    scores = (sums[:3], sums[3:], fixed[:3], fixed[3:])
    mine = (_losses.ipo(*scores, 0.3) if kind == "ipo" else _losses.dpo(*scores, 0.3)).mean()
    if "+" in kind:
        mine = _losses.rpo(mine, _losses.sft(flat[: sum(both.counts[:3])]), 0.5)
    mine.backward()
    assert mine.item() == pytest.approx(loss.item(), abs=1e-3)
    same(ours, trainer.model)


@pytest.mark.parametrize("algorithm", ["rloo", "grpo", "dr_grpo"])
def test_policy_losses_agree(trl, tiny, tokenizer, tmp_path, algorithm):
    from datasets import Dataset

    from spiritlevel.finetune._objective import Step
    from spiritlevel.finetune._rollouts import Rollout
    from spiritlevel.finetune.policy import KlSettings, PolicySettings, RolloutSettings

    answers = [[(7, 2), (11, 12, 13, 2)], [(23, 24, 25, 26), (2,)], [(14, 2), (20, 21, 22, 2)]]
    rewards = torch.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 2.5]])
    reference = model_of(tiny)
    old = copy.deepcopy(reference)
    ours = copy.deepcopy(reference)
    for model, seed in ((old, 1), (ours, 2)):  # three policies apart, so that ratios and clipping and KL all show
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.01 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel() + seed)))
    theirs = copy.deepcopy(ours)
    theirs.save_pretrained(tmp_path / "model")  # their reference is loaded by name; it takes no part in the loss itself
    theirs.config._name_or_path = str(tmp_path / "model")
    drawn = [Rollout(Row(p + a, len(p)), "", a[-1] != 2) for p, group in zip(PROMPTS, answers, strict=True) for a in group]
    settings = PolicySettings(algorithm=algorithm, kl=KlSettings(beta=0.2), rollouts=RolloutSettings(samples=2, max_tokens=4))
    step = Step(old, reference, None, drawn, rewards, 0.2, settings)
    step.accumulate(backward=False)  # before the update
    step.trained = ours
    mine = step.accumulate(backward=True)

    own = {} if algorithm == "rloo" else {"loss_type": algorithm, "scale_rewards": "group" if algorithm == "grpo" else "none"}
    config, trainer_class = (trl.RLOOConfig, trl.RLOOTrainer) if algorithm == "rloo" else (trl.GRPOConfig, trl.GRPOTrainer)
    arguments = config(
        output_dir=str(tmp_path),
        report_to=[],
        use_cpu=True,
        bf16=False,
        beta=0.2,
        num_generations=2,
        per_device_train_batch_size=6,
        max_completion_length=4,
        **own,
    )
    raw = Dataset.from_list([{"prompt": "w5"}] * 3)
    trainer = trainer_class(
        model=theirs,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=arguments,
        train_dataset=raw,
        processing_class=tokenizer,
    )
    flat = [a for group in answers for a in group]
    mask = torch.tensor([[1] * len(a) + [0] * (4 - len(a)) for a in flat])
    asked = [p for p in PROMPTS for _ in range(2)]

    def padded(parts):
        out, rows = torch.zeros(6, 4), torch.cat(parts).split([len(a) for a in flat])
        for i, row in enumerate(rows):
            out[i, : len(row)] = row
        return out

    before, held = padded(step.old), padded(step.reference)
    shaped = rewards - 0.2 * ((before - held) * mask).sum(1).view(3, 2) if algorithm == "rloo" else rewards
    # their baselines, written as in their trainers: mean of the siblings, or mean and deviation of the group
    if algorithm == "rloo":
        advantages = shaped - (shaped.sum(1, keepdim=True) - shaped)
    else:
        advantages = shaped - shaped.mean(1, keepdim=True)
        advantages = advantages / (shaped.std(1, keepdim=True) + 1e-4) if algorithm == "grpo" else advantages
    torch.testing.assert_close(step.advantages, advantages)
    inputs = {
        "prompt_ids": torch.tensor([[0] * (4 - len(p)) + list(p) for p in asked]),
        "prompt_mask": torch.tensor([[0] * (4 - len(p)) + [1] * len(p) for p in asked]),
        "completion_ids": torch.tensor([[*a, *[0] * (4 - len(a))] for a in flat]),
        "completion_mask": mask,
        "advantages": advantages.view(-1),
        "old_logps": (before * mask).sum(1),
        "old_per_token_logps": before,
        "ref_per_token_logps": held,
        "num_items_in_batch": mask.sum(),
    }
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer._compute_loss(trainer.model, inputs)
    loss.backward()
    assert mine == pytest.approx(loss.item(), abs=1e-3)
    same(ours, trainer.model)
