"""The training loop: supervised and DPO, over one `logps`; float32 masters, deterministic by seed, resumable to the bit.

Dropout is off (`eval`), as policy and reference must be scored alike; all that is random is the order, drawn from the seed.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor, nn

from spiritlevel.backends._rows import MOST_PACKED, Row, beginning, can_pack, collate
from spiritlevel.errors import DataError, ModelError
from spiritlevel.finetune import _lora, _losses, _plan, _ranks, _state
from spiritlevel.finetune._logps import check_head, logps, sequence_logps
from spiritlevel.finetune._masters import Masters, Precision, adamw, masters
from spiritlevel.finetune.train import Curve, DpoForm, Listener, StepSettings, TrainSettings
from spiritlevel.types import Chat, CurvePoint, Lesson, Preference, Turn, content_hash

Render = Callable[[Chat, bool], tuple[list[int], int]]
"""(chat that ends with an assistant turn, truncated) -> (token ids, where that turn's labels start)."""

BATCH_TOKENS = 1024
"""Most padded tokens that run at once; a step's gradient adds up over its batches. Bounds memory; more is no faster on a CPU."""


@dataclass
class Rendered:
    """Rows ready to train on, and what was left out or shortened on the way."""

    rows: list[tuple[Row, ...]] = field(default_factory=list)
    """One row a lesson, (chosen, rejected) a preference."""
    smoothing: list[float] = field(default_factory=list)
    skipped: int = 0
    """Prompt alone fills max_length, or chosen and rejected are the same tokens."""
    cut: int = 0
    """Answers shortened to max_length; they then teach no end of turn."""


def sft(
    module: Any,
    render: Render,
    lessons: Sequence[Lesson],
    settings: TrainSettings,
    scratch: Path,
    progress: Listener | None = None,
    *,
    precision: Precision = "bfloat16",
    eos: frozenset[int] = frozenset(),
) -> Curve:
    """Supervised training in place. `eos`, when given, is checked to end every whole answer and no truncated one."""
    data = Rendered()
    for lesson in lessons:
        row = _row(render, lesson.chat, lesson.answer, lesson.truncated, settings.max_length, eos, data)
        if row is None:
            data.skipped += 1
        else:
            data.rows.append((row,))
    return _train(module, "sft", data, settings, scratch, precision, "dpo", progress)


def dpo(
    module: Any,
    render: Render,
    preferences: Sequence[Preference],
    settings: TrainSettings,
    scratch: Path,
    progress: Listener | None = None,
    *,
    precision: Precision = "bfloat16",
    eos: frozenset[int] = frozenset(),
    form: DpoForm = "dpo",
) -> Curve:
    """Direct preference optimisation in place; the module as given is the reference. `1 - sure` is the label smoothing."""
    data = Rendered()
    for pair in preferences:
        chosen = _row(render, pair.chat, pair.chosen, pair.chosen_truncated, settings.max_length, eos, data)
        rejected = _row(render, pair.chat, pair.rejected, pair.rejected_truncated, settings.max_length, eos, data)
        if chosen is None or rejected is None or chosen == rejected:
            data.skipped += 1
        else:
            data.rows.append((chosen, rejected))
            data.smoothing.append(1 - pair.sure)
    return _train(module, "dpo", data, settings, scratch, precision, form, progress)


def _row(render: Render, chat: Chat, answer: str, truncated: bool, max_length: int, eos: frozenset[int], data: Rendered) -> Row | None:
    """Render one answer; None when the prompt leaves no room for it. Wrong renderings are errors, never silent."""
    ids, start = render((*chat, Turn(role="assistant", content=answer)), truncated)
    if not 0 < start < len(ids):
        raise DataError(
            f"The chat template leaves nothing to learn in the answer {answer[:60]!r}; give a longer answer or fix the template."
        )
    if eos and not truncated and eos.isdisjoint(ids[start:]):
        raise DataError(f"The chat template ends no answer with an end-of-turn token (seen for {answer[:60]!r}); fix the template.")
    if eos and truncated and ids[-1] in eos:
        raise DataError(f"The truncated answer {answer[:60]!r} was rendered as if it had ended; render it without an end of turn.")
    if start >= max_length:
        return None
    data.cut += len(ids) > max_length
    return Row(tuple(ids[:max_length]), start)


Objective = Callable[[Sequence[int], Sequence[tuple[Row, ...]]], tuple[Tensor, int]]
"""(numbers of a batch's items, all items of its step) -> its share in the step's mean loss, and how many pairs are ordered rightly."""


def _train(
    module: Any,
    phase: Literal["sft", "dpo"],
    data: Rendered,
    settings: TrainSettings,
    scratch: Path,
    precision: Precision,
    form: DpoForm,
    progress: Listener | None,
) -> Curve:
    if not data.rows:
        raise DataError(f"No {'lessons' if phase == 'sft' else 'preferences'} are left to train on ({data.skipped!r} skipped); give some.")
    began = time.monotonic()
    module.eval()
    check = Row(data.rows[0][0].ids[: data.rows[0][0].start + 1], data.rows[0][0].start)
    check_head(module, check, 1e-3 if next(module.parameters()).dtype == torch.float32 else 0.5)
    curve = Curve(skipped=data.skipped, cut=data.cut, precision=precision)
    _ranks.together(_each, module, phase, data, settings, scratch, precision, form, curve, listener=progress)
    curve.seconds = time.monotonic() - began
    return curve


def _each(
    module: Any,
    phase: Literal["sft", "dpo"],
    data: Rendered,
    settings: TrainSettings,
    scratch: Path,
    precision: Precision,
    form: DpoForm,
    curve: Curve,
    progress: Listener | None,
) -> None:
    """The part of a training that every rank takes; module and curve are changed in place."""
    identity = _ranks.first(lambda: identify(module, phase, data.rows, settings, precision, form, data.smoothing))
    steps = planned(module, data.rows, settings)
    trained = _lora.attach(module, settings.lora_rank, settings.seed) if settings.lora_rank else module
    with _adapters(trained, scratch) if settings.lora_rank else all_learn(module), masters(trained, precision) as held:
        objective: Objective
        if phase == "sft":
            objective = _supervised(trained, data)
        else:
            reference = _reference(trained, data, steps, scratch / "reference.pt", identity)
            objective = _preferred(trained, data, settings, form, reference)
        Loop(held, phase, data.rows, settings, steps, objective).run(curve, scratch, identity, progress)


def planned(module: Any, rows: Sequence[tuple[Row, ...]], settings: StepSettings) -> list[_plan.Step]:
    """Steps and batches of items, each of one or more rows; packed where the module's architecture allows."""
    lengths = [len(item) * max(len(row.ids) for row in item) for item in rows]
    shared = beginning([row for item in rows for row in item]) if can_pack(module) else 0
    most = MOST_PACKED if shared else max(BATCH_TOKENS, max(lengths))
    return _plan.plan(lengths, settings.batch_tokens, most, settings.seed, shared=shared * len(rows[0]) or None, ranks=_ranks.world())


def _score(module: Any, data: Rendered, batch: Sequence[int]) -> tuple[Tensor, tuple[int, ...]]:
    """Flat label log-probabilities of the batch's rows and their counts: all chosen, then all rejected."""
    rows = [data.rows[i][side] for side in range(len(data.rows[0])) for i in batch]
    packed = collate(rows, device=next(module.parameters()).device, pack=can_pack(module))
    return logps(module, packed), packed.counts


def _supervised(module: Any, data: Rendered) -> Objective:
    def loss(batch: Sequence[int], items: Sequence[tuple[Row, ...]]) -> tuple[Tensor, int]:
        flat, _ = _score(module, data, batch)
        return _losses.sft(flat) * (flat.numel() / sum(rows[0].labels for rows in items)), 0

    return loss


def _preferred(module: Any, data: Rendered, settings: TrainSettings, form: DpoForm, references: Tensor) -> Objective:
    """`references` holds (chosen, rejected) log-probabilities of each pair under the untrained module."""

    def loss(batch: Sequence[int], items: Sequence[tuple[Row, ...]]) -> tuple[Tensor, int]:
        flat, counts = _score(module, data, batch)
        pairs = len(batch)
        sums = sequence_logps(flat, counts)
        reference = references[list(batch)].to(flat.device).T
        if form != "dpo":
            per = torch.tensor(counts, device=flat.device)
            sums, reference = _losses.per_token(sums, per), _losses.per_token(reference, per.view(2, pairs))
        scores = (sums[:pairs], sums[pairs:], reference[0], reference[1])
        if form == "ipo":
            losses = _losses.ipo(*scores, settings.beta)
        else:
            smoothing = torch.tensor([data.smoothing[i] for i in batch], device=flat.device)
            losses = _losses.dpo(*scores, settings.beta, smoothing)
        right = int((_losses.margin(*scores) > 0).sum().item())
        total = losses.mean() * (pairs / len(items))
        if settings.sft_weight:
            chosen = flat[: sum(counts[:pairs])]
            total = total + settings.sft_weight * _losses.sft(chosen) * (chosen.numel() / sum(rows[0].labels for rows in items))
        return total, right

    return loss


def _reference(module: Any, data: Rendered, steps: Sequence[_plan.Step], path: Path, identity: str) -> Tensor:
    """(pairs, 2) log-probabilities under the untrained module, in the very batches that training will use: noise then cancels."""
    kept = _ranks.first(lambda: _state.read(path) if path.is_file() else None)
    if kept is not None and kept["identity"] == identity:
        return torch.as_tensor(kept["logps"])
    out = torch.zeros((len(data.rows), 2))
    with torch.no_grad():
        for batch in (batch for step in steps for batch in _ranks.mine(step.batches)):
            out[list(batch)] = sequence_logps(*_score(module, data, batch)).view(2, len(batch)).T.cpu()
    _ranks.summed(out)
    if _ranks.rank() == 0:
        _state.write(path, {"identity": identity, "logps": out})
    return out


@contextmanager
def all_learn(module: Any, *, only_marked: bool = False) -> Iterator[None]:
    """Let every weight learn, or those alone that are marked already; on leaving, each is frozen or not as before.

    An embedding gives no gradient to its `padding_idx`, often the end of turn here; padding itself never reaches a label.
    """
    before = [(p, p.requires_grad) for p in module.parameters()]
    padded = [(m, m.padding_idx) for m in module.modules() if isinstance(m, nn.Embedding)]
    if not only_marked:
        module.requires_grad_(True)
    for embedding, _ in padded:
        embedding.padding_idx = None
    try:
        yield
    finally:
        for embedding, index in padded:
            embedding.padding_idx = index
        for p, learns in before:
            p.requires_grad_(learns)


@contextmanager
def _adapters(adapted: Any, scratch: Path) -> Iterator[None]:
    """Fold adapters back into the module on leaving, also after an error; a finished one is saved alone in scratch/adapter."""
    folder = None
    try:
        yield
        folder = scratch / "adapter" if _ranks.rank() == 0 else None
    finally:
        _lora.merge(adapted, folder)


def identify(module: Any, phase: str, rows: Sequence[tuple[Row, ...]], settings: StepSettings, precision: Precision, *more: object) -> str:
    """What must be equal for saved state to be continued: weights, rows, settings, numerics."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy() if tensor.ndim else str(tensor.item()).encode())
    plain = settings.model_copy(update={"save_every": 1})
    ranks = (_ranks.world(),) if _ranks.world() > 1 else ()  # they add gradients up in another order
    versions = (torch.__version__, transformers.__version__, torch.get_num_threads(), str(next(module.parameters()).device), *ranks)
    return content_hash(phase, plain, precision, versions, digest.hexdigest(), [(r.ids, r.start) for item in rows for r in item], *more)


class Loop:
    """One training run over fixed steps: whatever the objective, the same optimiser, clipping, schedule, saves and resumption."""

    def __init__(
        self,
        held: Masters,
        phase: Literal["sft", "dpo", "reward", "classify"],
        rows: Sequence[tuple[Row, ...]],
        settings: StepSettings,
        steps: list[_plan.Step],
        objective: Objective,
    ) -> None:
        self.held, self.phase, self.rows, self.settings, self.steps, self.objective = held, phase, rows, settings, steps, objective
        self.order = _plan.order(len(steps), settings.epochs, settings.seed)
        self.optimizer = adamw(held.params, settings.lr)
        self.done = 0.0
        """Share of the steps that are over, for objectives that change on the way."""

    def run(self, curve: Curve, scratch: Path, identity: str, progress: Listener | None) -> None:
        """Take all steps that no earlier process has taken. ModelError when loss or gradient is not finite; the last save stays."""
        total = len(self.order)
        done = self._restore(_ranks.first(lambda: _state.load(scratch, identity)), curve)
        curve.resumed_at = done
        for at in range(done, total):
            point = self._step(at, total)
            curve.append(point)
            if progress is not None:
                progress(point, total)
            if _ranks.rank() == 0 and ((at + 1) % self.settings.save_every == 0 or at + 1 == total):
                _state.save(scratch, identity, at + 1, self._snapshot(at + 1, curve, last=at + 1 == total))

    def _step(self, at: int, total: int) -> CurvePoint:
        step, self.done = self.steps[self.order[at]], at / total
        items = [self.rows[i] for batch in step.batches for i in batch]
        loss, right = 0.0, 0
        for batch in _ranks.mine(step.batches):
            part, won = self.objective(batch, items)
            part.backward()
            loss, right = loss + part.item(), right + won
        _ranks.gather(self.held.params)
        loss, right = _ranks.totals(loss, right, self.held.params[0].device)
        norm = nn.utils.clip_grad_norm_(self.held.params, 1.0).item()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise ModelError(
                f"Training stopped at step {at + 1!r} of {total!r}: the loss is {loss!r} and its gradient {norm!r}; "
                f"lower the learning rate (now {self.settings.lr!r}) or look for broken weights."
            )
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * _plan.rate(at, total, self.settings.warmup, "cosine")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.held.refresh()
        return CurvePoint(
            phase=self.phase,
            step=at + 1,
            loss=loss,
            tokens=sum(len(row.ids) for rows in items for row in rows),
            accuracy=None if self.phase == "sft" else right / len(items),
        )

    def _snapshot(self, step: int, curve: Curve, *, last: bool) -> dict[str, Any]:
        return {
            "step": step,
            "masters": {name: p.data for name, p in zip(self.held.names, self.held.params, strict=True)},
            "optimizer": None if last else self.optimizer.state_dict(),
            "points": [point.model_dump(mode="json") for point in curve],
            "random": torch.get_rng_state(),
        }

    def _restore(self, state: dict[str, Any] | None, curve: Curve) -> int:
        if state is None:
            return 0
        for name, p in zip(self.held.names, self.held.params, strict=True):
            p.data.copy_(state["masters"][name])
        self.held.refresh()
        if state["optimizer"] is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        curve.extend(CurvePoint.model_validate(point) for point in state["points"])
        torch.set_rng_state(state["random"])
        return int(state["step"])
