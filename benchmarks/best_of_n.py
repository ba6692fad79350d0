"""Best of n on the bundled model where the truth is declared: gold against distance, ensembles and other mitigations, a lean to length.

    python benchmarks/best_of_n.py [--model bundled] [--n 512] [--seeds 10]

An oracle (a reward model on the bundled body, trained on all of the constitution's own pairs) labels 100 pairs of the model's answers
with 25 % of the labels flipped. Proxies are heads on the untrained body's features. Everything is durable; the work lies in
SPIRITLEVEL_BENCHMARK_WORK (default: a folder of the system's temporary one).
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spiritlevel import world
from spiritlevel.cli.progress import bars
from spiritlevel.evidence import open_run
from spiritlevel.types import Estimate, GapCurve, content_hash


def measure(model: str = "bundled", n: int = 512, prompts: int = 32, tokens: int = 32, seeds: int = 10) -> list[dict[str, Any]]:
    """The plain world, and the same with raters who lean to length."""
    config = world.WorldConfig(model=model, n=n, prompts=prompts, tokens=tokens, seeds=seeds)
    work = Path(os.environ.get("SPIRITLEVEL_BENCHMARK_WORK") or Path(tempfile.gettempdir()) / "spiritlevel-benchmark")
    with bars(False) as listener, open_run(work, None, content_hash("best-of-n", model), "", quiet=True, listener=listener) as evidence:
        plain = world.run(config, evidence)
        leaning = world.run(config.model_copy(update={"length": 1.0}), evidence)
        seconds = sum(step.cost.seconds for step in evidence.steps())
    rows = [
        {
            "what": "the world",
            "value": f"{prompts} prompts x {n} answers of {tokens} tokens; {config.pairs} labels a proxy, {config.noise:.0%} flipped",
            "n": f"{seeds} seeds of labels",
            "note": "Gains in SDs of the base policy's samples, each score by its own; intervals resample prompts and seeds "
            "together. The oracle is declared and labels the proxies' pairs: it proves the method and certifies no model.",
        }
    ]
    rows += told("", plain)
    rows += told("raters lean to length: ", leaning, ("single", "length-controlled", "worst head"))
    rows.append({"what": "time of all steps", "value": f"{seconds / 60:.1f} min"})
    return rows


def told(which: str, found: world.World, only: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """A row a curve, and what the stop rules would have done."""
    right = dict(found.accuracy)
    for curve in found.plot.curves:
        if only and curve.name not in only:
            continue
        points = "; ".join(f"{p.label[4:]}: {p.proxy.value:.2f} / {p.intent.value:.2f}" for p in curve.points)
        last = curve.points[-1].intent
        yield {
            "what": f"{which}{curve.name}: proxy / oracle at n",
            "value": f"{points}; oracle at the end {span(last)}; gap {span(curve.gap)}; orders {right[curve.name]:.0%} of pairs rightly",
            "n": f"{found.plot.prompts} prompts",
        }
        yield {"what": f"{which}{curve.name}: turning point of the oracle", "value": turning(curve)}
        if curve.beside is not None:
            goal = {"goal": "interval above 0, or an honest no"} if curve.name in ("worst head", "uncertainty-weighted") else {}
            met = {"met": "yes" if curve.beside.low > 0 else "an honest no"} if goal else {}
            yield {"what": f"{which}{curve.name} beside single, oracle at the last n, in pairs", "value": span(curve.beside), **goal, **met}
    if found.stops is not None:
        for line in found.stops.lines:
            yield {
                "what": f"{which}stop rule: {line.rule.name}",
                "value": f"before the best n {line.before}, at it {line.at}, after {line.after}; regret {span(line.regret)}",
                "n": f"{found.stops.runs} seeds",
            }
        yield {"what": f"{which}stop rules", "value": found.stops.says}


def turning(curve: GapCurve) -> str:
    """Where the oracle is highest, as far as it shows."""
    if curve.turning.kind == "none":
        return f"none visible in the range (p = {curve.turning.p:.2f})"
    return f"{curve.turning.kind}, d = {span(curve.turning.d)}, falls by {span(curve.turning.drop)} after it"


def span(e: Estimate) -> str:
    """As `0.63 (0.41 to 0.85)`."""
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--model", default="bundled")
    for name, default in (("n", 512), ("prompts", 32), ("tokens", 32), ("seeds", 10)):
        options.add_argument(f"--{name}", type=int, default=default)
    for row in measure(**vars(options.parse_args())):
        print(f"{row['what']}: {row['value']}")
