"""How long `spiritlevel --help` takes, and that it loads nothing heavy."""

import statistics
import subprocess
import sys
import time
from typing import Any

HEAVY = ("torch", "transformers", "sklearn", "sqlalchemy", "scipy", "numpy")


def measure() -> list[dict[str, Any]]:
    """Median of 15 starts in processes of their own."""
    times = []
    for _ in range(15):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "spiritlevel.cli", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    middle = statistics.median(times)
    code = f"import sys; import spiritlevel.cli.commands; print([m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    return [
        {
            "what": "`spiritlevel --help`, median of 15 starts (least to most)",
            "value": f"{middle:.2f} s ({min(times):.2f} to {max(times):.2f})",
            "n": 15,
            "goal": "at most 0.3 s",
            "met": "yes" if middle <= 0.3 else "no",
        },
        {"what": "heavy modules loaded by it", "value": loaded, "goal": "none", "met": "yes" if loaded == "[]" else "no"},
    ]
