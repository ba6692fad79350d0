"""A stored verdict, decided once more from the values that it was made of."""

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence import Evidence
from spiritlevel.release import Given, decide
from spiritlevel.types import Compared, Inside, Side, Ticket, Tuned, Verdict


def decided_again(evidence: Evidence, verdict: Verdict) -> str:
    """Why the run's evidence does not give this verdict, in a clause; empty when it does."""
    try:
        parts = evidence.parts(verdict)
    except EvidenceError as fault:
        return str(fault)
    rests, tuned, ticket = (next((p for p in parts if isinstance(p, kind)), None) for kind in (Given, Tuned, Ticket))
    sides = {p.side: p for p in parts if isinstance(p, Compared)}
    inside = next((p for p in parts if isinstance(p, Inside)), None)
    if not isinstance(rests, Given) or not isinstance(tuned, Tuned) or not isinstance(ticket, Ticket) or Side.OPEN not in sides:
        return "the values that it was decided on are not all in the run"
    exam = sides.get(Side.SEALED)
    unlooked = Inside(measurements=(), notes=("not looked inside: interpret is none",))
    again = decide(rests.policy, tuned, sides[Side.OPEN], inside or unlooked, exam, ticket, rests.config, rests.circumstances)
    if again.kind is not verdict.kind:
        return f"the evidence gives {again.kind.value}, not {verdict.kind.value}"
    changed = [c.threshold for c, d in zip(again.checks, verdict.checks, strict=False) if c.result is not d.result]
    if changed or len(again.checks) != len(verdict.checks) or [x.result for x in again.levels] != [x.result for x in verdict.levels]:
        return f"the evidence decides {changed[0] if changed else 'its conditions'!r} otherwise"
    return ""
