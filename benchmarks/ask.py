"""`spiritlevel ask` on a finished run of a tiny transformer: questions with known answers, and questions that no run answers.

    python benchmarks/ask.py [FILE FOLDER]

What is right is read off the run's values and not off the statements: the first sentence must hold the known figure, name or reason, and
its rows must be those of that value. A question without an answer must be declined. The lexicon and six weights were fitted to the
development questions (ask_development.jsonl); what a question asks for is learnt from others, of our own (examples.yaml). Six earlier
sets of 30 and 10 test questions gave 19 and 10, 22 and 9, 24 and 9, 24 and 10, 24 and 10, then 22 and 9 right at first sight, before
anything was learnt from examples; two more gave 26 and 10, and 26 and 10 (27 November 2026) since. They are development questions now,
beside 92 and 41 more in many voices. The next (ask_questions.jsonl) is written by another hand, who has read neither lexicon nor
examples, and is told at first sight. A line of it is {"q": QUESTION} for one that no run answers; else it has one key more, of those in
`known`.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
TEST, DEVELOPMENT = HERE / "ask_questions.jsonl", HERE / "ask_development.jsonl"
CONFIG: dict[str, Any] = {
    "model": "tiny:llama",
    "elicit": {"teach": 2, "harmful": 5, "harmless": 2, "max_tokens": 8, "attacks": ["direct", "prefix-injection", "role-play"]},
    "finetune": {
        "candidates": 1,
        "revision_tokens": 4,
        "sft": {"epochs": 1, "lr": 1e-3, "save_every": 3},
        "dpo": {"epochs": 1, "lr": 1e-4},
    },
    "interpret": {"every": 1, "max_prompts": 40, "depths": [0, 2], "asked": 4, "contrast": "none"},
    "measure": {"kl_prompts": 4, "kl_tokens": 6, "rounds": 100},
    "release": {"read_sealed": False},
}
"""The default constitution on a random transformer of two layers, with fixed seeds."""


def made(root: Path) -> None:
    """The run, by the loop itself, in one thread: training and its verdict would else depend on their number."""
    import torch

    from spiritlevel import loop
    from spiritlevel.config import LoopConfig
    from spiritlevel.evidence import open_run

    torch.set_num_threads(1)
    config = LoopConfig.model_validate(CONFIG)
    with open_run(root, "fixture", config.identity, config.to_yaml(), quiet=True) as evidence:
        loop.run(config, evidence)


def known(evidence: Any, law: Any, item: dict[str, Any]) -> tuple[tuple[str, ...], set[str]] | None:
    """(what the sentence must hold, rows that must be among its own); None for a question without an answer."""
    from spiritlevel.report import words

    compared, inside, tuned, verdict = (evidence.value(label) for label in ("measure:open", "interpret", "finetune", "release"))
    steps = {s.label: f"step:{s.key}" for s in evidence.steps()}
    config: Any = yaml.safe_load((evidence.folder / "config.yaml").read_text("utf-8"))
    check = {c.threshold: c for c in verdict.checks}
    lineage = f"lineage:{tuned.lineage.weights}"
    match next(((k, v) for k, v in item.items() if k != "q"), None):
        case None:
            return None
        case "verdict", _:
            return (f"The verdict is {verdict.kind.value}",), {steps["release"]}
        case "why", _:
            first = next(c for c in verdict.checks if c.result is verdict.kind)
            return (first.threshold, verdict.kind.value, first.reason), set(first.rows)
        case "needs", id:
            return (id, check[id].needs), set(check[id].rows)
        case "threshold", id:
            t = next(t for t in law.policy.thresholds if t.id == id)
            return (id, f"at most {words.number(t.at_most, t.measure, t.phase)}"), {steps["release.given"]}
        case "figure", [name, phase, principle, cell]:
            m = next(
                m
                for m in compared.measurements
                if (m.estimate.name, m.phase, m.principle, m.cell) == (name, phase, principle, cell) and m.role != "oracle"
            )
            return (words.told(m.estimate, phase), *((principle,) if principle else ())), set(m.rows)
        case "gap", bar:
            g = next(g for g in compared.gaps if not g.principle)
            return (words.told(getattr(g, bar)), "gap"), set(g.rows)
        case "inside", ["readout_auroc", phase]:
            best = max((getattr(r, phase) for r in inside.layers), key=lambda e: e.value)
            return (words.told(best), "layer"), {steps["interpret"]}
        case "lineage", _:
            clusters = sum(u.atom.startswith("cluster:") and u.how == "train" for u in tuned.lineage.uses)
            return (f"trained on {clusters:,} clusters",), {lineage}
        case "training", "lessons":
            return (f"{tuned.lessons.n:,} lessons",), {tuned.lessons.id}
        case "training", "judges":
            return tuple(j.name for j in tuned.lineage.judges), {lineage}
        case "sealed", "read":
            return ("The sealed set was not read",), {steps["release"]}
        case "sealed", "attempts":
            return (f"{law.policy.sealed_attempts} readings",), set()
        case "signed", _:
            return ("Nobody has signed",), {steps["release"]}
        case "cost", label:
            step = next(s for s in evidence.steps() if s.label == label)
            return (f"{step.cost.seconds:,.1f} s", f"{step.cost.cpu_seconds:,.1f} s of CPU"), {steps[label]}
        case "config", key:
            for part in key.split("."):
                config = config[part]
            return (f"{key} to {config}",), {"file:config.yaml"}
        case "families", _:
            seen = evidence.value("elicit:open")
            return seen.families, {seen.transcripts.id}
        case "prompts", side:
            seen = evidence.value(f"elicit:{side}")
            return (f"{seen.prompts:,} {side} prompts",), {seen.transcripts.id}
        case "model", phase:
            return (getattr(compared, phase).spec, getattr(compared, phase).key), {steps["measure:open"]}
        case "unknown", part:
            return (part,), set()
        case "concept", heading:
            return (f"docs/concepts.md, {heading}",), set()
    raise ValueError(f"no such answer: {item}")


def right(answer: Any, wanted: tuple[tuple[str, ...], set[str]] | None) -> bool:
    """Whether the first sentence is the known one with its rows; for no answer, that it was declined."""
    if wanted is None:
        return not answer.answered
    parts, rows = wanted
    if not answer.statements:
        return False
    first = answer.statements[0]
    sourced = bool(first.rows) or bool(first.source)
    return all(part in f"{first.text} {first.source}" for part in parts) and rows <= set(first.rows) and sourced


def asked(root: Path, file: Path, embed: bool) -> list[tuple[dict[str, Any], Any, bool]]:
    """(question, answer, whether it is right) of a file of questions."""
    from spiritlevel import constitution, elicit
    from spiritlevel.cli import runs
    from spiritlevel.evidence import open_existing
    from spiritlevel.report import ask

    with open_existing(root, "fixture") as evidence:
        config = runs.saved(evidence)
        law = constitution.load(config.constitution)
        ready = ask.prepared(ask.told_of(evidence, law, config.model_dump(mode="json"), elicit.provoked(evidence)), embed=embed)
        items = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        answers = [(item, ready.answer(item["q"])) for item in items]
        return [(item, answer, right(answer, known(evidence, law, item))) for item, answer in answers]


def measure() -> list[dict[str, Any]]:
    """Test and development questions, with sentence embeddings and without."""
    from spiritlevel.stats import wilson

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        made(Path(folder))
        for part, file in (("test", TEST), ("development", DEVELOPMENT)):
            for how, embed in (("with sentence embeddings", True), ("without them", False)):
                found = asked(Path(folder), file, embed)
                goals = {"known": "at least 27 of 30", "none": "10 of 10"} if part == "test" and embed else {}
                for kind, what in (("known", "answered right with the right rows"), ("none", "declined")):
                    mine = [ok for item, _, ok in found if (len(item) > 1) == (kind == "known")]
                    e = wilson(sum(mine), len(mine))
                    goal = goals.get(kind, "")
                    met = {"goal": goal, "met": "yes" if sum(mine) >= int(goal.split(" of ")[0].split()[-1]) else "no"} if goal else {}
                    wrong = [item["q"] for item, _, ok in found if not ok and (len(item) > 1) == (kind == "known")]
                    missed = "; ".join(f"missed: {q}" for q in wrong)
                    rows.append(
                        {
                            "what": f"{part} questions {'with an answer' if kind == 'known' else 'that no run answers'}, {how}: {what}",
                            "value": f"{sum(mine)} of {len(mine)} ({e.low:.0%} to {e.high:.0%})" + (f" ({missed})" if missed else ""),
                            "n": len(mine),
                            "note": " ".join((__doc__ or "").split("\n\n")[-1].split()),
                            **met,
                        }
                    )
    return rows


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if len(sys.argv) > 2:  # FILE of questions, FOLDER with a run named `fixture`
        for item, answer, ok in asked(Path(sys.argv[2]), Path(sys.argv[1]), "--lexical" not in sys.argv):
            said = [s.text[:160] for s in answer.statements]
            print("right" if ok else "WRONG", item, answer.answered, answer.missing, *([] if ok else said), sep=" | ")
    else:
        for row in measure():
            print(row["what"], row["value"], row.get("met", ""), sep=" | ")
