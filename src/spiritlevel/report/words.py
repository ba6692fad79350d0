"""How numbers and hostile texts are put into words: percent with one decimal, else three significant digits."""

import math
import unicodedata

from spiritlevel.constitution import Constitution
from spiritlevel.constitution.model import MEASURES, SUITE
from spiritlevel.measured import INSIDE
from spiritlevel.types import Estimate, VerdictKind

MINUS = "\u2212"

LABELS = {
    "delivered_harm": "Delivered harm",
    "delivered_harm_corrected": "Delivered harm, corrected for the judge",
    "compliance": "Compliance with harm",
    "refusal": "Refusal of harmful prompts",
    "over_refusal_lookalike": "Over-refusal of look-alikes",
    "over_refusal_plain": "Over-refusal of plain instructions",
    "incoherence": "Incoherence",
    "kl": "KL to the base",
    "length_ratio": "Length ratio",
    "gap": "Gap",
    "readout_auroc": "Read-out of harm (AUROC)",
    "knows_but_complies": "Knows but complies",
    "safety_share": "Share of safety work",
    "says_otherwise": "Reads as harmful, calls harmless",
    "stated_auroc": "Harm as the model says it (AUROC)",
    "served": "Harmless requests that are served",
    "triggered": "Reading jumped on harmless words",
    "triggered_aims": "Reading of hidden aims jumped on harmless words",
    "triggered_random": "The same from shuffled pairs",
    "harm_ablated": "Delivered harm with a direction ablated",
    "sandbagging_steered": "Accuracy that a cue hides, by ablation",
    "sandbagging_tuned": "Accuracy that a cue hides, by a few examples",
    "evaluation_awareness": "Test-like told from user-like (AUROC)",
    "evaluation_shift": "Refusals, pushed towards a test less towards a user",
    "random_shift": "The same along a random direction",
    "answered": "Plain prompts answered",
    "task_nats": "Benign task, nats a token gained",
}
GAINS = frozenset(
    {"evaluation_shift", "random_shift", "gap", "proxy_teach", "proxy_open", "intent_open", "noise_only", "noise_only_gap"}
    | {"sandbagging_steered", "sandbagging_tuned"}
)
"""Changes by their name alone: always in points of probability."""
PLAIN = frozenset({"kl", "length_ratio", "readout_auroc", "stated_auroc", "evaluation_awareness"})
SHARES = (frozenset(MEASURES) - PLAIN) | GAINS | {"share", "served", "says_otherwise", "refusal_at_depth", "answered", "triggered_random"}
PREFIXES = ("oversight:", "tamper:", "usage:", INSIDE)
"""Before the names of measures that are shares, whatever they are of."""

TITLES = {VerdictKind.APPROVED: "Approved", VerdictKind.HELD: "Held", VerdictKind.UNPROVEN: "Unproven"}
MEANINGS = {
    VerdictKind.APPROVED: "Every condition of release was shown, by evidence that did not train, select or stop this model.",
    VerdictKind.HELD: "At least one condition fails even on the kindest reading of its evidence: do not release this model.",
    VerdictKind.UNPROVEN: "No condition failed outright, but not every one was shown. Unproven is never a pass.",
}


def visible(text: str, limit: int = 4000, note: bool = True) -> str:
    """Text that can neither hide nor reorder: control, format, surrogate and unassigned characters are spelled out, stacked
    combining marks counted, all past `limit` code points cut (with a note). Line feeds and tabs stay.
    """
    out: list[str] = []
    marks = 0
    for char in text[:limit]:
        kind = unicodedata.category(char)
        if kind in ("Mn", "Me"):
            marks += 1
            if marks > 3:
                continue
        elif marks > 3:
            out.append(f"⟨{marks - 3} more marks⟩")
            marks = 0
        else:
            marks = 0
        out.append(_spelled(char, kind))
    if marks > 3:
        out.append(f"⟨{marks - 3} more marks⟩")
    if len(text) > limit:
        out.append(f" … [cut here: {len(text) - limit:,} more characters]" if note else "…")
    return "".join(out)


def _spelled(char: str, kind: str) -> str:
    if char in "\n\t":
        return char
    if kind in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"):
        return f"⟨U+{ord(char):04X}⟩"
    return char


def line(text: str, limit: int = 200) -> str:
    """`visible` on one line."""
    return visible(" ".join(text[: 4 * limit].split()), limit, note=False)


def label(name: str) -> str:
    """A measure's name for people."""
    return LABELS.get(name) or line(name.replace("_", " "))


def describe(name: str) -> str:
    """What a measure is, in a clause; empty when it is none of the policy's."""
    return MEASURES.get(name, "") or ("figure of a suite" if name.startswith(SUITE) else "")


def number(value: float, name: str, phase: str = "") -> str:
    """Shares in percent, their changes in signed points, all else to three significant digits; `n/a` when not finite."""
    if not math.isfinite(value):
        return "n/a"
    change = changes(name, phase)
    if shared(name):
        return _rounded(100 * value, 1, change) + (" points" if change else "%")
    return _rounded(value, digits(value), change) + (" nats" if name == "kl" else "")


def shared(name: str) -> bool:
    """Whether a measure is a share, told in percent."""
    return name in SHARES or name.startswith((SUITE, *PREFIXES))


def changes(name: str, phase: str = "") -> bool:
    """Whether a figure is a change, told with its sign and in points."""
    return phase == "change" or name in GAINS or " moved by " in name


def digits(value: float) -> int:
    """Decimals that leave three significant digits; 6 at most."""
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 6) if value and math.isfinite(value) else 2


def _rounded(value: float, decimals: int, signed: bool = False) -> str:
    if not math.isfinite(value):
        return "n/a"
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    # what rounds to zero has no sign
    return (text if text.strip("+-0.") else text.lstrip("+-")).replace("-", MINUS)


def interval(e: Estimate, phase: str = "") -> str:
    """`38.1 to 48.4, n = 120`; the confidence is added where it is not 95 %."""
    share, change = shared(e.name), changes(e.name, phase)
    low, high = (_rounded(100 * v if share else v, 1 if share else digits(e.value), change) for v in (e.low, e.high))
    sure = "" if abs(e.confidence - 0.95) < 1e-9 else f" at {100 * e.confidence:.1f}%"
    return f"{low} to {high}{sure}, n = {e.n:,}"


def told(e: Estimate, phase: str = "") -> str:
    """Value, interval and n in one line."""
    return f"{number(e.value, e.name, phase)} ({interval(e, phase)})"


def subject(law: Constitution, principle: str) -> str:
    """Title of what a measurement is about: a principle, a pooled category or horizon, or all of them."""
    if not principle:
        return "All principles"
    kind, _, name = principle.partition(":")
    if kind == "category" and name in law.policy.categories:
        return law.policy.categories[name].title
    if kind == "horizon" and name:
        return {"near": "Near-term principles", "long": "Long-term principles", "both": "Principles of both horizons"}.get(name, line(name))
    return next((p.title for p in law.principles if p.id == principle), line(principle))


def short(id: str, length: int = 8) -> str:
    """The first digits of a hash; names that are no hashes stay."""
    bare = len(id) > length + 4 and all(c in "0123456789abcdef-" for c in id)
    return id[:length] if bare else line(id, 60)
