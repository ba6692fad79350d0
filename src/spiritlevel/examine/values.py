"""What an examination finds, as values."""

from typing import Literal

from spiritlevel.types import Estimate, Frozen

Fault = Literal["dead", "indistinct", "pulls-apart", "label", "coverage", "wording"]


class Evidence(Frozen):
    """One row that shows a finding."""

    principle: str
    prompt: str
    reply: str = ""
    says: str = ""
    """What was seen in this row, in words."""


class Finding(Frozen):
    """One fault of behaviour."""

    fault: Fault
    principle: str
    other: str = ""
    """The second principle, where two pull apart."""
    wins: str = ""
    """Which of the two goes first by priority; empty when they are equal or there is one."""
    what: str
    doubt: float
    """Chance that this is no fault: a Holm-adjusted p-value, or for a label the chance that it is right. 0 for what is counted."""
    rows: tuple[Evidence, ...]


class Lint(Frozen):
    """The findings of one constitution, and by what they were seen."""

    findings: tuple[Finding, ...]
    judges: tuple[str, ...]
    cases: int
    notes: tuple[str, ...] = ()
    """What could not be examined, and why."""


class Changed(Frozen):
    """What happens to one principle's verdicts between two constitutions."""

    principle: str
    fires: Estimate
    """Change of the share of cases on which it fires, second less first, the same cases under both."""
    p: float
    """Exact McNemar on one case a prompt group, Holm-adjusted over the principles."""
    rows: tuple[Evidence, ...]
    revisions: Estimate | None = None
    """Share of the revised replies that differ, where a reviser was given."""


class Proposal(Frozen):
    """A principle or an edit that a person may accept."""

    id: str
    title: str
    text: str
    rests_on: str
    """What it was mined from, in words."""
    edits: str = ""
    """Id of the principle nearest to it, which it could amend; empty for a new one."""
    now: Estimate
    """Accuracy of the constitution as it stands on the held-out preferences."""
    then: Estimate
    """The same with the proposal."""
    change: Estimate
    """Paired change of the two."""
    p: float
    """Exact McNemar on one pair a prompt, Holm-adjusted over the proposals."""
    cases: tuple[Evidence, ...]
    """Held-out preferences whose prediction it would change."""
