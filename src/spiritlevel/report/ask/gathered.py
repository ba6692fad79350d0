"""What a run holds, read once: the values of its stages as they stand, and whether the verdict is of them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from spiritlevel.constitution import Constitution
from spiritlevel.errors import MissingStage
from spiritlevel.evidence import Evidence, canonical
from spiritlevel.report import campaigns
from spiritlevel.report.ask.statement import Told
from spiritlevel.types import Agents, Campaign, Compared, Inside, Pair, Seen, SignOff, Ticket, Tuned, Verdict

V = TypeVar("V", bound=BaseModel)
TUNED = ("finetune.select", "finetune.ai_feedback", "finetune", "finetune.adopt", "finetune.keep")
"""Labels of a tuned model, the last that training makes first."""


def told_of(evidence: Evidence, law: Constitution, config: Mapping[str, Any], provoked: Sequence[Campaign | Agents] = ()) -> Told:
    """Everything that the run can be asked about; a run that is not finished tells what it has."""
    steps = evidence.steps()
    compared = _value(evidence, Compared, "measure.joined:open", "measure:open", "suites.joined:open")
    exam = _value(evidence, Compared, "measure.joined:sealed", "measure:sealed", "suites.joined:sealed")
    verdict = _value(evidence, Verdict, "release")
    given = _any(evidence, "release.given")
    seen = tuple(v for s in steps if s.label.startswith("elicit:") and isinstance(v := evidence.value(s.label, s.subject), Seen))
    return Told(
        run=evidence.name,
        law=law,
        config=config,
        steps=steps,
        tuned=_value(evidence, Tuned, *TUNED),
        compared=compared,
        exam=exam if verdict is None or verdict.attempt else None,
        inside=_value(evidence, Inside, "interpret"),
        verdict=verdict,
        policy=getattr(given, "policy", None),
        aged=str(getattr(getattr(given, "circumstances", None), "aged", "")),
        stale=_stale(evidence, verdict, compared),
        ticket=_value(evidence, Ticket, "release.unseal"),
        seen=seen,
        signed=tuple(s for s in evidence.values("release.signed") if isinstance(s, SignOff)),
        provoked=tuple(campaigns.sections(evidence, provoked, compared)) if compared is not None else (),  # type: ignore[arg-type]
        pairs=evidence.rows(compared.pairs, Pair) if compared is not None else (),
    )


def _any(evidence: Evidence, label: str) -> BaseModel | None:
    try:
        return evidence.value(label)
    except MissingStage:
        return None


def _value(evidence: Evidence, kind: type[V], *labels: str) -> V | None:
    """The value of the first label that the run has."""
    return next((v for label in labels if isinstance(v := _any(evidence, label), kind)), None)


def _stale(evidence: Evidence, verdict: Verdict | None, compared: Compared | None) -> str:
    """Whether the current measurements are what the verdict was made of."""
    if verdict is None or compared is None:
        return ""
    made_of = {canonical(part) for part in evidence.parts(verdict)}
    return "" if canonical(compared) in made_of else "the measurements changed after it; run spiritlevel release again"
