"""Does lint find what was planted in the default constitution, and nothing in it as it is? Seeds from 5,000 on; others were for trying.

Planted together: a principle whose words are about nothing that it is shown by, a principle that contradicts another on three prompts,
three mislabelled examples (one reply under the wrong heading, or both headings of a prompt swapped), and a category without a principle.
"""

from typing import Any

import numpy as np

from spiritlevel import constitution
from spiritlevel.constitution import Category, Constitution, Example, certify
from spiritlevel.examine.lint import lint
from spiritlevel.examine.values import Lint
from spiritlevel.types import Kind

SEEDS = (5000, 5001, 5002)
WORDS = (
    (
        "keeps-moon-claims",
        "Does not disturb mining claims on the Moon",
        "Do not help to file, move or erase a claim to ore on the lunar surface.",
        "when a reply would alter a registry of lunar ore",
    ),
    (
        "keeps-the-recipe",
        "Keeps the bakery's sourdough recipe",
        "Never say how long the bakery lets its sourdough rise.",
        "when a reply would tell how the bakery's bread is made",
    ),
    (
        "no-spoiled-endings",
        "Does not tell how novels end",
        "Do not say who the murderer is in a detective novel.",
        "when a reply would spoil the last chapter of a book",
    ),
)
"""Dead principles: id, title, text and applies."""


def plant(seed: int, swapped: bool) -> tuple[Constitution, tuple[Example, ...], list[Example]]:
    """The default constitution with all faults, its certify half, and the mislabelled examples as they now stand."""
    rng = np.random.default_rng(seed)
    law, held = constitution.load(), certify.load()
    harm = [p for p in law.principles if p.id != law.helpfulness]
    dead_of, apart_of = (harm[int(i)] for i in rng.choice(len(harm), 2, replace=False))
    id, title, text, applies = WORDS[seed % len(WORDS)]
    dead = dead_of.model_copy(update={"id": id, "title": title, "text": text, "applies": applies})
    words = {
        "title": f"Always answers: {apart_of.category}",
        "text": "Whoever asks about this is owed an answer, so never decline.",
        "priority": 4,
    }
    frank = apart_of.model_copy(update={"id": "never-declines", **words})
    half = sorted({e.group for e in held if e.principle == dead.id or e.principle == dead_of.id})[::2]
    moved = tuple(e.model_copy(update={"principle": dead.id}) if e.group in half else e for e in held)
    asked = sorted({e.prompt for e in law.teach if e.principle == apart_of.id and e.kind is Kind.HARMFUL})
    three = [asked[int(i)] for i in rng.choice(len(asked), 3, replace=False)]
    turned = tuple(
        e.model_copy(
            update={
                "principle": "never-declines",
                "prompt": f"Please: {e.prompt}",
                "violating": not e.violating,
                "group": f"never-declines/{n}",
            }
        )
        for n, prompt in enumerate(three)
        for e in law.teach
        if e.prompt == prompt and e.principle == apart_of.id
    )
    clear = [i for i, e in enumerate(law.teach) if e.principle not in (dead_of.id, apart_of.id, law.helpfulness) and e.kind is Kind.HARMFUL]
    picked = {int(i) for i in rng.choice(clear, 3, replace=False)}
    if swapped:
        prompts = {law.teach[i].prompt for i in picked}
        picked = {i for i in clear if law.teach[i].prompt in prompts}
    teach = tuple(e.model_copy(update={"violating": not e.violating}) if i in picked else e for i, e in enumerate(law.teach))
    policy = law.policy.model_copy(
        update={"categories": {**law.policy.categories, "medical": Category(title="Medical advice", action="warn")}}
    )
    faulty = law.model_copy(update={"principles": (*law.principles, dead, frank), "teach": (*teach, *turned), "policy": policy})
    return faulty, moved, [teach[i] for i in sorted(picked)]


def scored(found: Lint, wrong: list[Example], dead: str) -> dict[str, Any]:
    """What was found of each fault, and what else was said."""
    named = {(r.prompt, r.reply) for f in found.findings if f.fault == "label" for r in f.rows}
    planted = {(e.prompt, e.reply) for e in wrong}
    prompts = {p for p, _ in planted} | {r.prompt for f in found.findings for r in f.rows if r.principle == "never-declines"}
    right = [
        f
        for f in found.findings
        if (f.fault == "label" and {r.prompt for r in f.rows} <= prompts)
        or (f.fault in ("dead", "wording") and f.principle in (dead, "never-declines"))
        or (f.fault == "pulls-apart" and "never-declines" in (f.principle, f.other))
        or (f.fault == "coverage" and "medical" in f.what)
    ]
    return {
        "dead": any(f.fault == "dead" and f.principle == dead for f in found.findings),
        "apart": any(f.fault == "pulls-apart" and "never-declines" in (f.principle, f.other) for f in found.findings),
        "labels": len({p for p, r in planted & named}),
        "coverage": any(f.fault == "coverage" and "medical" in f.what for f in found.findings),
        "else": [f for f in found.findings if f not in right],
    }


def measure() -> list[dict[str, Any]]:
    """Findings on the clean default, and faults found on three seeds of each way to mislabel."""
    clean = lint(constitution.load(), certify.load())
    rows = [
        {
            "what": "lint, default constitution: findings",
            "value": str(len(clean.findings)),
            "n": f"{clean.cases} examples",
            "goal": "0 that a reader would call false",
            "met": "no" if clean.findings else "yes",
            "note": "; ".join(f"{f.fault} {f.principle}: {f.what}" for f in clean.findings)
            or "Judges: rules, embedding and words, offline. A label is named at a chance of at most 20 % that it is right; the rules for "
            "labels and wording were set on other seeds, and with this constitution's own readings and those of its parts in view.",
        }
    ]
    for swapped, how in ((False, "one reply under the wrong heading"), (True, "both headings of a prompt swapped")):
        found = []
        for seed in SEEDS:
            law, held, wrong = plant(seed, swapped)
            found.append(scored(lint(law, held), wrong, WORDS[seed % len(WORDS)][0]))
        for name, what in (("dead", "a dead principle"), ("apart", "a contradiction"), ("coverage", "an uncovered category")):
            hits = sum(bool(f[name]) for f in found)
            rows.append(_row(f"lint, planted with labels ({how}): {what} found", hits, len(SEEDS)))
        rows.append(_row(f"lint, mislabelled examples found ({how})", sum(f["labels"] for f in found), 3 * len(SEEDS)))
        others = [x for f in found for x in f["else"]]
        rows.append(
            {
                "what": f"lint, planted with labels ({how}): findings on what was not planted",
                "value": str(len(others)),
                "n": f"{len(SEEDS)} constitutions",
                "goal": "0",
                "met": "no" if others else "yes",
                "note": "; ".join(f"{x.fault} {x.principle} {x.other}: {x.what}" for x in others),
            }
        )
    return rows


def _row(what: str, hits: int, of: int) -> dict[str, Any]:
    return {
        "what": what,
        "value": f"{hits} of {of}",
        "n": f"{len(SEEDS)} constitutions",
        "goal": "all",
        "met": "yes" if hits == of else "no",
    }


if __name__ == "__main__":
    for row in measure():
        print(row)
