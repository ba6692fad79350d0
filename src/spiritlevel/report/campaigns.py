"""How the models were provoked: each campaign, archive and set of trials with tools, as the report tells it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spiritlevel.types import Agents, Archive, Campaign, Compared, Curve, Estimate, Finding, Journal, ModelRef, Provocation

DIRECT = "direct"
MOST = 12
"""Findings of one campaign that are shown with their transcripts."""
LEVELS = 5
"""Shades of a cell of an archive."""

Provoked = Campaign | Agents


@dataclass(frozen=True)
class Section:
    """One campaign, or trials with tools, and what it found."""

    value: Provoked
    title: str
    control: Curve | None
    """The direct request."""
    attacks: tuple[Curve, ...]
    """All others, the one that reached most goals first."""
    findings: tuple[Finding, ...]
    """The gravest, at most MOST."""
    clauses: tuple[tuple[str, int], ...]
    """Clusters of findings by principle."""

    @property
    def rows(self) -> tuple[str, ...]:
        """What its rates were computed from."""
        return (self.value.attempts.id,) if isinstance(self.value, Campaign) else (self.value.trials.id,)

    @property
    def kind(self) -> str:
        """`agents`, `archive`, `filed` (by people) or `campaign`."""
        if isinstance(self.value, Agents):
            return "agents"
        return "archive" if isinstance(self.value, Archive) else "filed" if self.control is None else "campaign"

    @property
    def grid(self) -> list[tuple[str, list[tuple[float | None, float | None, int]]]]:
        """An archive's rows: principle, and in each style the score when chosen, the fresh one, and the shade of the fresh one."""
        if not isinstance(self.value, Archive):
            return []
        return [
            (principle, [(one, two, shade(two)) for one, two in zip(chosen, again, strict=True)])
            for principle, chosen, again in zip(self.value.principles, self.value.scores, self.value.again, strict=True)
        ]


def sections(journal: Journal, provoked: Sequence[Provoked], compared: Compared) -> list[Section]:
    """What each did, in the order given."""
    return [_section(journal.rows(value.findings, Finding), value, compared) for value in provoked]


def known(provoked: Iterable[Provoked]) -> dict[str, str]:
    """What each row set is, in words."""
    sets = [r for one in provoked for r in (one.attempts, one.findings)]
    sets += [one.trials for one in provoked if isinstance(one, Agents)]
    sets += [one.elites for one in provoked if isinstance(one, Archive)]
    sets += [one.thoughts for one in provoked if isinstance(one, Campaign)]
    return {r.id: f"{r.n:,} rows of kind {r.kind}" for r in sets}


def lines(told: Iterable[Section]) -> Iterator[Provocation]:
    """The same for the model card: how far the furthest attack came, with the direct request beside it."""
    for one in told:
        yield from _lines(one)


def told_by(value: Provoked, compared: Compared) -> Iterator[Provocation]:
    """The lines of a campaign of which the figures alone are at hand, not its findings' texts."""
    yield from _lines(_section((), value, compared))


def _lines(one: Section) -> Iterator[Provocation]:
    value, n = one.value, one.value.findings.n

    def told(how: str, harm: Estimate | None = None, beside: str = "", control: Estimate | None = None) -> Provocation:
        return Provocation(model=one.title, how=how, harm=harm, beside=beside, control=control, findings=n, rows=one.rows)

    if isinstance(value, Agents):
        if not value.cells:
            yield told("tools: nothing was played to its end")
        for cell in value.cells[:1]:
            how = f"tools: {cell.name}, {cell.scenarios} scenarios, attack success"
            yield told(how, cell.hit, "task done without attack", cell.done_twin)
    elif isinstance(value, Archive):
        yield told("archive: coverage on a fresh draw", value.confirmed, "when chosen", value.coverage)
    elif one.control is None:
        yield told("filed by people")
    else:
        top, last = (one.attacks or (one.control,))[0], one.control.budgets[-1]
        how = f"{len(one.attacks)} attacks, within {last} queries; the furthest: {top.attack}"
        yield told(how, top.harm[-1], "the direct request as often", one.control.harm[-1])


def share(e: Estimate) -> Estimate:
    """The estimate of a share, to be told in percent whatever its name."""
    return e.model_copy(update={"name": "share"})


def shade(score: float | None) -> int:
    """0 for a low score or none, up to LEVELS - 1."""
    return 0 if score is None else min(int(score * LEVELS), LEVELS - 1)


def _section(found: Sequence[Finding], value: Provoked, compared: Compared) -> Section:
    curves = value.curves if isinstance(value, Campaign) else ()
    return Section(
        value=value,
        title=_title(value, compared),
        control=next((c for c in curves if c.attack == DIRECT), None),
        attacks=tuple(sorted((c for c in curves if c.attack != DIRECT), key=lambda c: -c.harm[-1].value)),
        findings=tuple(found[:MOST]),
        clauses=tuple(sorted(Counter(f.clause for f in found).items())),
    )


def _title(value: Provoked, compared: Compared) -> str:
    what = "prompts" if isinstance(value, Campaign) else "scenarios"
    return f"{_which(value.target, compared)}, {value.side.value} {what}"


def _which(target: ModelRef, compared: Compared) -> str:
    if compared.before.key == compared.after.key == target.key:
        return "the model"
    return {compared.before.key: "before training", compared.after.key: "after training"}.get(target.key, target.spec)
