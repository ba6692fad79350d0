"""Findings become lessons: what campaigns of other runs found, read from their evidence, as prompts of the teach side."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from spiritlevel import firewall
from spiritlevel.constitution import Constitution
from spiritlevel.elicit.prompts import FINDING, dressed
from spiritlevel.errors import ConfigError, DataError, EvidenceError, MissingStage
from spiritlevel.evidence import Evidence, open_beside
from spiritlevel.types import Agents, Campaign, Finding, Kind, Prompt, RowSet, Side, content_hash

LABELS = tuple(f"elicit.{stage}:{side.value}" for stage in ("campaign", "archive", "filed") for side in (Side.OPEN, Side.TEACH))
"""Steps that end with findings: campaigns, archives, and what people filed."""
AGENTS = "elicit.agents"
PIN = "@"


def provoked(evidence: Evidence) -> tuple[Campaign | Agents, ...]:
    """The current campaigns, archives, people's filings and trials with tools of a run, by label and model."""
    labels = (*LABELS, AGENTS)
    steps = sorted((labels.index(step.label), step.label, step.subject) for step in evidence.steps() if step.label in labels)
    found = (evidence.value(label, subject) for _, label, subject in steps)
    return tuple(value for value in found if isinstance(value, Campaign | Agents))


def campaigns(evidence: Evidence) -> list[Campaign]:
    """The same without trials with tools; MissingStage when there is none."""
    found = [value for value in provoked(evidence) if isinstance(value, Campaign)]
    if not found:
        raise MissingStage(f"run {evidence.name!r} has no campaign yet; run: spiritlevel campaign --run {evidence.name}")
    return found


def pinned(names: Iterable[str], opening: Callable[[str], AbstractContextManager[Evidence]]) -> tuple[str, ...]:
    """`RUN` as one `RUN@SET` for each of its campaigns that found something; a name with a set stays. DataError when none did."""
    kept: list[str] = []
    for name in names:
        if PIN in name:
            kept.append(name)
            continue
        with opening(name) as other:
            sets = [c.findings.id for c in campaigns(other) if c.findings.n]
        if not sets:
            raise DataError(f"the campaigns of run {name!r} found nothing, so there is nothing to teach; take it out of elicit.findings")
        kept += (f"{name}{PIN}{one}" for one in sets)
    return tuple(dict.fromkeys(kept))


def lessons(evidence: Evidence, names: Sequence[str], law: Constitution) -> tuple[Prompt, ...]:
    """The findings of other runs of the project as prompts. ConfigError when one is of a principle that the constitution lacks."""

    def opening(name: str) -> AbstractContextManager[Evidence]:
        return open_beside(evidence, name)

    known = {p.id for p in law.principles}
    made: dict[str, Prompt] = {}
    for entry in pinned(names, opening):
        run, _, rows = entry.partition(PIN)
        with opening(run) as other:
            try:
                found = other.rows(RowSet(id=rows, kind="finding", n=0), Finding)
            except EvidenceError as fault:
                raise DataError(
                    f"run {run!r} has no findings {rows!r}; write {run!r} alone in elicit.findings to take what it has"
                ) from fault
        for f in found:
            if f.clause not in known:
                raise ConfigError(
                    f"finding {f.id} of run {run!r} is of principle {f.clause!r}, which the constitution lacks; "
                    f"its principles: {', '.join(sorted(known))}"
                )
            for prompt in prompts(f, run):
                made.setdefault(prompt.id, prompt)
    return tuple(made[id] for id in sorted(made))


def prompts(f: Finding, run: str) -> list[Prompt]:
    """A finding's goal, and where one message reached it, that message as its attack made it. Both carry the clause and their source."""
    goal, chat = f.shortest.goal.goal, f.shortest.transcript.chat
    plain = Prompt(
        id=content_hash(goal, Kind.HARMFUL),
        text=goal,
        goal=goal,
        principle=f.clause,
        category=f.category,
        kind=Kind.HARMFUL,
        group=f"finding/{f.cluster}",
        source=f"{FINDING}{f.id}{PIN}{run}",
        side=Side.TEACH,
    )
    if f.shortest.attack == firewall.DIRECT or len(chat) != 1 or chat[0].content == goal:
        return [plain]
    return [plain, dressed(plain, chat[0].content, f.shortest.attack)]


def row(prompt: Prompt) -> dict[str, object]:
    """A lesson as a row of a prompt file that `elicit.prompts` reads."""
    plain: dict[str, object] = {
        "prompt": prompt.text,
        "harmful": True,
        "principle": prompt.principle,
        "category": prompt.category,
        "group": prompt.group.removeprefix("finding/"),
        "finding": prompt.source.removeprefix(FINDING),
    }
    return plain if prompt.family == firewall.DIRECT else plain | {"goal": prompt.goal, "attack": prompt.family}
