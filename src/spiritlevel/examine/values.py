"""What an examination finds, as values."""

from typing import Literal

from spiritlevel.types import Estimate, Frozen

CAMPAIGN = "campaign"
"""By whom a preference is that was made from a finding: mined, and never counted as what people prefer."""
Fault = Literal["dead", "pulls-apart", "label", "coverage", "wording"]


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
    crowded: tuple[str, ...] = ()
    """Principles that pull apart from at least half of the others."""
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
    """All cases whose verdict differs."""
    unread: int = 0
    """Cases that were left out because the judge could not read them under one of the two."""
    revisions: Estimate | None = None
    """Share of the revised replies that differ, where a reviser was given and the principle's words differ."""
    revised: tuple[Evidence, ...] = ()
    """The revisions that differ."""


class Changes(Frozen):
    """What a change of words changes, the clearest first."""

    changed: tuple[Changed, ...]


class Proposal(Frozen):
    """A principle or an edit that a person may accept."""

    id: str
    title: str
    text: str
    rests_on: str
    """What it was mined from, in words."""
    edits: str = ""
    """Id of the principle nearest to it, which it would amend; empty for a new one."""
    then: Estimate
    """Accuracy on the held-out preferences with the proposal."""
    change: Estimate
    """Paired change against the constitution as it stands."""
    p: float
    """Exact McNemar on one pair a prompt, Holm-adjusted over the proposals."""
    cases: tuple[Evidence, ...]
    """All held-out preferences whose prediction it would change."""
    words: Estimate | None = None
    """Where a model put it into words: how often the model, given these words alone, prefers what people did in held-out cases near it."""


class Proposals(Frozen):
    """What preferences and findings propose, and what the constitution predicts without and with all of it."""

    proposals: tuple[Proposal, ...]
    now: Estimate
    """Accuracy of the constitution as it stands on the held-out preferences; a tie counts half, and 0.5 is chance."""
    together: Estimate
    """The same with all proposals."""
    change: Estimate
    """Paired change of the two."""
    mined: int
    """Prompt groups that were mined."""
