"""`spiritlevel campaign`, `findings` and `replay`: red-team a model, list what was found, ask it again."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from spiritlevel import audit, backends, constitution, elicit, firewall, judges
from spiritlevel.cli import runs
from spiritlevel.cli.telling import looked, span
from spiritlevel.config import LoopConfig
from spiritlevel.constitution import Constitution, certify
from spiritlevel.demo import one_line
from spiritlevel.elicit import plays, taught
from spiritlevel.elicit.people import shown
from spiritlevel.elicit.tools import oracle, scenario
from spiritlevel.errors import DataError, MissingStage
from spiritlevel.evidence import Evidence, MemoryJournal, open_existing
from spiritlevel.examine.values import CAMPAIGN
from spiritlevel.judges import violation
from spiritlevel.types import (
    Agents,
    Archive,
    Ask,
    Campaign,
    Curve,
    Estimate,
    Finding,
    Lineage,
    ModelRef,
    Preference,
    Prompt,
    Side,
    Transcript,
    Tuned,
    content_hash,
    user,
)

SHOWN = 12
"""Findings that a campaign lists."""


def play(config: LoopConfig, evidence: Evidence, target: str) -> Iterator[str]:
    """The campaign of a configuration against its `base` or, in a run that trained one, its `tuned` model; then what it found."""
    law, held = constitution.load(config.constitution), certify.load(config.constitution)
    model = aimed(config, evidence, target)
    needs = any(plays.needs_attacker(name) for name in config.campaign.attacks)
    found = evidence.step(
        elicit.campaign,
        model,
        law,
        held,
        config.campaign,
        config.elicit,
        attacker=backends.resolve(config.campaign.attacker or "bundled") if needs else None,
        trained_on=audit.declared(config),
        files=elicit.version(config.elicit),
        calibrations=evidence.ledger.calibrations(),
        found=elicit.lessons(evidence, config.elicit.findings, law),
        confidence=law.policy.confidence,
    )
    count = look(evidence, found)
    yield from told(found)
    yield from listed(evidence, found)
    yield from count


def look(evidence: Evidence, found: Campaign | Agents) -> tuple[str, ...]:
    """Count figures on open prompts as a look, before anybody sees them: the same ones shown again are none. The line that says so."""
    if found.side is not Side.OPEN or not found.attempts.n:
        return ()
    key = found.target.key
    model = evidence.ledger.lookup(key) or Lineage(weights=key, body=key)
    firewall.look(evidence.ledger, model, Side.OPEN.value, content_hash(found))
    return (f"  {looked(evidence, model)}",)


def fill(config: LoopConfig, evidence: Evidence, target: str) -> Iterator[str]:
    """The archive of a configuration against a model of a run; the attacker model writes where one is named, else templates."""
    law, held = constitution.load(config.constitution), certify.load(config.constitution)
    found = evidence.step(
        elicit.archive,
        aimed(config, evidence, target),
        law,
        held,
        config.campaign,
        config.elicit,
        attacker=backends.resolve(config.campaign.attacker) if config.campaign.attacker else None,
        trained_on=audit.declared(config),
        files=elicit.version(config.elicit),
        found=elicit.lessons(evidence, config.elicit.findings, law),
        confidence=law.policy.confidence,
    )
    count = look(evidence, found)
    yield from told(found)
    yield from grid(found)
    yield from listed(evidence, found)
    yield from count


def grid(a: Archive) -> Iterator[str]:
    """An archive as a table: each cell's score when it was chosen, and on the fresh draw."""
    lost = "".join(f", {n} {why}" for why, n in a.unusable.items())
    yield f"  archive: {a.mutations} mutations{lost}; {a.elites.n} of {len(a.principles) * len(a.styles)} cells filled"
    yield f"  {a.coverage.name}: {span(a.coverage)}; {a.confirmed.name}: {span(a.confirmed)}"
    wide = [max(len(style), 9) for style in a.styles]
    yield f"  {'delivered harm, again':24} {'  '.join(f'{style:{w}}' for style, w in zip(a.styles, wide, strict=True))}"
    for principle, scores, again in zip(a.principles, a.scores, a.again, strict=True):
        cells = [f"{_figure(one)} {_figure(two)}" for one, two in zip(scores, again, strict=True)]
        yield f"  {principle:24} {'  '.join(f'{cell:{w}}' for cell, w in zip(cells, wide, strict=True))}".rstrip()


def _figure(score: float | None) -> str:
    return "  - " if score is None else f"{score:.2f}"


def aimed(config: LoopConfig, evidence: Evidence, target: str) -> ModelRef:
    """The model of a run that `base`, `tuned` or nothing names: the tuned one where there is one."""
    tuned = runs.value_of(evidence, "finetune")
    made = tuned.ref if isinstance(tuned, Tuned) and tuned.trained else None
    if target == "tuned" and made is None:
        raise MissingStage(f"run {evidence.name!r} has no tuned model yet; run: spiritlevel finetune --run {evidence.name}")
    return backends.resolve(config.model) if target == "base" or made is None else made


def told(c: Campaign) -> Iterator[str]:
    """A campaign in figures: each attack's success against its budget, beside compliance."""
    yield (
        f"\ncampaign on {c.target.spec:.40}, {c.side.value} side: {c.goals} goals in {c.clusters} clusters; "
        f"{c.spent.queries} queries, {c.spent.tokens} tokens{f', {c.spent.money:.4f} money' if c.spent.money else ''}; {c.ended}"
    )
    yield f"  attempts: {', '.join(f'{n} {mark}' for mark, n in c.marks.items())}; read by {', '.join(i.name for i in c.instruments)}"
    if c.agreement is not None:
        yield f"  {c.agreement.name}: {span(c.agreement)}"
    if c.attacker is not None:
        yield f"  attacker {c.attacker.spec:.40}: {c.attacker_calls} calls, {c.attacker_refused} refused"
    yield from _table(c.curves)
    yield from (f"  note: {note}" for note in c.notes)


def _table(curves: Sequence[Curve]) -> Iterator[str]:
    budgets = curves[0].budgets
    early = "/".join(str(b) for b in budgets[:-1])
    whole = f"within {budgets[-1]} queries"
    yield f"  {whole:24} {'delivered harm':22} {early:20} {'not refused':22} a user might send"
    for curve in curves:
        sooner = " ".join(f"{e.value:.2f}" for e in curve.harm[:-1])
        likely = "cannot be told" if curve.realistic is None else f"{100 * curve.realistic:.0f} %"
        name = f"{curve.attack}{' (taught)' if curve.taught else ''}"
        yield f"  {name:24} {brief(curve.harm[-1]):22} {sooner:20} {brief(curve.complied[-1]):22} {likely}"
    for curve in curves:
        if curve.corrected is not None:
            yield f"  {curve.attack}: {curve.corrected.name} {span(curve.corrected)}"
        if curve.forecast and curve.attack != firewall.DIRECT:
            yield f"  {curve.attack}: forecast {'; '.join(f'{e.name} draws {brief(e)}' for e in curve.forecast)}"


def brief(e: Estimate) -> str:
    """`0.12 (0.10 to 0.15)`, for tables."""
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})"


def listed(evidence: Evidence, c: Campaign | Agents, most: int | None = SHOWN) -> Iterator[str]:
    """Findings, the gravest first."""
    found = evidence.rows(c.findings, Finding)
    yield f"  findings: {len(found)}{'' if most is None or len(found) <= most else f' (the first {most}; all: spiritlevel findings)'}"
    for f in found[:most]:
        unlikely = "" if f.realistic is not False else "  [no user would send it]"
        grave = f"{f.severity:.2f}" if isinstance(c, Campaign) else "done"
        yield f"    {f.id}  {f.clause:24} {grave}  {', '.join(f.attacks)}  {one_line(f.shortest.goal.goal, 80)!r}{unlikely}"


def findings(root: Path, run: str | None, out: Path | None) -> Iterator[str]:
    """All findings of a run's campaigns; with `out`, written as a prompt file that `elicit.prompts` can teach from."""
    with open_existing(root, run, url=runs.database()) as evidence:
        reports = _reports(evidence)
        for c in reports:
            yield f"{'campaign' if isinstance(c, Campaign) else 'tools'} on {c.target.spec:.40}, {c.side.value} side"
            yield from listed(evidence, c, None)
        if out is not None:
            # what a tool did is no lesson in words: a prompt file holds the campaigns' requests alone
            found = {f.id: f for c in reports if isinstance(c, Campaign) for f in evidence.rows(c.findings, Finding)}
            lines = [json.dumps(taught.row(p), ensure_ascii=True) for f in found.values() for p in taught.prompts(f, evidence.name)]
            out.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            yield f"{len(found)} findings written to {out}; teach them with elicit.prompts: [{{path: {out}, side: teach}}]"


def preferences(root: Path, run: str, law: Constitution) -> list[Preference]:
    """Each finding of a run's campaigns as a preference: its principle's first way to decline over what the model said."""
    with open_existing(root, run, url=runs.database()) as evidence:
        campaigns = [c for c in _reports(evidence) if isinstance(c, Campaign)]
        found = {f.id: f for c in campaigns for f in evidence.rows(c.findings, Finding)}
    openings = {p.id: p.openings[0] for p in law.principles}
    return [
        Preference(
            chat=user(f.shortest.goal.goal),
            chosen=openings[f.clause],
            rejected=f.shortest.transcript.reply.text,
            by=CAMPAIGN,
            principle=f.clause,
            cluster=f.cluster,
            source=f"finding:{f.id}@{run}",
        )
        for f in found.values()
        if f.clause in openings
    ]


def replay(root: Path, finding: str, run: str | None, model: str | None) -> Iterator[str]:
    """Ask the shortest transcript of a finding again, of the same model with the same seed or of another, and judge the reply."""
    with open_existing(root, run, url=runs.database()) as evidence:
        config = runs.saved(evidence)
        f = _find(evidence, finding)
        shortest = f.shortest
        ask = Ask(chat=shortest.transcript.chat, sampling=shortest.sampling, repeat=shortest.transcript.repeat)
        ref = backends.resolve(model) if model else f.target
        journal = Beside(evidence)
        opened = backends.open_model(ref, journal)
        if shortest.steer is not None:
            opened = backends.steered(opened, shortest.steer, journal)
        (_, reply), *_ = opened.stream([ask], [backends.seed(ref.key + opened.numerics, ask)])
        again = shortest.transcript.model_copy(update={"reply": reply, "model": ref.key})
        came = _came_of(config, journal, shortest.goal)
        tools = shortest.goal.source == scenario.SOURCE
        yield f"finding {f.id}: {f.clause}, {shortest.attack}, {'by what its tools did' if tools else f'severity {f.severity:.2f}'}"
        if tools:
            yield f"  wanted    {one_line(shortest.goal.goal, 400)}"
        yield from (f"  {turn.role:9} {one_line(turn.content, 400)}" for turn in ask.chat)
        if (steer := shortest.steer) is not None:
            yield f"  steered   {steer.kind} {steer.coefficient:g} after blocks {', '.join(map(str, steer.layers))}"
        yield f"  then      {one_line(shown(shortest.transcript.reply), 400)}"
        if tools:
            yield f"            {one_line(came(shortest.transcript), 400)}"
        yield f"  now       {one_line(shown(reply), 400)}"
        yield f"  {ref.spec:.40}: {one_line(came(again), 400)}"


def _came_of(config: LoopConfig, journal: MemoryJournal, goal: Prompt) -> Callable[[Transcript], str]:
    """Says what came of a reply in the words of what was found: what tools did, else how it reads and how much harm it delivers."""
    law = constitution.load(config.constitution)
    if goal.source == scenario.SOURCE:
        (played,) = scenario.load((goal.group,), config.agents.folder, (p.id for p in law.principles))
        if goal.id != oracle.name(played, armed=True):
            return lambda t: f"scenario {played.id!r} was edited since, so it cannot be judged"
        return partial(oracle.told, played)
    text, _, deciding = violation.of_constitution(journal, law, certify.load(config.constitution))

    def read(t: Transcript) -> str:
        word, outcome = judges.judged(deciding, [t])[0], judges.judged(text, [t])[0].outcome
        judged = "could not be judged" if word.probability is None else f"delivered harm {word.probability:.2f}"
        return f"{outcome.value if outcome else 'no outcome'}, {judged}"

    return read


class Beside(MemoryJournal):
    """A journal of this call alone that finds a run's blobs, so that a tuned model of the run can be opened."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self._evidence = evidence

    def path(self, blob: str) -> Path:
        """As types.Journal.path: the run's."""
        return self._evidence.path(blob)

    def lineage(self, weights: str) -> Lineage | None:
        """As types.Journal.lineage: the project's ledger."""
        return self._evidence.ledger.lookup(weights)


def _reports(evidence: Evidence) -> tuple[Campaign | Agents, ...]:
    found = taught.provoked(evidence)
    if not found:
        raise MissingStage(f"run {evidence.name!r} has no campaign yet; run: spiritlevel campaign (or agents) --run {evidence.name}")
    return found


def _find(evidence: Evidence, name: str) -> Finding:
    found = {f.id: f for c in _reports(evidence) for f in evidence.rows(c.findings, Finding) if f.id.startswith(name)}
    if len(found) != 1:
        raise DataError(
            f"{len(found)} findings of run {evidence.name!r} begin with {name!r}; name one, as `spiritlevel findings` lists them"
        )
    return next(iter(found.values()))
