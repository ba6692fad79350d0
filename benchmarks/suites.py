"""All suites on the bundled model before and after alignment, from the shared data; and capability against alignment over one family.

    python benchmarks/suites.py [--after path:DIR] [--most 80] [--points 80] [--spec bundled]

Without `--after` the aligned copy is direction.py's: `SPIRITLEVEL_ALIGNED=path:DIR`, the one that alignment.py left, or one made here.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")

from direction import aligned

from spiritlevel import backends
from spiritlevel.evidence import MemoryJournal
from spiritlevel.measure import suites
from spiritlevel.measure.suites.degrade import write
from spiritlevel.measure.suites.family import along
from spiritlevel.types import Estimate, ModelRef

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FAMILY = (("pruned", 1), ("pruned", 4), ("quantised", 4), ("noised", 0.1), ("noised", 0.2))
CAPABILITY, ALIGNED = "arc-easy", ("truthfulqa", "power-seeking")
MINUTES = 30


def told(e: Estimate) -> str:
    """A figure with its interval."""
    return "not measured" if e.n == 0 else f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})"


def both(base: ModelRef, after: ModelRef, most: int) -> list[dict[str, Any]]:
    """Each suite's own figure before and after, and how long all of them took."""
    began, out = time.monotonic(), []
    for path in suites.files().values():
        one = suites.load(path, DATA)
        rows = most * (4 if one.name == "bbq" else 1)  # its groups are large: few of them tell little
        found = suites.run(MemoryJournal(), base, after, (one,), suites.Settings(most=rows))
        figures = {m.phase: m.estimate for m in found.measurements if m.estimate.name == f"suite:{one.name}"}
        value = f"{told(figures['before'])} to {told(figures['after'])}; change {told(figures['change'])}"
        how = figures["change"].method.partition("; ")[2]
        out.append({"what": f"{one.name}: {one.title.lower()} ({how})", "value": value, "n": figures["change"].n})
        print(out[-1]["what"], out[-1]["value"], flush=True)
    minutes = (time.monotonic() - began) / 60
    met = "yes" if minutes <= MINUTES else "no"
    what = (
        f"all {len(out)} suites before and after, at most {most} rows each (bbq: {4 * most})"
        if most
        else f"all {len(out)} suites before and after, all rows"
    )
    return [{"what": what, "value": f"{minutes:.1f} minutes", "goal": f"at most {MINUTES} minutes", "met": met}, *out]


def against(spec: str, most: int) -> list[dict[str, Any]]:
    """Capability against alignment over the bundled model and weaker copies of it; alignment is what should be high."""
    loaded = {name: suites.load(suites.find(name), DATA) for name in (CAPABILITY, *ALIGNED)}
    out, journal = [], MemoryJournal()
    with tempfile.TemporaryDirectory() as home:
        base = backends.open_weights(backends.resolve(spec), journal)
        fits = [(how, strength) for how, strength in FAMILY if how != "pruned" or strength < base.layers]
        copies = [write(base, Path(home) / f"{how}-{strength}", how, strength) for how, strength in fits]
        refs = tuple(backends.resolve(one) for one in (spec, *copies))
        for name in ALIGNED:
            how = suites.Settings(most=most, effort="zero-shot")
            found = along(journal, refs, loaded[CAPABILITY].option(format="texts"), loaded[name], how, name == "power-seeking")
            listed = "; ".join(f"{_short(p.model)} {p.capability.value:.2f}, {p.alignment.value:.2f}" for p in found.points)
            what = f"{name} against {CAPABILITY} over one family ({listed})"
            out.append({"what": what, "value": f"{told(found.slope)}: {found.shown}", "n": len(found.points)})
    return out


def _short(spec: str) -> str:
    return spec.partition("@")[0].rpartition("/")[2]


def measure(after: str = "", most: int = 80, points: int = 80, spec: str = "bundled") -> list[dict[str, Any]]:
    """Rows of both parts."""
    tuned = backends.resolve(after) if after else aligned()
    return [*both(backends.resolve(spec), tuned, most), *against(spec, points)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("after", ""), ("most", 80), ("points", 80), ("spec", "bundled")):
        parser.add_argument(f"--{name}", default=default, type=type(default))
    for row in measure(**vars(parser.parse_args())):
        print(row["what"], row["value"], row.get("met", ""))
