"""`spiritlevel usage`: what governance would do by usage category, on what figures, and what of others' lists of risks that covers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.evidence import Evidence
    from spiritlevel.report.frameworks import Figure
    from spiritlevel.types import Governed, Ruling

ROOT = Path()


@click.command()
@click.argument("run", required=False)
@click.option("--category", help="This category alone, with all its figures.")
@click.option("--framework", "framework", help="Also this list of risks: owasp-llm-2025, nist-ai-600-1, eu-ai-act, or your own YAML file.")
@click.option("--check", is_flag=True, help="Only check that the lists of risks name nothing that does not exist.")
def usage(run: str | None, category: str | None, framework: str | None, check: bool) -> None:
    """What governance would do in each category of the usage policy; RUN is the latest by default."""
    for line in _checked(framework) if check else _usage(run, category, framework):
        click.echo(line)


def _checked(framework: str | None) -> Iterator[str]:
    from spiritlevel.report import frameworks

    for path in [frameworks.find(framework)] if framework else frameworks.shipped().values():
        found = frameworks.load(path)
        yield f"{path.stem}: {len(found.risks)} risks, ids and titles read on {found.read.isoformat()}; every name in it exists"


def _usage(run: str | None, category: str | None, framework: str | None) -> Iterator[str]:
    from spiritlevel.cli.runs import database
    from spiritlevel.errors import ConfigError
    from spiritlevel.evidence import open_existing
    from spiritlevel.report import frameworks

    with open_existing(ROOT, run, url=database()) as evidence:
        told = _governed(evidence)
        known = [r.category for r in told.ruled.rulings]
        if category is not None and category not in known:
            names = ", ".join(known) or "none"
            raise ConfigError(f"the policy of run {evidence.name!r} has no category {category!r}; its categories: {names}")
        listed = None if framework is None else frameworks.load(frameworks.find(framework), known)
        sides = " and ".join(side.side.value for side in (told.used, told.examined) if side is not None)
        yield f"usage policy of run {evidence.name}, on {sides} prompts" + ("" if told.examined else " alone, so nothing counts as shown")
        if not known:
            yield "the policy names no category, so nothing is governed"
        for ruling in told.ruled.rulings:
            if category in (None, ruling.category):
                yield from _ruling(told, ruling, full=category is not None)
        for note in told.used.notes:
            yield f"note: {note}"
        if listed is not None:
            yield f"\n{listed.name}, {listed.edition} (ids and titles read on {listed.read.isoformat()})"
            for one in frameworks.covered(listed, _figures(evidence, told)):
                yield f"  {one.risk.id} {one.risk.title}: {one.cover}"
                yield from (f"      {_figure(f)}" for f in one.figures)
                if one.missing:
                    yield f"      not measured here: {', '.join(one.missing)}"
                if one.risk.lacks:
                    yield f"      not covered: {one.risk.lacks}"


def _ruling(told: "Governed", r: "Ruling", *, full: bool) -> Iterator[str]:
    from spiritlevel.cli.telling import span

    moved = "" if r.action == r.declared else f" (declared {r.declared})"
    yield f"  {r.action:9} {r.category}{moved}: {r.reason}"
    sides = [side for side in (told.used, told.examined) if side is not None]
    for side in sides if full else ():
        for m in side.figures:
            if m.principle == f"category:{r.category}":
                yield f"      {side.side.value:6} {m.estimate.name:24} {m.phase:7} {span(m.estimate):44} {m.role}, {m.grade.value}"
    for check in ((r.kept, *r.served) if r.kept else r.served) if full else ():
        if check.needs:
            yield f"      to settle {check.threshold.partition('/')[2]}: {check.needs}"


def _governed(evidence: "Evidence") -> "Governed":
    """What the page was written from. MissingStage names what to run where a part is not there yet."""
    from spiritlevel.cli.runs import value_of
    from spiritlevel.types import Governance, Governed, Usage, Verdict

    ruled, used, verdict = evidence.value("release.governed"), evidence.value("measure.usage:open"), evidence.value("release")
    assert isinstance(ruled, Governance)
    assert isinstance(used, Usage)
    examined = value_of(evidence, "measure.usage:sealed") if isinstance(verdict, Verdict) and verdict.attempt else None
    return Governed(ruled=ruled, used=used, examined=examined if isinstance(examined, Usage) else None)


def _figures(evidence: "Evidence", told: "Governed") -> "list[Figure]":
    from spiritlevel import elicit
    from spiritlevel.cli.runs import value_of
    from spiritlevel.report import campaigns, usage
    from spiritlevel.types import Compared, Inside

    sides = [value_of(evidence, f"measure.joined:{side}") or value_of(evidence, f"measure:{side}") for side in ("open", "sealed")]
    compared, exam = (side if isinstance(side, Compared) else None for side in sides)
    assert compared is not None
    inside = value_of(evidence, "interpret")
    seen = inside if isinstance(inside, Inside) else Inside(measurements=())
    sections = campaigns.sections(evidence, elicit.provoked(evidence), compared)  # type: ignore[arg-type]  # of a journal it needs rows alone
    return usage.evidence(evidence.ledger.lookup(told.used.model), compared, seen, exam if told.examined else None, told, sections)


def _figure(f: "Figure") -> str:
    from spiritlevel.cli.telling import span

    ids = " ".join(dict.fromkeys(row[:12] for row in f.rows)) or "none"
    said = "recorded" if f.estimate is None else span(f.estimate)
    return f"{f.what} ({', '.join(x for x in (f.side, f.grade.value if f.grade else '') if x)}): {said} [{ids}]"
