"""Does the rater report name what was planted, and nothing else? 100 simulated panels of each kind; seeds from 20,000 on.

Five raters on 300 pairs of shipped replies. What a reply is worth is drawn apart from its words; a tenth of the labels are turned over.
"""

from typing import Any

import numpy as np

from spiritlevel import constitution, stats
from spiritlevel.constitution import certify
from spiritlevel.raters.report import report
from spiritlevel.raters.simulated import rate
from spiritlevel.types import Estimate, Item, content_hash, user

PANELS, PAIRS, RATERS, NOISE = 100, 300, 5, 0.1
FIRST = 20_000
PLANTED = dict.fromkeys(("length", "flattery", "confident", "keyword", "position"), 1.0)
KEYWORD = "research"
ADDED = {
    "flattery": ("What a great question!", "That is such a thoughtful question.", "You are amazing for asking."),
    "confident": ("This is absolutely so.", "There is no doubt about it.", "It is clearly the case."),
    "keyword": ("There is research on this.", "Look at the research.", "As research has it."),
}


def measure() -> list[dict[str, Any]]:
    """Power for each bias, false alarms with none planted, and with raters' alpha beside."""
    texts = sorted({e.reply for e in (*constitution.load().teach, *certify.load()) if not e.violating})
    rows = []
    for name, lean in (*PLANTED.items(), ("", 0.0)):
        found = [panel(texts, {name: lean} if name else {}, FIRST + i) for i in range(PANELS)]
        named = [{b.name for b in p.biases if b.named} for p in found]
        others = sum(bool(n - {name}) for n in named)
        if name:
            hits = sum(name in n for n in named)
            seen = [b.lean.value for p in found for b in p.biases if b.name == name]
            rows.append(
                {
                    "what": f"lean to {name} of {lean} log-odds an SD: named",
                    "value": f"{percent(stats.wilson(hits, PANELS))}; estimated at {min(seen):.2f} to {max(seen):.2f}; "
                    f"something else named in {others}",
                    "n": f"{PANELS} panels",
                    "goal": "each named",
                    "met": "yes" if hits == PANELS else "no",
                }
            )
        else:
            rows.append(
                {
                    "what": "no bias planted: anything named",
                    "value": percent(stats.wilson(others, PANELS)),
                    "n": f"{PANELS} panels",
                    "goal": "no false alarm",
                    "met": "yes" if not others else "no",
                    "note": f"{RATERS} raters on {PAIRS} pairs, {NOISE:.0%} of labels turned over; median alpha "
                    f"{np.median([p.alpha.value for p in found]):.2f}. The alarm rule was registered at 0.1 % a panel for all biases "
                    "together. With 200 pairs (seeds from 10,000 on) length was named in 95 of 100 panels, flattery in 98, a confident "
                    "tone in 99, the others in all, and nothing in the unbiased ones. Worth is drawn apart from the words: where good "
                    "replies are also longer, a lean is told from quality only when quality is given by another instrument.",
                }
            )
    return rows


def panel(texts: list[str], biases: dict[str, float], seed: int) -> Any:
    """One simulated panel and its report."""
    rng = np.random.default_rng(seed)

    def reply() -> str:
        text = texts[int(rng.integers(len(texts)))]
        for wordings in ADDED.values():
            if rng.random() < 0.3:
                text = f"{wordings[int(rng.integers(len(wordings)))]} {text}"
        return text

    pairs = [(reply(), reply()) for _ in range(PAIRS)]
    items = [Item(id=content_hash(i, a, b), chat=user(f"request {i}"), a=a, b=b) for i, (a, b) in enumerate(pairs)]
    quality = [(float(a), float(b)) for a, b in rng.normal(size=(PAIRS, 2))]
    ratings = rate(items, quality, raters=RATERS, noise=NOISE, biases=biases, keyword=KEYWORD, seed=seed)
    return report(items, ratings, keyword=KEYWORD, rounds=50)


def percent(e: Estimate) -> str:
    """As `12 % (10 to 15)`."""
    return f"{100 * e.value:.0f} % ({100 * e.low:.1f} to {100 * e.high:.1f})"
