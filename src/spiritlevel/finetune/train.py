"""Supervised training and DPO on weights in hand: settings, and the two calls. The loop is in `_train.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from spiritlevel.types import CurvePoint, Frozen, Lesson, Preference

DpoForm = Literal["dpo", "per_token", "ipo"]
"""DPO on sums, on means per token, or IPO on means per token."""

Listener = Callable[[CurvePoint, int], None]
"""Called after each step with its point and the number of steps in all."""


class StepSettings(Frozen):
    """How the steps of any training go."""

    epochs: int = Field(2, ge=1)
    lr: float = Field(3e-5, gt=0)
    """Peak learning rate of AdamW (no weight decay, gradients clipped at norm 1); cosine to 0."""
    batch_tokens: int = Field(2048, ge=1)
    """About how many tokens an optimiser step sees, prompts and both sides of a pair included."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Fraction of the steps over which the learning rate rises."""
    lora_rank: int | None = Field(None, ge=1)
    """Train rank-r adapters on all linear layers and merge them; none = all weights."""
    seed: int = 0
    max_length: int = Field(1024, ge=8)
    """Longest sequence in tokens; longer answers are cut (and teach no end of turn), longer prompts skipped."""
    save_every: int = Field(50, ge=1)
    """Steps between saves of the training state. Changes nothing in the result."""


class TrainSettings(StepSettings):
    """How one phase of supervised or preference training goes."""

    beta: float = Field(0.1, gt=0)
    """DPO's inverse temperature: larger stays closer to the reference."""
    sft_weight: float = Field(0.0, ge=0)
    """DPO: weight of the chosen answers' mean negative log-likelihood beside it."""


class Curve(list[CurvePoint]):
    """The points of one phase, in order, and what else happened."""

    def __init__(self, points: Sequence[CurvePoint] = (), *, skipped: int = 0, cut: int = 0, precision: str = "") -> None:
        super().__init__(points)
        self.skipped = skipped
        """Lessons or pairs left out: the prompt fills `max_length`, or both answers are the same tokens."""
        self.cut = cut
        """Answers shortened to `max_length`."""
        self.precision = precision
        self.seconds = 0.0
        """Of this process alone."""
        self.resumed_at = 0
        """Steps that an earlier process had done."""


def sft(
    model: Any,
    lessons: Sequence[Lesson],
    settings: TrainSettings,
    scratch: Path,
    listener: Listener | None = None,
    *,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> Curve:
    """Train `model` (local weights, freshly opened) in place on answers, in float32 masters. A call after a kill continues."""
    from spiritlevel.finetune import _train

    chosen = _precision(model, precision)
    curve = _train.sft(model.module, model.render_labelled, lessons, settings, scratch, listener, precision=chosen, eos=_ends(model))
    model.refresh()
    return curve


def dpo(
    model: Any,
    preferences: Sequence[Preference],
    settings: TrainSettings,
    scratch: Path,
    listener: Listener | None = None,
    *,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    form: DpoForm = "dpo",
) -> Curve:
    """Train `model` (local weights, its own reference) in place on pairs, in float32 masters. A call after a kill continues."""
    from spiritlevel.finetune import _train

    chosen, ends = _precision(model, precision), _ends(model)
    curve = _train.dpo(model.module, model.render_labelled, preferences, settings, scratch, listener, precision=chosen, eos=ends, form=form)
    model.refresh()
    return curve


def fingerprint(model: Any) -> str:
    """Fingerprint of the weights by value (lineage.fingerprint), which copies and re-saves in bfloat16 keep."""
    from spiritlevel import lineage

    return str(lineage.fingerprint(model.module.state_dict()))


def save(model: Any, folder: Path, dtype: Literal["float32", "bfloat16"] = "bfloat16") -> None:
    """Weights (safetensors), configuration and tokenizer, loadable by any transformers; the module in hand stays as it is."""
    from spiritlevel.backends import _checkpoint

    _checkpoint.save(model.module, model.tokenizer, folder, dtype)


def _precision(model: Any, asked: Literal["auto", "float32", "bfloat16"]) -> Literal["float32", "bfloat16"]:
    """The format the model was opened in, which the backend chose by timing; masters are float32 in any case."""
    return asked if asked != "auto" else "bfloat16" if str(model.dtype) == "torch.bfloat16" else "float32"


def _ends(model: Any) -> frozenset[int]:
    end = model.renderer.end
    return frozenset() if end is None else frozenset({int(end)})
