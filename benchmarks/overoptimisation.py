"""How often intervals of the gap under optimisation hold the truth, and how often a turn is seen, in worlds whose curves are known.

A world: 32 prompts (or as said), pools of 64; the proxy is standard normal, the intent up x proxy - down x proxy^2 + standard normal
noise, with up and down 30 % different from prompt to prompt. Seeds of the proxy differ in slope by a normal of SD 0.3 where said.
The truth is by numerical integration over the law of the best of n.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from spiritlevel import stats
from spiritlevel.stats import gao
from spiritlevel.stats.crossed import percentiles, resampled_means
from spiritlevel.stats.selection import best_of_n_curve, best_of_n_kl, sizes

Floats = NDArray[np.float64]

SEED = 4100
POOL = 64
NS = sizes(POOL)
D = np.sqrt(best_of_n_kl(NS))
GOAL = 0.92
FORM: gao.Form = "best-of-n"
SHARES = ("points", "a", "b", "turning", "observed", "seen")


class World(NamedTuple):
    """What is true, and how much of it is drawn."""

    name: str
    up: float
    down: float
    prompts: int = 32
    seeds: int = 1
    between: float = 0.0


WORLDS = (
    World("rises, level at the end", 1.0, 0.2),
    World("turns in the middle, shallow", 0.5, 0.2),
    World("turns early, sharp", 0.6, 0.35),
    World("rises throughout", 1.0, 0.1),
    World("flat", 0.0, 0.0),
    World("turns in the middle, 8 prompts", 0.5, 0.2, prompts=8),
    World("turns in the middle, 3 seeds alike", 0.5, 0.2, seeds=3),
    World("turns in the middle, 3 seeds apart", 0.5, 0.2, seeds=3, between=0.3),
)


def gains(world: World, rng: np.random.Generator) -> Floats:
    """(seeds, prompts, K) gains over the base of one draw of a world."""
    up, down = (x * (1 + 0.3 * rng.normal(size=(world.prompts, 1))) for x in (world.up, world.down))
    found = []
    for lean in world.between * rng.normal(size=world.seeds):
        u = rng.normal(size=(world.prompts, POOL))
        curve = best_of_n_curve(u, (up + lean) * u - down * u * u + rng.normal(size=u.shape), NS)
        found.append(curve - curve[:, :1])
    return np.stack(found)


def truth(world: World) -> Floats:
    """The true gains at each n."""
    u = np.linspace(-8, 8, 8001)
    law = [n * norm.cdf(u) ** (n - 1) * norm.pdf(u) * (u[1] - u[0]) for n in NS]
    return np.asarray([world.up * np.sum(u * p) - world.down * (np.sum(u * u * p) - 1) for p in law])


def coverage(world: World, count: int, seed: int = SEED, rounds: int = 500) -> dict[str, float]:
    """Shares of `count` draws in which the interval holds the true points, a, b, fitted and observed turning point; and of turns seen."""
    rng, found = np.random.default_rng(seed), dict.fromkeys(SHARES, 0.0)
    true = truth(world)
    a, b = gao.coefficients(FORM, D, true)
    wanted = {"a": float(a), "b": float(b), "turning": float(gao.turning_of(FORM, a, b))}
    for i in range(count):
        values = gains(world, rng)
        drawn = resampled_means(values, range(world.prompts), seed=i, rounds=rounds)
        mean = values.mean(axis=(0, 1))
        fit = gao.fit(FORM, D, mean, drawn, n=world.prompts)
        for e in (fit.a, fit.b, fit.turning):
            found[e.name] += e.low <= wanted[e.name] <= e.high
        ends = [percentiles("", 0.0, many, 0) for many in drawn.T]
        held = [e.low <= t <= e.high for e, t in zip(ends, true, strict=True)]
        found["points"] += sum(held[1:]) / len(held[1:])
        turn = gao.observed_turning(D, mean, drawn, n=world.prompts)
        found["observed"] += turn.d.low <= D[int(np.argmax(true))] <= turn.d.high
        found["seen"] += turn.kind != "none"
    return {name: found[name] / count for name in SHARES}


def measure(count: int = 400) -> list[dict[str, Any]]:
    """Coverage and turns seen in each world."""
    rows = []
    for world in WORLDS:
        shares, true = coverage(world, count), truth(world)
        fall = float(true.max() - true[-1])
        seen = stats.wilson(round(shares["seen"] * count), count)
        known = [name for name in ("points", "a", "b", "turning") if world.up or name != "turning"]
        rows.append(
            {
                "what": f"{world.name}: a true fall of {fall:.2f} to n = {POOL}",
                "value": ", ".join(f"{name} {shares[name]:.1%}" for name in (*known, "observed"))
                + f"; a turn seen in {seen.value:.1%} ({seen.low:.1%} to {seen.high:.1%})",
                "n": count,
                "goal": f"intervals of points, a, b and fitted turning point hold the truth in {GOAL:.0%}"
                + ("" if fall > 0 else ", a turn seen in at most 8%"),
                "met": "yes" if min(shares[name] for name in known) >= GOAL and (fall > 0 or seen.value <= 0.08) else "no",
                "note": f"Seed {SEED}. {' '.join((__doc__ or '').split(chr(10), 2)[2].split())} A fall is in the intent's own unit; "
                "its noise has an SD of 1.",
            }
        )
    return rows


if __name__ == "__main__":
    import sys

    for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 400):
        print(row["what"], row["value"], row["met"], sep=" | ", flush=True)
