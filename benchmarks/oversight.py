"""Weak-to-strong on ETHICS and BoolQ: the performance gap that a weak supervisor recovers, and whether its interval holds the truth.

Heads on the bundled model's frozen states on all five sets; all weights fine-tuned on the one whose gap was largest on its training parts
(commonsense). Depth and positions were chosen on training parts, learning rate and epochs are as first tried; test thirds are read here
alone.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spiritlevel import oversight
from spiritlevel.evidence import open_run
from spiritlevel.finetune.classify import ClassifySettings, Learner
from spiritlevel.measure.oversight import Drawn, refusal
from spiritlevel.types import Estimate, LabelledText, Oversight

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = {
    "ETHICS commonsense": "cls_ethics_commonsense",
    "ETHICS deontology": "cls_ethics_deontology",
    "ETHICS justice": "cls_ethics_justice",
    "ETHICS virtue": "cls_ethics_virtue",
    "BoolQ": "cls_boolq",
}
WEAK = ("bag-of-words", "first:6")
TUNED = "ETHICS commonsense"
HEADS = ClassifySettings()
WHOLE = ClassifySettings(frozen=False)
SHARE, GOAL = 0.5, 0.93


def measure(
    spec: str = "bundled", most: int = 0, seeds: int = 10, tuned_seeds: int = 3, worlds: int = 600, sets: int = len(SETS)
) -> list[dict[str, Any]]:
    """Rows for docs/results.md."""
    strong = oversight.learner(spec)
    rows: list[dict[str, Any]] = []
    for name, file in list(SETS.items())[:sets]:
        texts = oversight.read(DATA / f"{file}.jsonl")[: most or None]
        rows += _on(f"{name}, heads on frozen states", texts, [(oversight.learner(w, strong), seeds) for w in WEAK], strong, HEADS)
        if name == TUNED and tuned_seeds:
            rows += _on(f"{name}, all weights", texts, [(oversight.learner(WEAK[0]), tuned_seeds)], strong, WHOLE)
    rows += covered(worlds)
    rows[0]["note"] = NOTE
    return rows


NOTE = (
    "PGR: performance gap recovered. Test thirds are the same in all seeds. Where the ceiling is not shown to be better than the "
    "supervisor, PGR is refused. Nothing was chosen on a test third. `plain` and `confident` are the two losses."
)


def _on(
    what: str, texts: tuple[LabelledText, ...], supervisors: list[tuple[Learner, int]], strong: Learner, settings: ClassifySettings
) -> list[dict[str, Any]]:
    """Supervisors in one run, so that the ceilings are trained once."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, open_run(Path(folder), "w2s", "w2s", "", quiet=True) as evidence:
        for weak, seeds in supervisors:
            found = oversight.run(evidence, texts, weak, strong, seeds, settings)
            rows += told(f"{what}, {weak.name} supervises", found)
    return rows


def told(what: str, found: Oversight) -> list[dict[str, Any]]:
    """One measurement as rows."""
    n = f"{found.gap.n} groups, {found.overseen.texts[2]} texts, {found.overseen.seeds} seeds"
    rows = [
        {"what": f"{what}: supervisor", "value": _share(found.weak), "n": n},
        {"what": f"{what}: ceiling", "value": _share(found.ceiling), "n": n},
        {"what": f"{what}: ceiling less supervisor, points", "value": _points(found.gap), "n": n},
    ]
    for one in found.students:
        pgr = f"refused: {found.refused}" if one.recovered is None else _number(one.recovered)
        rows.append(
            {"what": f"{what}: PGR, {one.loss}", "value": pgr, "n": n, "goal": "an interval, or refused with its reason", "met": "yes"}
        )
    for one in found.students:
        rows.append(
            {"what": f"{what}: errs with the supervisor over the ceiling, {one.loss}, points", "value": _points(one.imitation), "n": n}
        )
    return rows


def covered(worlds: int) -> list[dict[str, Any]]:
    """How often the intervals hold the truth, and how often a gap is found where there is none."""
    rows = []
    for seeds in (1, 3, 5):
        told = held = gaps = 0
        for k in range(worlds):
            found = drawn(np.random.default_rng([7, k, seeds]), seeds)
            gap = found.mean("gap")
            gaps += gap.low <= GAP <= gap.high
            if not refusal(gap):
                one = found.ratio("recovered", "gained", "gap")
                told, held = told + 1, held + (one.low <= SHARE <= one.high)
        false = sum(not refusal(drawn(np.random.default_rng([8, k, seeds]), seeds, gap=0.0).mean("gap")) for k in range(worlds))
        n = f"{worlds} worlds"
        rows += [
            _counted(f"drawn worlds, {seeds} seeds: the gap's 95 % interval holds the truth", gaps / worlds, n, GOAL),
            _counted(f"drawn worlds, {seeds} seeds: PGR's, where it is not refused", held / max(told, 1), f"{told} worlds", GOAL),
            {
                "what": f"drawn worlds without a gap, {seeds} seeds: not refused",
                "value": f"{false / worlds:.3f}",
                "n": n,
                "goal": "at most 0.05",
                "met": "yes" if false <= 0.05 * worlds else "no",
            },
        ]
    return rows


def _counted(what: str, share: float, n: str, goal: float) -> dict[str, Any]:
    return {"what": what, "value": f"{share:.3f}", "n": n, "goal": f"at least {goal}", "met": "yes" if share >= goal else "no"}


GAP = 0.18


def drawn(rng: np.random.Generator, seeds: int, groups: int = 120, gap: float = GAP) -> Drawn:
    """A world where half of the gap is recovered: groups of one to three texts as hard as each other, and luck of each training."""
    group = np.repeat(np.arange(groups), rng.integers(1, 4, groups))
    hard = 0.08 * rng.normal(size=groups)[group] + 0.06 * rng.normal(size=len(group))
    luck = 0.015 * rng.normal(size=(3, seeds, 1)) * (seeds > 1)
    of = (0.6 + hard, 0.6 + SHARE * gap + hard, 0.6 + gap + hard)
    same, each = rng.random((seeds, len(group))), rng.random((3, seeds, len(group)))
    weak, student, ceiling = (
        (np.where(rng.random(e.shape) < 0.6, same, e) < p + x).astype(float) for p, x, e in zip(of, luck, each, strict=True)
    )
    return Drawn({}, {"gap": ceiling - weak, "gained": student - weak}, [str(g) for g in group])


def _share(e: Estimate) -> str:
    return f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})"


def _points(e: Estimate) -> str:
    return f"{100 * e.value:+.1f} ({100 * e.low:+.1f} to {100 * e.high:+.1f})"


def _number(e: Estimate) -> str:
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--most", type=int, default=0, help="texts a set, at most; 0: all")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tuned-seeds", type=int, default=3)
    parser.add_argument("--worlds", type=int, default=600)
    parser.add_argument("--sets", type=int, default=len(SETS))
    args = parser.parse_args()
    for row in measure(args.model, args.most, args.seeds, args.tuned_seeds, args.worlds, args.sets):
        print(f"{row['what']:<100} {row['value']}  {row.get('met', '')}", flush=True)
