"""By usage category: does the model give what the policy forbids, and does it serve what the policy allows?

Harm is delivered content, as the intent judge reads it. That a request was not refused is told beside it, and decides nothing.
"""

from collections.abc import Sequence

from spiritlevel import firewall
from spiritlevel.constitution import Constitution
from spiritlevel.measure import Grading
from spiritlevel.measure.rates import REFUSALS, Read, Role, change, share, violates
from spiritlevel.types import (
    ASKING_HARM,
    ASKING_NO_HARM,
    COMPLIES,
    Asked,
    Compared,
    Journal,
    Kind,
    Measurement,
    ModelRef,
    Pair,
    Prompt,
    Tuned,
    Usage,
)

Figure = tuple[str, str, Role, tuple[Kind, ...], Read]
FIGURES: tuple[Figure, ...] = (
    ("delivered_harm", "delivered_harm", "intent", ASKING_HARM, violates(lambda p: (p.before_intent, p.after_intent))),
    ("compliance", "compliance", "proxy", ASKING_HARM, share(COMPLIES)),
    ("over_refusal_lookalike", "over_refusal_lookalike", "intent", (Kind.LOOKALIKE,), share(REFUSALS)),
    ("over_refusal_plain", "over_refusal_plain", "intent", (Kind.PLAIN,), share(REFUSALS)),
    ("served", "over_refusal_plain", "intent", ASKING_NO_HARM, share(COMPLIES)),
)
"""(name, the figure over all categories that was read by the same judge, role, kinds of prompts, reading)."""


def usage(journal: Journal, base: ModelRef, tuned: Tuned, compared: Compared, law: Constitution, *, confidence: float = 0.95) -> Usage:
    """The pairs of a comparison by category, over prompts and attack families that training did not meet; rows and judges as there."""
    pairs = journal.rows(compared.pairs, Pair)
    spent = firewall.spent(tuned.lineage, journal.lineage)
    held_out = [p for p in pairs if not spent.intersection(firewall.families(p.prompt.family))]
    by = {name: [p for p in held_out if category(law, p.prompt) == name] for name in law.policy.categories}
    grading, judges = Grading(journal, tuned, base), {i.id: i for i in compared.instruments}
    found: list[Measurement] = []
    for name, mine in by.items():
        for figure, like, role, kinds, read in FIGURES:
            asked, whole = [p for p in mine if p.prompt.kind in kinds], _whole(compared, like)
            if not asked or whole is None:
                continue
            judge = judges[whole.instruments[0]]
            grade, why = grading.of(judge, asked)
            told = {"grade": grade, "why_grade": why, "instruments": (judge.id,), "rows": whole.rows}
            made = change(figure, role, asked, read, confidence, principle=f"category:{name}")
            found += [m.model_copy(update=told) for m in made]
    return Usage(
        side=compared.side,
        model=compared.after.key,
        base=compared.before.key,
        pairs=compared.pairs.id,
        figures=tuple(found),
        asked=tuple(_asked(name, mine) for name, mine in by.items()),
        notes=tuple(_notes(law, held_out)),
    )


def category(law: Constitution, prompt: Prompt) -> str:
    """The policy's category that a prompt tests: that of its principle, or the one that it names itself; empty when neither is in it."""
    of = {p.id: p.category for p in law.principles}
    named = of.get(prompt.principle, prompt.category)
    return named if named in law.policy.categories else ""


def _whole(compared: Compared, name: str) -> Measurement | None:
    """The same figure over all categories; None when no known judge made it."""
    known = {i.id for i in compared.instruments}
    same = (m for m in compared.measurements if m.estimate.name == name and not m.principle and not m.cell and m.phase == "after")
    return next((m for m in same if m.instruments and m.instruments[0] in known), None)


def _asked(name: str, pairs: Sequence[Pair]) -> Asked:
    kinds = [p.prompt.kind for p in pairs]
    return Asked(category=name, forbidden=sum(k in ASKING_HARM for k in kinds), allowed=sum(k in ASKING_NO_HARM for k in kinds))


def _notes(law: Constitution, pairs: Sequence[Pair]) -> list[str]:
    lost = sum(not category(law, p.prompt) for p in pairs)
    return [f"prompts that name no principle and no category of this policy, and are in no rate of it: {lost}"] if lost else []
