"""A reward model on public preferences: `python benchmarks/reward.py [--model bundled] [--seeds 1] [--train 1000] [--test 400]`.

The bundled body is trained by the default recipe on about 1,000 pairs of HH-harmless and held against about 400 of other prompt groups,
beside length and a bag of words fitted to the same training pairs. The first model is also asked about other sets and edits.
Everything is durable; the work lies in SPIRITLEVEL_BENCHMARK_WORK (default: a folder of the system's temporary one).
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spiritlevel import backends
from spiritlevel.cli.progress import bars
from spiritlevel.cli.reward_report import number, points, share
from spiritlevel.evidence import open_run
from spiritlevel.finetune.reward import RewardSettings, train_reward
from spiritlevel.judges.reward import opened
from spiritlevel.measure.pairs import group_of
from spiritlevel.measure.reward_run import Settings, reported
from spiritlevel.measure.sets import Row
from spiritlevel.raters.files import read_preferences
from spiritlevel.types import Preference, RewardReport, content_hash

DATA = Path(__file__).parents[2] / "shared" / "data"
OTHERS = {"pref_hhh_alignment": "HHH alignment", "pref_llmbar": "LLMBar", "pref_pandalm": "PandaLM"}
MOST = 300
"""Pairs of each other set, by hash."""
GOAL = 0.04


def measure(model: str = "bundled", seeds: int = 1, train: int = 1000, test: int = 400, more: bool = True) -> list[dict[str, Any]]:
    """Train and report once a seed; a seed is another split and another order of training."""
    pairs = read_preferences(DATA / "pref_hh_harmless.jsonl")
    work = Path(os.environ.get("SPIRITLEVEL_BENCHMARK_WORK") or Path(tempfile.gettempdir()) / "spiritlevel-benchmark")
    identity = content_hash("reward", model, seeds, train, test)
    rows: list[dict[str, Any]] = []
    with bars(False) as listener, open_run(work, None, identity, "", quiet=True, listener=listener) as evidence:
        body = backends.resolve(model)
        for seed in range(seeds):
            taught, held = split(pairs, train, test, seed)
            made = evidence.step(train_reward, body, taught, RewardSettings(seed=seed))
            spec = f"path:{evidence.path(made.spec.removeprefix('blob:'))}"
            backends.release_memory()
            first = more and seed == 0
            settings = Settings(edited=60 if first else 0, seed=seed)
            reward = opened(Path(spec.removeprefix("path:"))).identity
            report = evidence.step(reported, spec, reward, held, taught, None, tuple(others()) if first else (), settings)
            backends.release_memory()
            rows += told(report, seed)
        seconds = sum(step.cost.seconds for step in evidence.steps())
    rows.append({"what": "time of all steps", "value": f"{seconds / 60:.1f} min", "n": f"{seeds} seeds"})
    return rows


def split(pairs: Sequence[Preference], train: int, test: int, seed: int) -> tuple[tuple[Preference, ...], tuple[Preference, ...]]:
    """Whole prompt groups in an order that the seed decides: the first `test` pairs or so are held out, the next `train` teach."""
    order = sorted(pairs, key=lambda p: content_hash("split", seed, group_of(p)))
    ends = []
    for most in (test, test + train):
        while 0 < most < len(order) and group_of(order[most]) == group_of(order[most - 1]):
            most += 1
        ends.append(most)
    return tuple(order[ends[0] : ends[1]]), tuple(order[: ends[0]])


def others() -> Iterator[Row]:
    """Pairs of other sets, each a section; LLMBar's subsets and HHH's axes by name, PandaLM's dozens of sources together."""
    for name, section in OTHERS.items():
        path = DATA / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
        both = sorted(zip(read_preferences(path), lines, strict=True), key=lambda each: content_hash(each[1]["id"]))
        for p, line in both[:MOST]:
            source = section if section == "PandaLM" else f"{section}: {line['category']}"
            yield Row(**p.model_dump() | {"section": section, "source": source})


def told(r: RewardReport, seed: int) -> Iterator[dict[str, Any]]:
    """The rows of one report."""
    which = f"seed {seed}: "
    pairs = {"n": f"{r.pairs} pairs in {r.groups} groups"}
    best = max(r.baselines, key=lambda b: b.accuracy.value)
    yield {"what": f"{which}accuracy on HH-harmless", "value": share(r.accuracy), **pairs, "note": " ".join((__doc__ or "").split())}
    for b in r.baselines:
        goal = {}
        if b is best:
            goal = {"goal": "beats the better baseline by at least 4 points, lower bound above 0"}
            goal["met"] = "yes" if b.gain.value >= GOAL and b.gain.low > 0 else "no"
        yield {"what": f"{which}beside {b.name} ({share(b.accuracy)})", "value": points(b.gain), **pairs, **goal}
    yield {"what": f"{which}accuracy, length-matched", "value": share(r.matched)}
    yield {"what": f"{which}accuracy, adjusted for length", "value": share(r.adjusted)}
    yield {"what": f"{which}correlation with length within pairs", "value": number(r.length)}
    yield {"what": f"{which}expected calibration error", "value": share(r.calibration.ece)}
    yield {"what": f"{which}temperature (1 = calibrated)", "value": number(r.calibration.temperature)}
    for s in r.sections:
        if s.by != "overall":
            yield {"what": f"{which}never trained on, {s.by} {s.name}", "value": share(s.accuracy), "n": f"{s.pairs} pairs"}
    for e in r.effects:
        alarm = "; alarm" if e.alarm else ""
        yield {"what": f"{which}edit {e.edit}, SDs of reward", "value": f"{number(e.change)}{alarm}", "n": f"{e.replies} replies"}


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--model", default="bundled")
    for name, default in (("seeds", 1), ("train", 1000), ("test", 400)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--more", action=argparse.BooleanOptionalAction, default=True)
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is absent: the figures need the shared public data")
    for row in measure(**vars(options.parse_args())):
        print(f"{row['what']}: {row['value']}")
