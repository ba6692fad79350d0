"""Attribution patching beside exact patching, and a circuit beside random ones, on two tasks that the bundled model does well.

Pairs are generated from templates of our own. Edges are scored and the size is chosen on half of the groups; faithfulness is of the others.
"""

import os
import time
from pathlib import Path
from typing import Any

from alignment import met, percent

from spiritlevel import backends
from spiritlevel.evidence import MemoryJournal, open_run
from spiritlevel.interpret import circuits, patching, tasks
from spiritlevel.types import Circuit, Estimate, ModelRef, content_hash

ROOT = Path(__file__).resolve().parent.parent
PAIRS = int(os.environ.get("SPIRITLEVEL_PAIRS", "32"))
SEED = 0


def measure() -> list[dict[str, Any]]:
    """Both tasks, in float32: effects under bfloat16's rounding would be noise."""
    model = backends.resolve("bundled", dtype="float32")
    found: list[dict[str, Any]] = []
    with open_run(ROOT / "runs" / ".benchmarks", "circuits", content_hash(model.key, PAIRS), "", quiet=False) as evidence:
        for task in tasks.TASKS:
            found += patched(model, task)
            more = tasks.load(task, 2 * PAIRS, SEED + 1)
            found += circuit(evidence.step(circuits.run, model, task, more, circuits.CircuitSettings(seed=SEED)))
    return found


def patched(model: ModelRef, task: str) -> list[dict[str, Any]]:
    """Rank agreement and cost, both beside exact patching of every head and MLP. The goals are held against the default, one gradient."""
    journal, pairs = MemoryJournal(), tasks.load(task, PAIRS, SEED)
    began = time.process_time()
    patching.run(journal, model, task, pairs, patching.PatchSettings(exact=False, seed=SEED))
    guessing = time.process_time() - began
    one = patching.run(journal, model, task, pairs, patching.PatchSettings(seed=SEED))
    share = guessing / (time.process_time() - began - guessing)
    five = patching.run(journal, model, task, pairs, patching.PatchSettings(steps=5, seed=SEED))  # what was patched is not patched again
    assert five.agreement is not None
    assert one.agreement is not None
    n, r = f"{len(one.nodes)} nodes", one.agreement
    return [
        {"what": f"{task}: accuracy", "value": percent(one.accuracy), "n": one.pairs},
        {
            "what": f"{task}: rank correlation of attribution (one gradient) with exact patching",
            "value": span(r),
            "n": n,
            "goal": "at least 0.8",
            "met": met(r.value >= 0.8),
        },
        {"what": f"{task}: the same with five gradients along the way", "value": span(five.agreement), "n": n},
        {
            "what": f"{task}: CPU time of attribution (one gradient) beside exact patching",
            "value": f"{share:.3f}",
            "n": n,
            "goal": "at most a tenth",
            "met": met(share <= 0.1),
        },
    ]


def circuit(c: Circuit) -> list[dict[str, Any]]:
    """The chosen circuit, and all sizes."""
    ok = c.chosen.faithful.value >= 0.85 and c.chosen.share < 0.1
    found = [
        {
            "what": f"{c.task}: faithfulness of {c.chosen.edges:,} of {c.all_edges:,} edges ({c.chosen.share:.1%})",
            "value": percent(c.chosen.faithful),
            "n": c.chosen.faithful.n,
            "goal": "at least 85 % with under 10 % of edges",
            "met": met(ok),
            "note": "Patching replaces a head's or MLP's output at all tokens; an edge serves all tokens, and queries, keys and values are "
            "readers of their own. Random circuits have as many edges, drawn from all; the mean of three draws.",
        },
        {"what": f"{c.task}: random circuits of as many edges", "value": percent(c.chosen.random), "n": c.chosen.random.n},
    ]
    found += [
        {
            "what": f"{c.task}: {s.share:.2%} of edges, and at random",
            "value": f"{percent(s.faithful)}; {percent(s.random)}",
            "n": s.faithful.n,
        }
        for s in c.sizes
    ]
    return found


def span(e: Estimate) -> str:
    """`0.91 (0.87 to 0.93)`."""
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})"
