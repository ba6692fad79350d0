"""The loop of policy optimisation: draw, score, hold against the reference, update; resumable to the bit, watched at every step.

The reference is the model as given. Policy and reference are scored on the same batches, so the noise of their shapes cancels.
PPO's critic is a linear head on the policy's own body, which learns from it too (Schulman 2017, eq. 9): no second body in memory.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import nn

from spiritlevel.backends._rows import Row
from spiritlevel.errors import DataError
from spiritlevel.finetune import _lora, _losses, _plan, _rollouts, _state, watching
from spiritlevel.finetune._logps import check_head
from spiritlevel.finetune._masters import Masters, Precision, adamw, masters
from spiritlevel.finetune._objective import Step
from spiritlevel.finetune._train import all_learn
from spiritlevel.finetune.policy import Floats, PolicySettings
from spiritlevel.types import Chat, Checkpoint, PolicyPoint, content_hash

Score = Callable[[Sequence[Chat], Sequence[str], Sequence[bool]], tuple[Floats, tuple[tuple[str, float], ...]]]
"""(chats, answers, which were cut) -> (n,) rewards, and the means of what is only logged."""
Keep = Callable[[int, Any], Checkpoint]
"""(step, model in hand) -> the checkpoint that was stored."""

SAVE_EVERY = 5
"""Steps between saves of the training state. Changes nothing in the result."""
WARMUP = 0.03
CRITIC_LR = 1e-2
"""Of PPO's value head."""


@dataclass
class Way:
    """How far the policy has come: all that a kill must not take, besides the weights."""

    beta: float
    step: int = 0
    good: int = 0
    """The latest step kept as a checkpoint whose own answers were in order."""
    streak: int = 0
    """Steps in a row without any difference of reward within a group."""
    floor: float = 0.0
    first: list[tuple[int, ...]] = field(default_factory=list)
    """The start's answers."""
    points: list[PolicyPoint] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    stopped: str = ""


def run(
    model: Any,
    prompts: Sequence[Chat],
    score: Score,
    keep: Keep,
    settings: PolicySettings,
    scratch: Path,
    recipe: str,
    name: str,
    listener: Callable[[PolicyPoint], None] | None = None,
) -> Way:
    """Optimise `model` (local weights, freshly opened) in place. `recipe` names what must be equal for saved state to be continued."""
    module = model.module.eval()
    form: Precision = "bfloat16" if next(module.parameters()).dtype == torch.bfloat16 else "float32"
    ids = [model.render(chat) for chat in prompts]
    check_head(module, Row((*ids[0], ids[0][-1]), len(ids[0])), 1e-3 if form == "float32" else 0.5)
    identity = content_hash(recipe, form, torch.__version__, transformers.__version__, torch.get_num_threads(), str(module.device))
    with _policy(model, settings, form) as (trained, player, reference, held):
        loop = _Loop(player, trained, reference, held, ids, prompts, score, settings, name)
        way = loop.restore(_state.load(scratch, identity))
        while not way.stopped:
            point = loop.step(learn=way.step < settings.steps)
            way.points.append(point)
            if listener is not None:
                listener(point)
            if way.stopped:
                break
            if any(one.step == way.step for one in way.checkpoints):
                way.good = way.step
            if way.step == settings.steps:
                break
            way.step += 1
            last = way.step == settings.steps
            if last or way.step % settings.checkpoint_every == 0:
                way.checkpoints.append(keep(way.step, loop.playing()))
            if last or way.step % SAVE_EVERY == 0:
                _state.save(scratch, identity, way.step, loop.snapshot())
    model.refresh()
    if way.stopped and not way.step:
        raise DataError(way.stopped)
    return way


@contextmanager
def _policy(model: Any, settings: PolicySettings, form: Precision) -> Iterator[tuple[Any, Any, Any, Masters]]:
    """(module that learns, model that answers, module of the reference, masters). With adapters the reference is the body without them."""
    if settings.lora_rank is None:
        reference = _copied(model.module, form)
        with all_learn(model.module), masters(model.module, form) as held:
            yield model.module, model, reference, held
        return
    player = type(model)(model.ref, _copied(model.module, form), model.tokenizer)
    trained = _lora.attach(model.module, settings.lora_rank, settings.seed)
    try:
        with masters(trained, form) as held:
            yield trained, player, trained, held
    finally:
        _lora.merge(trained)


def _copied(module: Any, form: Precision) -> Any:
    """A frozen copy with weights in `form`. Buffers stay as they are: rotary frequencies in bfloat16 would put tokens in other places."""
    other = copy.deepcopy(module).requires_grad_(False)
    for p in other.parameters():
        if p.is_floating_point():
            p.data = p.data.to(getattr(torch, form))
    return other


class _Loop:
    """One policy on its way."""

    def __init__(
        self,
        player: Any,
        trained: Any,
        reference: Any,
        held: Masters,
        ids: Sequence[list[int]],
        prompts: Sequence[Chat],
        score: Score,
        settings: PolicySettings,
        name: str,
    ) -> None:
        self.player, self.trained, self.reference, self.held = player, trained, reference, held
        self.ids, self.prompts, self.score, self.settings, self.name = ids, prompts, score, settings, name
        self.way = Way(beta=settings.kl.beta)
        device = held.params[0].device
        width = player.module.config.get_text_config().hidden_size
        self.critic = nn.Linear(width, 1, device=device) if settings.algorithm == "ppo" else None
        groups: list[dict[str, Any]] = [{"params": held.params, "scale": 1.0}]
        if self.critic is not None:
            nn.init.zeros_(self.critic.weight)
            nn.init.zeros_(self.critic.bias)
            groups.append({"params": list(self.critic.parameters()), "scale": CRITIC_LR / settings.lr})
        self.optimizer = adamw(groups, settings.lr)

    def playing(self) -> Any:
        """The model in hand, with the weights as they are now."""
        if self.player.module is not self.trained:
            _lora.pour(self.trained, self.player.module)
        self.player.refresh()
        return self.player

    def step(self, *, learn: bool) -> PolicyPoint:
        """Draw, score, and unless something is wrong (`way.stopped`) or `learn` is false, update."""
        way, how = self.way, self.settings.rollouts
        chosen = _plan.drawn(len(self.ids), how.prompts, way.step, self.settings.seed)
        drawn = _rollouts.draw(self.playing(), [self.ids[i] for i in chosen], how.samples, how.max_tokens, (self.settings.seed, way.step))
        chats = [self.prompts[i] for i in chosen for _ in range(how.samples)]
        scores, logged = self.score(chats, [one.text for one in drawn], [one.cut for one in drawn])
        rewards = np.where(np.isfinite(scores), scores, np.nan).reshape(len(chosen), how.samples)
        way.stopped = watching.unscored(rewards, self.name, way.step)
        penalty = self.settings.scoring.cut_penalty * np.asarray([one.cut for one in drawn]).reshape(rewards.shape)
        taught = torch.tensor(rewards - penalty, dtype=torch.float32)
        step = Step(self.trained, self.reference, self.critic, drawn, taught, way.beta, self.settings)
        loss = step.accumulate(backward=learn and not way.stopped)
        kl, low, high = watching.interval(step.kl.numpy())
        answers = [one.answer for one in drawn]
        if not way.step:
            way.first = answers
            way.floor = _rollouts.floor(self.trained, drawn, step.sums())
        way.streak = way.streak + 1 if watching.flat(taught.numpy()) else 0
        kls = self.settings.kl
        way.stopped = way.stopped or (
            watching.without_signal(way.streak, self.name, way.step)
            or watching.collapsed(answers, way.first, way.step)
            or watching.over_budget(kl, kls.budget if kls.control == "stop" else None, way.step)
        )
        if learn and not way.stopped:
            way.stopped = self._update(loss)
            for _ in range(1, self.settings.epochs):
                if not way.stopped:
                    way.stopped = self._update(step.accumulate(backward=True))
        if kls.budget is not None and kls.control == "adapt":
            way.beta = _losses.adapted(way.beta, kl, kls.budget)
        self.optimizer.zero_grad(set_to_none=True)
        return PolicyPoint(
            step=way.step,
            loss=loss,
            reward=float(np.nanmean(rewards)) if np.isfinite(rewards).any() else float("nan"),
            kl=kl,
            kl_low=low,
            kl_high=high,
            length=sum(map(len, answers)) / len(answers),
            cut=sum(one.cut for one in drawn) / len(drawn),
            distinct=watching.distinct(answers),
            tokens=sum(len(one.row.ids) for one in drawn),
            scores=logged,
        )

    def _update(self, loss: float) -> str:
        """One optimiser step from the gradients at hand, or why not."""
        norm = nn.utils.clip_grad_norm_(self.held.params, 1.0).item()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return f"The loss is {loss!r} and its gradient {norm!r} at step {self.way.step}; lower lr (now {self.settings.lr!r})."
        rate = self.settings.lr * _plan.rate(self.way.step, self.settings.steps, WARMUP, "constant")
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.held.refresh()
        return ""

    def snapshot(self) -> dict[str, Any]:
        """What `restore` needs."""
        way = self.way
        return {
            "masters": {name: p.data for name, p in zip(self.held.names, self.held.params, strict=True)},
            "optimizer": self.optimizer.state_dict(),
            "critic": None if self.critic is None else self.critic.state_dict(),
            "points": [point.model_dump(mode="json") for point in way.points],
            "checkpoints": [one.model_dump(mode="json") for one in way.checkpoints],
            "way": {"step": way.step, "good": way.good, "streak": way.streak, "floor": way.floor, "beta": way.beta, "first": way.first},
        }

    def restore(self, state: dict[str, Any] | None) -> Way:
        """Go on from a snapshot, if there is one."""
        if state is None:
            return self.way
        for name, p in zip(self.held.names, self.held.params, strict=True):
            p.data.copy_(state["masters"][name])
        self.held.refresh()
        self.optimizer.load_state_dict(state["optimizer"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        self.way = Way(
            **{**state["way"], "first": [tuple(answer) for answer in state["way"]["first"]]},
            points=[PolicyPoint.model_validate(point) for point in state["points"]],
            checkpoints=[Checkpoint.model_validate(one) for one in state["checkpoints"]],
        )
        return self.way
