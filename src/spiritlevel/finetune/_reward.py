"""The objective of a reward model, its heads alone on fixed features, and the temperature."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spiritlevel import stats
from spiritlevel.backends._rows import Row, can_pack, collate
from spiritlevel.errors import DataError, ModelError
from spiritlevel.finetune import _lora, _losses, _ranks
from spiritlevel.finetune._masters import Precision, masters
from spiritlevel.finetune._train import Loop, Objective, Rendered, all_learn, identify, planned
from spiritlevel.finetune.heads import bradley_terry_heads
from spiritlevel.finetune.reward import LEAST_HELD, RewardSettings, bootstrap
from spiritlevel.finetune.train import Curve, Listener
from spiritlevel.judges import _reward
from spiritlevel.judges.reward import About
from spiritlevel.types import Chat, Estimate, Preference, Turn

Floats = NDArray[np.float64]


@dataclass
class Fit:
    """A trained reward model in memory."""

    module: _reward.Rewarder
    reading: _reward.Reading
    offset: tuple[float, ...]
    temperature: tuple[float, ...]
    curve: Curve
    held: Estimate | None
    pairs: int
    """Trained on."""

    def save(self, about: About, folder: Path) -> None:
        """Write it for judges.reward.opened."""
        _reward.save(self.module, self.reading, about.model_dump(mode="json"), folder)


def fit(
    folder: Path,
    adapter: Path | None,
    name: str,
    preferences: Sequence[Preference],
    groups: Sequence[str],
    held: Sequence[int],
    settings: RewardSettings,
    scratch: Path,
    progress: Listener | None = None,
) -> Fit:
    """Train a fresh head, and the body unless it is frozen, on all pairs but `held`; a call after a kill continues."""
    began = time.monotonic()
    module, reading = _reward.begin(folder, adapter, name, settings.heads, seed=settings.seed)
    reading.longest = min(reading.longest, settings.max_length)
    precision: Precision = "bfloat16" if next(module.body.parameters()).dtype is torch.bfloat16 else "float32"
    module.eval()
    apart = set(held)
    data, test = Rendered(), Rendered()
    used: list[int] = []
    tested: list[int] = []
    for i, pair in enumerate(preferences):
        into = test if i in apart else data
        rows = tuple(
            _row(reading, pair.chat, text, cut, into)
            for text, cut in ((pair.chosen, pair.chosen_truncated), (pair.rejected, pair.rejected_truncated))
        )
        if None in rows or rows[0] == rows[1]:
            data.skipped += 1
            continue
        into.rows.append(tuple(row for row in rows if row is not None))
        (used if into is data else tested).append(i)
    if not data.rows:
        raise DataError(f"no pair is left to train a reward model on ({data.skipped} identical or longer than {reading.longest} tokens)")
    sure, margin = (torch.tensor([getattr(preferences[i], field) for i in used]) for field in ("sure", "margin"))
    weights = torch.from_numpy(bootstrap([groups[i] for i in used], settings.heads, settings.seed))
    curve = Curve(skipped=data.skipped, cut=data.cut, precision=precision)
    if settings.frozen:
        _heads_alone(module, data, sure, margin, weights)
    else:
        _ranks.together(_whole, module, data, sure, margin, weights, settings, precision, scratch, curve, listener=progress)
    module.to(torch.bfloat16 if precision == "bfloat16" else torch.float32)
    module.head.float()
    raw = _pairs(module, data)
    if not np.isfinite(raw).all():
        raise ModelError("the reward model's scores are not finite; lower the learning rate or look for broken weights")
    if (np.ptp(raw.reshape(-1, settings.heads), axis=0) == 0).any():
        raise ModelError("the reward model gives every answer the same score; raise the learning rate or give other pairs")
    offset = raw.mean(axis=(0, 1))
    temperature, accuracy = np.ones(settings.heads), None
    if test.rows:
        scores = _pairs(module, test)
        difference = scores[:, 0] - scores[:, 1]
        if len(test.rows) >= LEAST_HELD:
            temperature = np.asarray([cooled(column) for column in difference.T])
        right = ((difference / temperature).mean(axis=1) > 0).astype(float)
        accuracy = stats.rate(right, [groups[i] for i in tested], name="accuracy on held pairs")
    curve.seconds = time.monotonic() - began
    return Fit(module, reading, tuple(map(float, offset)), tuple(map(float, temperature)), curve, accuracy, len(data.rows))


def _row(reading: _reward.Reading, chat: Chat, answer: str, cut: bool, data: Rendered) -> Row | None:
    """A side of a pair; an answer past the limit loses its end, a prompt that fills it leaves nothing to compare."""
    whole = (*chat, Turn(role="assistant", content=answer))
    row = reading.row(whole, cut)
    if row is not None:
        return row
    try:
        ids, start = reading.renderer.labelled(whole, True)
    except DataError:
        return None
    if start >= reading.longest - 1:
        return None
    data.cut += 1
    return _reward.ending(ids[: reading.longest])


def _whole(
    module: _reward.Rewarder,
    data: Rendered,
    sure: Tensor,
    margin: Tensor,
    weights: Tensor,
    settings: RewardSettings,
    precision: Precision,
    scratch: Path,
    curve: Curve,
    progress: Listener | None,
) -> None:
    """The part of a training that every rank takes; module and curve are changed in place."""
    more = (sure.tolist(), margin.tolist(), weights.tolist())
    identity = _ranks.first(lambda: identify(module, "reward", data.rows, settings, precision, *more))
    steps = planned(module, data.rows, settings)
    if settings.lora_rank:
        module.body = _lora.attach(module.body, settings.lora_rank, settings.seed, task=None)
        module.head.requires_grad_(True)
    with all_learn(module, only_marked=settings.lora_rank is not None), masters(module, precision) as held:
        objective = compared(module, data.rows, sure, margin, weights, settings.centre)
        Loop(held, "reward", data.rows, settings, steps, objective).run(curve, scratch, identity, progress)
    if settings.lora_rank:
        module.body = _lora.merge(module.body)


def compared(
    module: _reward.Rewarder, rows: Sequence[tuple[Row, ...]], sure: Tensor, margin: Tensor, weights: Tensor, centre: float
) -> Objective:
    """Bradley-Terry on (chosen, rejected) rows: the mean over heads, each pair weighing as its head's bootstrap says."""

    def loss(batch: Sequence[int], items: Sequence[tuple[Row, ...]]) -> tuple[Tensor, int]:
        device, at = module.head.weight.device, list(batch)
        both = collate([rows[i][side] for side in (0, 1) for i in batch], device=device, pack=can_pack(module))
        chosen, rejected = module(both).chunk(2)
        p, m, w = (t[at].to(device) for t in (sure, margin, weights))
        losses = _losses.bradley_terry(chosen, rejected, m[:, None], p[:, None]) + centre * _losses.centring(chosen, rejected)
        right = int((chosen.mean(1) > rejected.mean(1)).sum().item())
        return (losses * w).mean(1).sum() / len(items), right

    return loss


def _heads_alone(module: _reward.Rewarder, data: Rendered, sure: Tensor, margin: Tensor, weights: Tensor) -> None:
    features = [_reward.features(module, [rows[side] for rows in data.rows]) for side in (0, 1)]
    found = bradley_terry_heads(features[0] - features[1], sure.numpy(), weights.numpy(), margin.numpy())
    with torch.no_grad():
        module.head.weight.copy_(torch.from_numpy(found))


def _pairs(module: _reward.Rewarder, data: Rendered) -> Floats:
    """(pairs, 2, heads) raw scores of chosen and rejected."""
    flat = _reward.raw_scores(module, [row for rows in data.rows for row in rows])
    return flat.reshape(len(data.rows), 2, -1).astype(float)


def cooled(difference: Floats) -> float:
    """The temperature T under which s(difference / T) is likeliest on held pairs (Guo 2017, section 4.2); between 1/20 and 20."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda t: float(np.logaddexp(0, -difference / np.exp(t)).mean()), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))
