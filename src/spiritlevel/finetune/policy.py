"""Policy optimisation against a reward: RLOO, GRPO or PPO on answers that the policy itself draws. The loop is in `_policy.py`."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import backends
from spiritlevel.errors import DataError
from spiritlevel.finetune import descent
from spiritlevel.judges import scores
from spiritlevel.judges.reward import Aggregation, aggregate, open_reward
from spiritlevel.types import (
    Chat,
    Checkpoint,
    Frozen,
    Journal,
    ModelRef,
    Optimised,
    PolicyPoint,
    Prompt,
    RewardModel,
    Side,
    Turn,
    content_hash,
    user,
)

Floats = NDArray[np.float64]
Algorithm = Literal["rloo", "grpo", "dr_grpo", "ppo"]
"""dr_grpo: GRPO without division by the group's spread and by each answer's length."""


class RolloutSettings(Frozen):
    """What is drawn each step: at temperature 1, without top-p or top-k, which would bias every ratio."""

    prompts: int = Field(16, ge=1)
    samples: int = Field(4, ge=2)
    """Answers a prompt; each is held against its siblings."""
    max_tokens: int = Field(64, ge=1)


class ScoringSettings(Frozen):
    """What is made of the reward's scores."""

    reward: str = ""
    """In a configuration: the reward to open, such as `path:DIR`, `blob:HASH` or `rule:NAME=ARGUMENT`."""
    log: tuple[str, ...] = ()
    """In a configuration: rewards whose scores are logged and not trained on."""
    aggregate: Aggregation = "mean"
    """How the heads of an ensemble become one score."""
    cut_penalty: float = Field(0.0, ge=0)
    """Taken off the score of an answer that was cut at `max_tokens`."""


class KlSettings(Frozen):
    """What holds the policy near its reference, the model as it was given. Nats of whole answers."""

    beta: float = Field(0.05, ge=0)
    """Weight of the KL: taken off the reward as k1 (rloo, ppo), or added to the loss as k3 (grpo, dr_grpo)."""
    budget: float | None = Field(None, gt=0)
    """Most sequence KL in nats."""
    control: Literal["stop", "adapt"] = "stop"
    """Over budget: end with the last checkpoint within it, or steer `beta` towards it (Ziegler 2019, section 2.2)."""


class PolicySettings(Frozen):
    """How a policy is optimised."""

    algorithm: Algorithm = "rloo"
    steps: int = Field(100, ge=1)
    lr: float = Field(3e-6, gt=0)
    """Of AdamW (no weight decay, gradients clipped at norm 1), constant after a short warm-up."""
    epochs: int = Field(1, ge=1)
    """Optimiser steps on the same answers; from the second on, ratios are clipped at 0.2."""
    rollouts: RolloutSettings = RolloutSettings()
    scoring: ScoringSettings = ScoringSettings()
    kl: KlSettings = KlSettings()
    lora_rank: int | None = Field(None, ge=1)
    """Train rank-r adapters on all linear layers; none = all weights."""
    checkpoint_every: int = Field(25, ge=1)
    """Steps between checkpoints that are kept; the last step is one too."""
    seed: int = 0


def optimise(
    journal: Journal,
    model: ModelRef,
    prompts: Sequence[Prompt | Chat],
    reward: RewardModel,
    settings: PolicySettings,
    logged: Sequence[RewardModel] = (),
    debt: descent.Debt | None = None,
) -> Optimised:
    """Optimise `model` against `reward` on the teach side's prompts; `logged` are scored and not trained on. `debt`: the reward's own.

    NeedsWeights for a hosted model, DataError without usable prompts or for a reward that is no number from the start. What goes
    wrong later ends the run early with its last good checkpoint and a sentence in `stopped`.
    """
    asked = _asked(prompts)
    weights = backends.open_weights(model, journal)
    parent = backends.identify(model, journal, base=True)
    journal.record(parent)
    own = debt or descent.Debt()
    debt = own._replace(judges=(reward.identity, *own.judges))
    uses = descent.owed(f"run:{content_hash(model.key, settings, reward.identity.id)}", [prompt for prompt, _ in asked], debt)
    journal.spend(uses)
    recipe = content_hash(model.key, settings, reward.identity.id, [r.identity.id for r in logged], [chat for _, chat in asked])

    def score(chats: Sequence[Chat], texts: Sequence[str], cut: Sequence[bool]) -> tuple[Floats, tuple[tuple[str, float], ...]]:
        answers = [
            scores.Answer(chat=(*chat, Turn(role="assistant", content=text)), truncated=stop)
            for chat, text, stop in zip(chats, texts, cut, strict=True)
        ]
        found = [_scores(journal, one, answers, settings.scoring.aggregate) for one in (reward, *logged)]
        return found[0], tuple((one.identity.name, float(mean.mean())) for one, mean in zip(logged, found[1:], strict=True))

    def keep(step: int, player: Any) -> Checkpoint:
        lineage = descent.descended(player, parent, model, uses, debt)
        return Checkpoint(step=step, ref=descent.kept(journal, player, lineage, model.family))

    def tell(point: PolicyPoint) -> None:
        journal.progress(f"optimising the policy | reward {point.reward:.3f}, KL {point.kl:.2f} nats", point.step, settings.steps)

    from spiritlevel.finetune import _policy

    way = _policy.run(
        weights, [chat for _, chat in asked], score, keep, settings, journal.scratch(f"policy-{recipe}"), recipe, reward.identity.name, tell
    )
    kept = (Checkpoint(step=0, ref=model), *way.checkpoints)
    good = next(one for one in reversed(kept) if one.step <= way.good)
    return Optimised(
        ref=good.ref,
        lineage=journal.lineage(good.ref.weights) or parent,
        algorithm=settings.algorithm,
        reward=reward.identity,
        checkpoints=kept,
        curve=journal.put("policy", way.points),
        aggregate=settings.scoring.aggregate,
        kl_floor=way.floor,
        stopped=way.stopped,
    )


def optimised(
    journal: Journal, model: ModelRef, prompts: tuple[Prompt, ...], settings: PolicySettings, pinned: tuple[str, ...] = ()
) -> Optimised:
    """`optimise` as a step; rewards come from `settings.scoring`. `pinned`: their identities, so that a changed file is a new step."""
    journal.tag = "capability"  # what the reward asks for, which is the user's choice; safety work is not presumed
    reward, *logged = (open_reward(spec, journal) for spec in (settings.scoring.reward, *settings.scoring.log))
    return optimise(journal, model, prompts, reward, settings, logged)


def _asked(prompts: Sequence[Prompt | Chat]) -> list[tuple[Prompt, Chat]]:
    """Each prompt with the chat that asks it."""
    if not prompts:
        raise DataError("there are no prompts to optimise a policy on; give some")
    found = [(one, user(one.text)) if isinstance(one, Prompt) else (_of_chat(one), one) for one in prompts]
    for prompt, _ in found:
        if prompt.side is not Side.TEACH:
            raise DataError(f"policy optimisation was given a prompt of the {prompt.side.value!r} side; it may see the teach side alone")
    return found


def _of_chat(chat: Chat) -> Prompt:
    text = next((turn.content for turn in reversed(chat) if turn.role == "user"), "")
    return Prompt(id=content_hash(*chat), text=text, goal=text, principle="", side=Side.TEACH)


def _scores(journal: Journal, reward: RewardModel, answers: Sequence[scores.Answer], how: Aggregation) -> Floats:
    found = scores.table(journal, scores.scored(journal, reward, answers))
    return aggregate(found.reshape(len(answers), -1), how)
