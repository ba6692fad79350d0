"""A body with a scalar head, fine-tuned to probabilities of a label; the loop is `_train.py`'s, the targets are `confidence.py`'s."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spiritlevel import _activations, activations
from spiritlevel.backends._rows import Row, can_pack, collate
from spiritlevel.errors import ConfigError, DataError, ModelError
from spiritlevel.finetune import _lora, _ranks, confidence
from spiritlevel.finetune._masters import Precision, masters
from spiritlevel.finetune._train import Loop, all_learn, identify, planned
from spiritlevel.finetune.classify import ClassifySettings, Lesson
from spiritlevel.finetune.train import Curve, Listener
from spiritlevel.judges import _reward
from spiritlevel.types import user

Floats = NDArray[np.float64]


def learned(
    folder: Path,
    adapter: Path | None,
    name: str,
    first: int | None,
    lesson: Lesson,
    read: Sequence[str],
    settings: ClassifySettings,
    scratch: Path,
    listener: Listener | None = None,
) -> Floats:
    """Train, then read: (n,) probabilities of `read`. ConfigError for blocks that the body lacks, DataError for a text that is too long."""
    module, reading = _reward.begin(folder, adapter, name, 1, seed=lesson.seed)
    if first is not None:
        keep_first(module.body, first)
    longest = min(reading.longest, settings.max_length)
    rows, asked = ([_row(reading, text, longest) for text in texts] for texts in (lesson.texts, read))
    precision: Precision = "bfloat16" if next(module.body.parameters()).dtype is torch.bfloat16 else "float32"
    module.eval()
    _ranks.together(_whole, module, [(row,) for row in rows], lesson, settings, precision, scratch, listener=listener)
    module.to(torch.bfloat16 if precision == "bfloat16" else torch.float32)
    module.head.float()
    scores = _reward.raw_scores(module, asked)[:, 0].astype(float)
    if not np.isfinite(scores).all():
        raise ModelError("the classifier's scores are not finite; lower the learning rate or look for broken weights")
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))


def keep_first(body: Any, count: int) -> None:
    """Leave out all blocks after the first `count`, in place; the final norm stays. ConfigError when there are not so many."""
    path, blocks = _activations.blocks(body)
    if not 1 <= count <= len(blocks):
        raise ConfigError(f"the first {count} blocks of {len(blocks)} cannot be taken; choose 1 to {len(blocks)}")
    parent, _, last = path.rpartition(".")
    setattr(body.get_submodule(parent), last, nn.ModuleList(list(blocks)[:count]))
    config = body.config.get_text_config()
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:count]


def _row(reading: _reward.Reading, text: str, longest: int) -> Row:
    """A text up to its last token, as its user's turn; what follows belongs to the template."""
    chat = user(text)
    ids = reading.renderer.prompt(chat)[: activations.span(reading.renderer.prompt, chat)[1]]
    if not 2 <= len(ids) <= longest:
        raise DataError(f"the text {text[:60]!r} has {len(ids)} tokens, and 2 to {longest} can be read; leave it out or shorten it")
    return _reward.ending(ids)


def _whole(
    module: _reward.Rewarder,
    items: list[tuple[Row, ...]],
    lesson: Lesson,
    settings: ClassifySettings,
    precision: Precision,
    scratch: Path,
    progress: Listener | None,
) -> None:
    """The part of a training that every rank takes; the module is changed in place."""
    targets = torch.from_numpy(lesson.targets)
    own = settings.model_copy(update={"seed": lesson.seed})
    identity = _ranks.first(lambda: identify(module, "classify", items, own, precision, targets.tolist(), lesson.alpha))
    if settings.lora_rank:
        module.body = _lora.attach(module.body, settings.lora_rank, lesson.seed, task=None)
        module.head.requires_grad_(True)
    with all_learn(module, only_marked=settings.lora_rank is not None), masters(module, precision) as held:
        loss = Blended(module, items, targets, lesson.alpha)
        loop = loss.loop = Loop(held, "classify", items, own, planned(module, items, own), loss)
        loop.run(Curve(), scratch, identity, progress)
    if settings.lora_rank:
        module.body = _lora.merge(module.body)


class Blended:
    """The objective: cross-entropy to the targets, under the confidence loss to their blend with the student's own answers.

    A step's threshold is found on all its items, by a pass without gradients: a batch of it can be too small to have one.
    """

    loop: Loop

    def __init__(self, module: _reward.Rewarder, items: Sequence[tuple[Row, ...]], targets: Tensor, alpha: float) -> None:
        self.module, self.items, self.targets, self.alpha = module, items, targets, alpha
        self.share = float(targets.mean())
        self.step: object = None
        self.cut = 0.0

    def __call__(self, batch: Sequence[int], items: Sequence[tuple[Row, ...]]) -> tuple[Tensor, int]:
        """As `_train.Objective`; how many answers are the targets' side is counted."""
        logits = self._logits([self.items[i][0] for i in batch])
        weak, seen = self.targets[list(batch)], logits.detach().double().cpu()
        goal = torch.from_numpy(confidence.blended(seen.numpy(), weak.numpy(), self._cut(items), a)) if (a := self._weight()) else weak
        loss = nn.functional.binary_cross_entropy_with_logits(logits, goal.to(logits), reduction="sum") / len(items)
        return loss, int(((seen > 0) == (weak > 0.5)).sum())

    def _weight(self) -> float:
        return confidence.weight(self.loop.done, self.alpha)

    def _cut(self, items: Sequence[tuple[Row, ...]]) -> float:
        if self.step is not items:
            rows = [rows[0] for rows in items]
            with torch.no_grad():
                batches = (_reward.lines if can_pack(self.module) else _reward.passes)(rows)
                scores = np.concatenate([self._logits([rows[i] for i in places]).double().cpu().numpy() for places in batches])
            self.step, self.cut = items, confidence.threshold(scores, self.share)
        return self.cut

    def _logits(self, rows: Sequence[Row]) -> Tensor:
        return self.module(collate(rows, device=self.module.head.weight.device, pack=can_pack(self.module)))[:, 0]
