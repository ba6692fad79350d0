"""constitution.html and constitution.md: what is meant, principle by principle, with what was measured of each. From evidence alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spiritlevel.constitution import Constitution, Principle
from spiritlevel.report import choose, page, words
from spiritlevel.report.refs import Refs, decided
from spiritlevel.report.usage import document, markdown
from spiritlevel.types import ACTIONS, Compared, Gap, Governed, Tuned, Verdict


@dataclass(frozen=True)
class Section:
    """One principle, with its figures."""

    principle: Principle
    category: str
    """Title of its usage category."""
    action: str
    """What governance would do there; what the policy declares, where nothing was ruled."""
    gap: Gap | None
    sides: tuple[tuple[str, choose.Lines], ...]


def sections(law: Constitution, compared: Compared, exam: Compared | None, told: Governed | None) -> list[Section]:
    """One a principle, the one that yields to none first."""
    ruled = {r.category: r.action for r in told.ruled.rulings} if told else {}
    gaps = {g.principle: g for g in compared.gaps}
    return [_section(law, p, compared, exam, gaps.get(p.id), ruled) for p in law.principles]


def _section(
    law: Constitution, p: Principle, compared: Compared, exam: Compared | None, gap: Gap | None, ruled: Mapping[str, str]
) -> Section:
    category = law.policy.categories[p.category]
    of = [(side.side.value, [m for m in side.measurements if m.principle == p.id]) for side in (compared, exam) if side is not None]
    return Section(
        principle=p,
        category=category.title,
        action=ruled.get(p.category, category.action),
        gap=gap,
        sides=tuple((name, choose.side_by_side(found)) for name, found in of if found),
    )


def unmeasured(told: Sequence[Section]) -> list[str]:
    """Titles of principles on which this run has no figure of their own."""
    return [s.principle.title for s in told if not s.sides]


def pages(
    law: Constitution, tuned: Tuned, compared: Compared, exam: Compared | None, verdict: Verdict, told: Governed | None = None
) -> tuple[str, str]:
    """(HTML, Markdown)."""
    known = page.known_rows(law, tuned, compared, exam, (), verdict)
    found = sections(law, compared, exam, told)
    checks = {c.threshold: c for c in verdict.checks}
    values: dict[str, Any] = {
        "law": law,
        "compared": compared,
        "exam": exam,
        "verdict": verdict,
        "basis": decided(verdict),
        "words": words,
        "sections": found,
        "unmeasured": unmeasured(found),
        "conditions": [(t, checks.get(t.id)) for t in law.policy.thresholds],
        "actions": ACTIONS,
        "priority": {1: "yields to none", 5: "yields to all others"},
        "instrument": page.namer(tuned, compared, exam),
    }
    return document("constitution.html.j2", Refs(known), values), markdown("constitution.md.j2", Refs(known), values)
