"""What was taught from findings, and on what it was tried again: the end of the thread that begins at a principle."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spiritlevel.types import ASKING_HARM, Agents, Archive, Attempt, Campaign, Compared, Estimate, Journal, Lesson, Pair, Side, Tuned

FINDING = "finding:"
"""Before a finding's id in Lesson.source."""


@dataclass(frozen=True)
class Taught:
    """One sentence, the row sets that it rests on, and the re-test's figures."""

    text: str
    rows: tuple[str, ...]
    known: dict[str, str]
    """What each row set is, in words."""
    curves: tuple[tuple[str, bool, Estimate, Estimate, tuple[str, ...]], ...] = ()
    """(attack within its budget, whether training saw it, delivered harm, not refused, rows)."""


def told(
    journal: Journal,
    tuned: Tuned,
    compared: Compared,
    lessons: Sequence[Lesson],
    pairs: Sequence[Pair],
    retests: Sequence[Campaign],
) -> Taught | None:
    """What findings taught, by clause, and the groups of the re-test that training never saw; None when no finding was taught."""
    mine = {x.source: x for x in lessons if x.source.startswith(FINDING)}
    if not mine or tuned.lessons is None:
        return None
    seen = {x.cluster for x in lessons if x.cluster}
    runs = sorted({source.partition("@")[2] or "a file" for source in mine})
    if retests:
        asked = [(a.goal.principle, a.goal.cluster) for c in retests for a in journal.rows(c.attempts, Attempt)]
        rows, how = tuple(c.attempts for c in retests), "by campaign"
    else:
        asked = [(p.prompt.principle, p.prompt.cluster) for p in pairs if p.prompt.kind in ASKING_HARM]
        rows, how = (compared.pairs,), "on the open prompts"
    unseen = {(clause, cluster) for clause, cluster in asked if cluster not in seen}
    groups = len({cluster for _, cluster in unseen})
    text = (
        f"Taught from {len(mine)} finding{'s' * (len(mine) != 1)} of {_names(runs)} "
        f"(clauses {_counts(Counter(x.principle for x in mine.values()))}), "
        f"re-tested {how} on {groups} group{'s' * (groups != 1)} that training never saw "
        f"(clauses {_counts(Counter(clause for clause, _ in unseen))})."
    )
    return Taught(
        text=text,
        rows=(tuned.lessons.id, *(r.id for r in rows)),
        known={r.id: f"{r.n:,} rows of kind {r.kind}" for r in (tuned.lessons, *rows)},
        curves=tuple(
            (f"{k.attack}, {k.budgets[-1]} queries", k.taught, k.harm[-1], k.complied[-1], (c.attempts.id,))
            for c in retests
            for k in c.curves
        ),
    )


def retests(provoked: Sequence[Campaign | Agents], tuned: Tuned) -> list[Campaign]:
    """Campaigns against the tuned model on open goals; an archive chooses what it asks, so it tests nothing again."""
    return [
        c
        for c in provoked
        if isinstance(c, Campaign) and not isinstance(c, Archive) and c.target.key == tuned.ref.key and c.side is Side.OPEN and c.curves
    ]


def _names(runs: Sequence[str]) -> str:
    return f"run{'s' * (len(runs) != 1)} {', '.join(runs)}"


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name}: {n}" for name, n in sorted(counted.items())) or "none"
