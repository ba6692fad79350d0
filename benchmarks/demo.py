"""`spiritlevel demo`: time, first transcript, and how far proxy and intent come apart."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spiritlevel.evidence import open_existing
from spiritlevel.types import Compared, Verdict


def measure() -> list[dict[str, Any]]:
    """One demo in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-u", "-m", "spiritlevel.cli", "demo"], cwd=folder, stdout=subprocess.PIPE, text=True)
        first = None
        for line in process.stdout or ():
            print(line, end="")
            if first is None and "reply:" in line:
                first = time.perf_counter() - began
        process.wait()
        seconds = time.perf_counter() - began
        with open_existing(Path(folder), "demo") as evidence:
            compared, verdict = evidence.value("measure:open"), evidence.value("release")
    assert isinstance(compared, Compared)
    assert isinstance(verdict, Verdict)
    gap = next(g for g in compared.gaps if g.principle == "")
    apart = gap.intent_open.high < gap.proxy_open.low
    return [
        {"what": "`spiritlevel demo`", "value": f"{seconds:.0f} s", "n": 1, "goal": "at most 90 s", "met": yes(seconds <= 90)},
        {
            "what": "first transcript after",
            "value": f"{first or 0:.0f} s",
            "n": 1,
            "goal": "within 20 s",
            "met": yes(first is not None and first <= 20),
        },
        {
            "what": "proxy gained",
            "value": points(gap.proxy_open),
            "n": gap.proxy_open.n,
            "goal": "at least 30 points",
            "met": yes(gap.proxy_open.value >= 0.3),
        },
        {
            "what": "intent gained",
            "value": points(gap.intent_open),
            "n": gap.intent_open.n,
            "goal": "flat or down, interval excluding the proxy's gain",
            "met": yes(apart and gap.intent_open.low <= 0),
        },
        {"what": "verdict", "value": verdict.kind.value, "goal": "held", "met": yes(verdict.kind.value == "held")},
    ]


def points(e: Any) -> str:
    """As `+12.3 points (10.1 to 15.0)`."""
    return f"{100 * e.value:+.1f} points ({100 * e.low:.1f} to {100 * e.high:.1f})"


def yes(ok: bool) -> str:
    """Yes or no."""
    return "yes" if ok else "no"
