"""How well do proposals that were mined from people's preferences predict held-out ones? Two sets, neither of which set a number here.

HHH alignment: experts' pairs. HH harmless: one crowd worker's word a pair (about 63 % agreement with researchers), its prompt groups
outside the development part (`fold_of("dev" + group) == 0`), on which the method was tried. Prompts are mined or test, never both.
"""

from pathlib import Path
from typing import Any

from spiritlevel import constitution
from spiritlevel.examine.propose import propose
from spiritlevel.examine.refits import fold_of
from spiritlevel.raters.files import read_preferences
from spiritlevel.types import Estimate, Preference

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = (("pref_hhh_alignment", "HHH alignment"), ("pref_hh_harmless", "HH harmless"))
DEVELOPED = "pref_hh_harmless"


def pairs(name: str, developing: bool = False) -> list[Preference]:
    """The pairs of a set, or of its development part."""
    found = read_preferences(DATA / f"{name}.jsonl")
    return [p for p in found if name != DEVELOPED or (fold_of(f"dev{p.cluster}", 2) == 0) == developing]


def measure() -> list[dict[str, Any]]:
    """Accuracy of the default constitution on held-out preferences, and with what was proposed from the others."""
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is absent: the figures need the shared public data")
    rows = []
    for name, title in SETS:
        found = propose(constitution.load(), pairs(name))
        n = f"{found.now.n} held-out prompt groups"
        change = found.change
        rows += [
            {"what": f"{title}: the default constitution predicts", "value": said(found.now), "n": n, "goal": "over chance, 0.5",
             "met": "yes" if found.now.low > 0.5 else "not shown"},
            {"what": f"{title}: with all {len(found.proposals)} proposals", "value": said(found.together), "n": n},
            {"what": f"{title}: change, paired", "value": said(change), "n": n, "goal": "over 0",
             "met": "yes" if change.low > 0 else "no" if change.high < 0 else "not shown",
             "note": f"{title}: " + ("; ".join(f"{p.title}: {said(p.change)}" for p in found.proposals) or "nothing was proposed") + "."},
        ]  # fmt: skip
    return rows


def said(e: Estimate) -> str:
    """Value with its interval."""
    return f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})"


if __name__ == "__main__":
    for row in measure():
        print(row)
