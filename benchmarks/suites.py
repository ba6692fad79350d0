"""All suites on the bundled model before and after alignment, from the shared data; and capability against alignment over one family.

    python benchmarks/suites.py [--after path:DIR] [--most 80] [--points 80] [--spec bundled]

Without `--after` a quick aligned copy is made: one pass of supervised fine-tuning on the constitution's taught replies.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")

from spiritlevel import backends, constitution
from spiritlevel.evidence import MemoryJournal
from spiritlevel.measure import suites
from spiritlevel.measure.suites.degrade import write
from spiritlevel.measure.suites.family import along
from spiritlevel.types import Estimate, ModelRef, Turn, user

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FAMILY = (("pruned", 1), ("pruned", 4), ("quantised", 4), ("noised", 0.1), ("noised", 0.2))
CAPABILITY, ALIGNED = "arc-easy", ("truthfulqa", "power-seeking")
MINUTES = 30


def aligned(spec: str, home: Path) -> str:
    """`path:DIR` of a copy of the model that has learnt the constitution's own good replies in one pass."""
    import torch

    lessons = [one for one in constitution.load().teach if not one.violating]
    model: Any = backends.open_weights(backends.resolve(spec, dtype="float32"), None)
    module = model.module.train()
    optimiser = torch.optim.AdamW(module.parameters(), lr=2e-5)
    random = torch.Generator().manual_seed(0)
    order = torch.randperm(len(lessons), generator=random).tolist()
    for first in range(0, len(order), 8):
        chats = [(*user(lessons[i].prompt), Turn(role="assistant", content=lessons[i].reply)) for i in order[first : first + 8]]
        part = [model.render_labelled(chat) for chat in chats]
        ids, mask = model._padded([one for one, _ in part])
        labels = torch.full_like(ids, -100)
        for row, (one, start) in enumerate(part):
            labels[row, start : len(one)] = ids[row, start : len(one)]
        module(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    module.eval().to(torch.bfloat16).save_pretrained(home)
    model.tokenizer.save_pretrained(home)
    return f"path:{home}"


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
    with tempfile.TemporaryDirectory() as home:
        tuned = after or aligned(spec, Path(home))
        return [*both(backends.resolve(spec), backends.resolve(tuned), most), *against(spec, points)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("after", ""), ("most", 80), ("points", 80), ("spec", "bundled")):
        parser.add_argument(f"--{name}", default=default, type=type(default))
    for row in measure(**vars(parser.parse_args())):
        print(row["what"], row["value"], row.get("met", ""))
