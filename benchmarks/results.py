"""`make results NAME=...` measures one thing and stores its rows; without a name, docs/results.md is rendered from what is stored.

A row: goal, what was measured, value with interval or spread, n, whether the goal is met, the command, the seed, the machine, the date.
"""

import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results.md"
NAMES = (
    "startup",
    "run",
    "demo",
    "alignment",
    "judges",
    "intervals",
    "overoptimisation",
    "generation",
    "training",
    "rloo",
    "durability",
    "client",
    "attempts",
    "realism",
    "campaign",
    "best_of_n",
    "raters",
    "reward",
    "reward_biases",
    "rl",
    "transfer",
    "oversight",
    "gate",
    "verify",
    "suites",
    "multiple_choice",
    "suite_intervals",
    "harm_probe",
    "backdoor_probe",
    "capture",
    "guard",
    "lint",
    "propose",
    "revision",
    "cai",
    "power",
    "power_quick",
    "direction",
    "tamper",
    "circuits",
    "ask",
)
MODULES = {"verify": "tamper_evidence"}
"""Where a result's module bears another name."""
HEAD = """# Results

Every figure here was printed by the command beside it, on the machine named, and is rendered from the rows in `benchmarks/results/`.
Intervals are 95 % unless said otherwise. A goal that is missed says so.
"""


def measure(name: str) -> None:
    """Run `benchmarks/NAME.py`'s measure() and store what it returns."""
    began = time.monotonic()
    rows: list[dict[str, Any]] = importlib.import_module(MODULES.get(name, name)).measure()
    record = {
        "name": name,
        "command": f"make results NAME={name}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "rows": rows,
    }
    STORE.mkdir(exist_ok=True)
    (STORE / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    for row in rows:
        print(f"{row['what']}: {row['value']}  ({row.get('goal', 'no goal')}: {row.get('met', '')})")


def machine() -> str:
    """Processor and cores, without a host's name."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def render() -> None:
    """Write docs/results.md from the stored rows."""
    parts = [HEAD]
    for name in NAMES:
        file = STORE / f"{name}.json"
        if not file.exists():
            continue
        record = json.loads(file.read_text("utf-8"))
        parts.append(f"\n## {name}\n\n`{record['command']}`: {record['minutes']} minutes on {record['date']}; {record['machine']}.\n")
        parts.append("| what | value | n | goal | met |\n| --- | --- | --- | --- | --- |")
        for row in record["rows"]:
            parts.append(f"| {row['what']} | {row['value']} | {row.get('n', '')} | {row.get('goal', '')} | {row.get('met', '')} |")
        notes = [row["note"] for row in record["rows"] if row.get("note")]
        parts += [f"\n{note}" for note in dict.fromkeys(notes)]
    PAGE.write_text("\n".join(parts) + "\n", "utf-8")
    print(f"rendered {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "benchmarks"))
    for wanted in sys.argv[1:]:
        if wanted not in NAMES:
            sys.exit(f"no result named {wanted!r}; one of {', '.join(NAMES)}")
        measure(wanted)
    render()
