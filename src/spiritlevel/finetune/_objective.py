"""One step's answers and the loss on them: log-probabilities before the update, KL, advantages, and then RLOO, GRPO or PPO."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from spiritlevel.backends._rows import Batch
from spiritlevel.finetune import _losses, _rollouts
from spiritlevel.finetune._logps import labelled, sequence_logps, states
from spiritlevel.finetune._rollouts import Rollout
from spiritlevel.finetune.policy import PolicySettings

CRITIC_WEIGHT = 0.1
"""Of the value loss beside the policy's (Schulman 2017, eq. 9, c1)."""


class Step:
    """What one step knows of its answers. `rewards` is (prompts, k), penalties taken off, NaN where there is no score."""

    def __init__(
        self, trained: Any, reference: Any, critic: Any, drawn: Sequence[Rollout], rewards: Tensor, beta: float, settings: PolicySettings
    ) -> None:
        self.trained, self.critic, self.rewards, self.beta, self.algorithm = trained, critic, rewards, beta, settings.algorithm
        self.places = _rollouts.batched(trained, drawn, rewards.shape[1])
        self.batches = _rollouts.collated(trained, drawn, self.places)
        # with adapters, the reference is the same module without them
        with trained.disable_adapter() if reference is trained else nullcontext():
            self.reference = _rollouts.scored(reference, self.batches)
        self.limit, self.labels = settings.rollouts.max_tokens, sum(one.row.labels for one in drawn)
        self.old: list[Tensor] = []
        """Log-probabilities before the update, batch by batch."""
        self.values: list[Tensor] = []
        self.kl = torch.zeros(rewards.shape)
        """k1 of each answer in nats."""
        self.advantages = torch.zeros(rewards.shape)
        self.by_token: list[Tensor] = []
        divided = any(len(places) != rewards.shape[1] for places in self.places)
        if critic is not None or divided:
            self._look()

    def sums(self) -> list[float]:
        """Log-probability of each answer before the update."""
        return [float(x) for old, batch in zip(self.old, self.batches, strict=True) for x in sequence_logps(old, batch.counts)]

    def accumulate(self, *, backward: bool) -> float:
        """The step's mean loss; with `backward`, gradients add up over its batches."""
        total = 0.0
        for j, batch in enumerate(self.batches):
            with nullcontext() if backward else torch.no_grad():
                flat, values = self._score(batch)
                if j == len(self.old):  # a group is a batch: its baseline is known right here, without another pass
                    self._know(j, flat.detach())
                    self._weigh(slice(self.places[j][0] // self.rewards.shape[1], self.places[j][0] // self.rewards.shape[1] + 1))
                loss = self._loss(j, flat, values)
            if backward:
                loss.backward()
            total += loss.item()
        return total

    def _score(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        picked = states(self.trained, batch)
        values = None
        if self.critic is not None:
            values = self.critic(layer_norm(picked.float(), picked.shape[-1:]) * picked.shape[-1] ** -0.5)[:, 0]
        return labelled(self.trained, picked, batch.labels), values

    def _look(self) -> None:
        """Score all answers before any update, where a baseline needs more than one batch."""
        with torch.no_grad():
            for j, batch in enumerate(self.batches):
                flat, values = self._score(batch)
                self._know(j, flat)
                if values is not None:
                    self.values.append(values)
        self._weigh(slice(None))
        if self.critic is not None:
            self._weigh_tokens()

    def _know(self, j: int, flat: Tensor) -> None:
        self.old.append(flat)
        sums = sequence_logps(_losses.k1(flat, self.reference[j]), self.batches[j].counts)
        self.kl.view(-1)[list(self.places[j])] = sums.cpu()

    def _weigh(self, groups: slice) -> None:
        if self.algorithm in ("rloo", "ppo"):
            self.advantages[groups] = _losses.rloo(self.rewards[groups] - self.beta * self.kl[groups])
        else:
            self.advantages[groups] = _losses.grpo(self.rewards[groups], scaled=self.algorithm == "grpo")

    def _weigh_tokens(self) -> None:
        """GAE of each answer, whitened over the step; the score comes with the last token, the KL with each. No score, no advantage."""
        for j, places in enumerate(self.places):
            found = []
            parts = (part.split(list(self.batches[j].counts)) for part in (self.old[j], self.reference[j], self.values[j]))
            for place, old, reference, values in zip(places, *parts, strict=True):
                rewards = -self.beta * _losses.k1(old, reference)
                rewards[-1] += self.rewards.view(-1)[place].to(rewards.device)
                found.append(_losses.gae(rewards, values).nan_to_num(0.0, 0.0, 0.0))
            self.by_token.append(torch.cat(found))

    def _loss(self, j: int, flat: Tensor, values: Tensor | None) -> Tensor:
        """Share of batch j in the step's mean loss."""
        counts, old, n = self.batches[j].counts, self.old[j], self.rewards.numel()
        if values is not None:
            every = torch.cat(self.by_token)
            advantages = (self.by_token[j] - every.mean()) / (every.std() + 1e-8)
            worth = _losses.value(values, self.values[j], self.by_token[j] + self.values[j])
            return (_losses.clipped(flat, old, advantages) + CRITIC_WEIGHT * worth).sum() / self.labels
        advantages = self.advantages.view(-1)[list(self.places[j])].to(flat.device)
        if self.algorithm == "rloo":
            return _losses.clipped(sequence_logps(flat, counts), sequence_logps(old, counts), advantages).sum() / n
        tokens = _losses.clipped(flat, old, advantages.repeat_interleave(torch.tensor(counts, device=flat.device)))
        # weighted by the ratio, the term's gradient is that of the KL itself (DeepSeek-V3.2, 2025; Shao 2024 has no weight)
        tokens = tokens + self.beta * torch.exp(flat - old) * _losses.k3(flat, self.reference[j])
        if self.algorithm == "dr_grpo":
            return tokens.sum() / (n * self.limit)
        return torch.stack([part.mean() for part in tokens.split(list(counts))]).sum() / n
