"""What a finished run says on the screen."""

from collections.abc import Iterator

from spiritlevel import firewall
from spiritlevel.evidence import Evidence
from spiritlevel.loop import Finished
from spiritlevel.types import ACTIONS, Check, Compared, Estimate, Lineage, ModelCard, Verdict

SHOWN = (
    "delivered_harm",
    "delivered_harm_corrected",
    "refusal",
    "over_refusal_lookalike",
    "over_refusal_plain",
    "incoherence",
    "kl",
    "kl_noise_floor",
    "length_ratio",
)
MEANS = {
    "approved": "every threshold is shown to hold by independent evidence",
    "held": "at least one threshold fails even at its optimistic bound",
    "unproven": "nothing fails outright, but not all is shown; unproven is never a pass",
}


def span(e: Estimate) -> str:
    """`0.123 (0.101 to 0.150, n = 40)`; what had nothing to be measured on says so."""
    if e.n == 0:
        return "not measured"
    return f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f}, n = {e.n})"


def figures(compared: Compared) -> Iterator[str]:
    """Overall rates before and after, and the gap."""
    alone = compared.before.key == compared.after.key
    yield f"\n{compared.side.value} prompts: " + ("" if alone else f"{compared.before.spec:.24} -> ") + f"{compared.after.spec:.24}"
    suited = dict.fromkeys(m.estimate.name for m in compared.measurements if m.estimate.name.startswith("suite:"))
    for name in (*SHOWN, *suited):
        for phase in ("before", "after", "change"):
            for m in compared.measurements:
                if m.estimate.name == name and m.phase == phase and not m.principle and not m.cell:
                    yield f"  {name:24} {phase:7} {span(m.estimate):44} {m.role}, {m.grade.value}"
    for gap in compared.gaps:
        if gap.principle == "":
            yield "  the gap (improvement; positive = the proxy gained more than the intent)"
            for label, e in (
                ("proxy, training prompts", gap.proxy_teach),
                ("proxy, held-out prompts", gap.proxy_open),
                ("intent, held-out prompts", gap.intent_open),
                ("gap", gap.gap),
                ("by noise alone", gap.noise_only),
            ):
                yield f"    {label:26} {span(e)}"


def decided(verdict: Verdict) -> Iterator[str]:
    """The verdict, each check and level with its reason, and the cheapest evidence that would settle what is unproven."""
    yield f"\nVERDICT: {verdict.kind.value.upper()} ({MEANS[verdict.kind.value]})"
    for check in verdict.checks:
        yield f"  {check.result.value:9} {check.threshold}: {check.reason}"
        yield from _needs(check)
    for level in verdict.levels:
        yield f"  {level.result.value:9} level {level.level}, {level.state}: {level.reason}"
        if level.needs:
            yield f"            to settle it: {level.needs}"
        if level.state != "below":
            for check in level.safeguards:
                yield f"    {check.result.value:9} {check.threshold}: {check.reason}"
                yield from _needs(check, "  ")
        if level.otherwise:
            yield f"            until then: {ACTIONS[level.otherwise]}"
    for note in verdict.notes:
        yield f"  note: {note}"
    if verdict.weighted:
        yield "  weighed by horizon: " + "; ".join(
            f"{one.horizon}-term harms alone {one.kind.value}" + (f" ({', '.join(one.deciding)})" if one.deciding else "")
            for one in verdict.weighted
        )
    if verdict.attempt:
        yield f"  sealed set: reading {verdict.attempt} of {verdict.attempts}"


def _needs(check: Check, indent: str = "") -> Iterator[str]:
    if check.needs:
        yield f"{indent}            to settle it: {check.needs}"


def where(evidence: Evidence, card: ModelCard) -> Iterator[str]:
    """Where the report, the cards, the usage policy and the plots lie."""
    folder = evidence.path(card.blob)
    yield f"report: {folder / 'report.html'}"
    yield f"card:   {folder / 'model-card.md'}"
    yield f"usage:  {folder / 'usage-policy.html'}"
    yield f"system: {folder / 'system-card.html'}  (for print; plots beside it: {len(list(folder.glob('*.svg')))} .svg)"


def looked(evidence: Evidence, model: Lineage) -> str:
    """How often results on open prompts were looked at that count for a model."""
    looks = firewall.looks(evidence.ledger, model)
    return (
        f"open prompts: looked at {looks} time{'s' * (looks != 1)} for this model and its ancestors "
        "(each look is selection for what descends from it)"
    )


def lines(evidence: Evidence, finished: Finished) -> Iterator[str]:
    """All of it, and where the report is."""
    yield from figures(finished.compared)
    yield from decided(finished.verdict)
    yield f"\n{looked(evidence, finished.tuned.lineage)}"
    yield from where(evidence, finished.card)
    if finished.tuned.trained and finished.tuned.ref.spec.startswith("blob:"):
        yield f"model:  {evidence.path(finished.tuned.ref.spec.removeprefix('blob:'))}"
