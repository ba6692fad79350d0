"""When a policy has gone wrong: pure functions of what one step's answers look like, each reason in one sentence."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
PATIENCE = 5
"""Steps without any difference of reward within a group, after which there is nothing to learn from."""
MOST_UNSCORED = 0.2
"""Share of answers that the reward may fail to score."""
FEWEST_DISTINCT = 0.1
"""Least share of answers unlike all others, as a part of the start's."""
ONE_TOKEN = 0.9
"""An answer is one token when so much of it is, and it has at least four."""


def distinct(answers: Sequence[tuple[int, ...]]) -> float:
    """Share of answers that are equal to no other."""
    seen = Counter(answers)
    return sum(n == 1 for n in seen.values()) / len(answers)


def monotone(answers: Sequence[tuple[int, ...]]) -> float:
    """Share of answers that are one token over and over."""
    return sum(len(a) >= 4 and Counter(a).most_common(1)[0][1] >= ONE_TOKEN * len(a) for a in answers) / len(answers)


def flat(rewards: Floats) -> bool:
    """Whether no group of (prompts, k) rewards has two that differ: no advantage, so no gradient."""
    spread = np.nanmax(rewards, axis=1, initial=-np.inf) - np.nanmin(rewards, axis=1, initial=np.inf)
    return bool((spread <= 1e-9).all())


def unscored(rewards: Floats, name: str, step: int) -> str:
    """A reason when too many rewards are no numbers."""
    lost = int((~np.isfinite(rewards)).sum())
    if lost <= MOST_UNSCORED * rewards.size:
        return ""
    return f"The reward {name!r} gave no number for {lost} of {rewards.size} answers at step {step}; mend it or leave such prompts out."


def without_signal(streak: int, name: str, step: int) -> str:
    """A reason when rewards have not differed within any group for PATIENCE steps."""
    if streak < PATIENCE:
        return ""
    return (
        f"The reward {name!r} was the same for all answers to each prompt over {streak} steps up to step {step}, so there is nothing to "
        "learn from; draw more samples a prompt, or use a reward that tells these answers apart."
    )


def collapsed(answers: Sequence[tuple[int, ...]], first: Sequence[tuple[int, ...]], step: int) -> str:
    """A reason when answers have become one answer, or one token, that were not so at the start (`first`: the start's answers)."""
    now, before = distinct(answers), distinct(first)
    if before and now < FEWEST_DISTINCT * before:
        how = f"{now:.0%} of its answers differ from all others ({before:.0%} at the start)"
    elif monotone(answers) > 0.5 and monotone(first) < 0.25:
        how = f"{monotone(answers):.0%} of its answers repeat a single token"
    else:
        return ""
    return f"The policy collapsed at step {step}: {how}; lower lr or raise kl.beta."


def over_budget(kl: float, budget: float | None, step: int) -> str:
    """A reason when the policy is further from the reference than its budget."""
    if budget is None or kl <= budget:
        return ""
    return f"The KL to the reference is {kl:.2f} nats at step {step}, over its budget of {budget:g}."


def interval(by_answer: Floats) -> tuple[float, float, float]:
    """(mean, low, high) of (prompts, k) values: Student's t over the prompts' means, 95 %; a single prompt has no interval (NaN)."""
    means = by_answer.mean(axis=1)
    mean = float(means.mean())
    if len(means) < 2:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / len(means) ** 0.5)
    return mean, mean - half, mean + half
