"""What `spiritlevel constitution` does with a constitution: examine it, compare it, and keep what people decide."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, cast

from spiritlevel import backends, jsonl
from spiritlevel import constitution as laws
from spiritlevel.cli import campaigning
from spiritlevel.cli.rate import HOME
from spiritlevel.cli.telling import span
from spiritlevel.constitution import Constitution, certify
from spiritlevel.constitution.loading import root_of
from spiritlevel.demo import one_line
from spiritlevel.errors import ConfigError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.examine import diff as comparing
from spiritlevel.examine import history, whose_values
from spiritlevel.examine import lint as linting
from spiritlevel.examine import propose as proposing
from spiritlevel.examine.values import Changed, Evidence, Lint, Proposal
from spiritlevel.judges.model import ModelJudge
from spiritlevel.raters.files import read_preferences
from spiritlevel.raters.store import Labels
from spiritlevel.types import Journal, Judge


def _judge(journal: Journal, spec: str | None) -> Callable[[Constitution], Judge] | None:
    if spec is None:
        return None
    model = backends.open_model(backends.resolve(spec), journal)
    return lambda law: ModelJudge(journal, model, comparing.spoken(law))


def lint(folder: str | None, model: str | None, judge: str | None, paraphrases: str | None) -> Lint:
    """The findings of a constitution (default: the built-in one), by the offline judges and those that are named."""
    law, held, others = laws.load(folder), certify.load(folder), _paraphrases(paraphrases)
    if strange := sorted(set(others) - {p.id for p in law.principles}):
        raise ConfigError(f"paraphrases name principle {strange[0]!r:.80}, which the constitution has not; correct the file")

    if model is None and judge is None:
        return linting.lint(law, held, paraphrases=others)
    journal = MemoryJournal()
    weights = None if model is None else backends.open_weights(backends.resolve(model), journal)
    reader = _judge(journal, judge)
    return linting.lint(law, held, weights=weights, judge=reader(law) if reader else None, paraphrases=others)


def _paraphrases(file: str | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if file is not None:
        if not Path(file).is_file():
            raise ConfigError(f"file of paraphrases {file!r} does not exist; correct --paraphrases")
        for id, text in jsonl.read(Path(file), lambda r: (jsonl.text(r["principle"]), jsonl.text(r["text"])), "a 'principle' and a 'text'"):
            found.setdefault(id, []).append(text)
    return found


def findings(found: Lint) -> Iterator[str]:
    """What lint found, in words."""
    for f in found.findings:
        both = f"{f.principle} and {f.other}" if f.other else f.principle or "policy"
        yield f"{f.fault}: {both}: {f.what}" + (f" (doubt {f.doubt:.2g})" if f.doubt else "")
        yield from _rows(f.rows)
    for id in linting.crowded(found.findings, len({r.principle for f in found.findings for r in f.rows})):
        yield f"{id} pulls apart from most principles: look at it first"
    yield from (f"not examined: {note}" for note in found.notes)
    yield f"{len(found.findings)} findings in {found.cases} examples, read by {', '.join(found.judges) or 'no judge'}"


def _rows(rows: Sequence[Evidence]) -> Iterator[str]:
    for r in rows:
        yield f"    {one_line(r.prompt, 90)}" + (f" | {one_line(r.reply, 60)}" if r.reply else "")
        yield f"        {one_line(r.says, 200)}"


def diff(first: str, second: str | None, judge: str | None, reviser: str | None) -> Iterator[str]:
    """Two constitutions compared, or with no `second` what leaving out each principle does."""
    one = laws.load(first)
    if second is None:
        yield "leaving out each principle: change of the share of its own examples that are read rightly"
        yield from _changes(comparing.leave_one_out(one, certify.load(first)))
        return
    two = laws.load(second)
    held = (certify.load(first), certify.load(second))

    if judge is None and reviser is None:
        found = comparing.diff(one, two, held)
    else:
        journal = MemoryJournal()
        model = None if reviser is None else backends.open_model(backends.resolve(reviser), journal)
        found = comparing.diff(one, two, held, judge=_judge(journal, judge), journal=journal, reviser=model)
    yield "change of the share of cases on which a principle fires, from the first to the second"
    yield from _changes(found)


def _changes(found: Sequence[Changed]) -> Iterator[str]:
    for c in found:
        yield f"  {c.principle:24} {span(c.fires)}, p {c.p:.2g} after Holm"
        if c.revisions is not None:
            yield f"      revisions that differ: {span(c.revisions)}"
        yield from _rows(c.rows)
    if not any(c.rows for c in found):
        yield "no verdict differs on any case"


def propose(folder: str, preferences: str, runs: Sequence[str], model: str | None) -> tuple[Proposal, ...]:
    """Proposals from a file of preferences and from what campaigns found."""
    law = laws.load(folder)
    told = [*read_preferences(preferences), *(p for run in runs for p in campaigning.preferences(Path(), run, law))]
    if model is None:
        return proposing.propose(law, told)
    journal = MemoryJournal()
    return proposing.propose(law, told, journal=journal, model=backends.open_model(backends.resolve(model), journal))


def proposals(found: Sequence[Proposal], folder: str, out: str) -> Iterator[str]:
    """Proposals in words, and what to do with them."""
    for p in found:
        yield f"{p.id}: {one_line(p.title, 120)}" + (f" (an edit of {p.edits}?)" if p.edits else " (new)")
        yield f"  {one_line(p.text, 400)}"
        yield f"  rests on {p.rests_on}"
        yield f"  predicts held-out preferences: {span(p.then)}; now {span(p.now)}; change {span(p.change)}, p {p.p:.2g} after Holm"
        yield from _rows(p.cases)
    if found:
        yield f"in {out}; decide: spiritlevel constitution accept|reject {folder} ID --who NAME --why REASON --from {out}"
    else:
        yield "no proposals: the constitution mispredicts no cluster of these preferences"


def decide(folder: str, proposal: str, what: str, who: str, why: str, file: Path) -> str:
    """Enter a decision on a proposal, by its id or an unmistakable beginning of it."""
    laws.load(folder)
    if not file.is_file():
        raise ConfigError(f"there is no file of proposals {str(file)!r}; make one with: spiritlevel constitution propose")
    known = list(jsonl.read(file, lambda row: Proposal.model_validate_json(json.dumps(row)), "a proposal"))
    match = [p for p in known if proposal and p.id.startswith(proposal)]
    if len(match) != 1:
        raise ConfigError(f"{len(match)} proposals begin with {proposal!r:.40}; the file has: {', '.join(p.id for p in known) or 'none'}")
    decision = history.decide(Path(folder), match[0], cast(Literal["accepted", "rejected"], what), who, why)
    then = "; now edit the constitution's files, then run: spiritlevel constitution lint" if what == "accepted" else ""
    return f"{what} {match[0].id} in {Path(folder) / history.NAME}, by {one_line(decision.who, 60)}{then}"


def whose(folder: str | None, raters: str | None) -> Iterator[str]:
    """Source and approver of each principle, the history, and where groups of raters part."""
    law = laws.load(folder)
    for p in law.principles:
        yield f"{p.id} (priority {p.priority}, {p.horizon}): {one_line(p.title, 100)}"
        yield f"    source: {one_line(p.source, 200)}"
        yield f"    approver: {one_line(p.approver, 120)}"
        yield f"    protects: {one_line(p.protects, 160)}; cost: {one_line(p.cost, 160)}"
    for d in history.read(root_of(folder)):
        yield f"{d.at} {d.what} by {one_line(d.who, 60)}: {one_line(d.proposal.title, 100)} ({one_line(d.why, 200)})"
    if raters is not None:
        labels = Labels(HOME)
        found = whose_values.apart(labels.items(raters), labels.ratings(raters))
        for id, panel in found.items():
            groups = ", ".join(f"{g.panel or '(no group)'} alpha {g.alpha.value:.2f}" for g in panel.panels)
            differ = "no item that both groups rated" if panel.between is None else f"majorities differ on {span(panel.between)}"
            by_lot = "" if panel.between_p is None else f", by lot p {panel.between_p:.2g}"
            yield f"raters on {one_line(id, 60)}: {differ}{by_lot}; {one_line(groups, 200)}"
        if not found:
            yield "on no principle did two groups of raters give labels"


def write(path: Path, text: str) -> None:
    """Write a new file. ConfigError when it is there already or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConfigError(f"{str(path)!r} exists already; give --out another name") from None
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written ({error.strerror}); give --out another name") from None
