"""What `spiritlevel constitution` does with a constitution: examine it, compare it, and keep what people decide."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar

from pydantic import BaseModel

from spiritlevel import backends, jsonl
from spiritlevel import constitution as laws
from spiritlevel.cli import campaigning
from spiritlevel.cli.progress import bars
from spiritlevel.cli.rate import HOME
from spiritlevel.cli.runs import database
from spiritlevel.cli.telling import span
from spiritlevel.constitution import certify
from spiritlevel.constitution.loading import root_of
from spiritlevel.demo import one_line
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.evidence import MemoryJournal, canonical, open_run
from spiritlevel.examine import history, stages, whose_values
from spiritlevel.examine.diff import leave_one_out
from spiritlevel.examine.paraphrases import Paraphrase, by_principle
from spiritlevel.examine.values import Changes, Evidence, Lint, Proposal, Proposals
from spiritlevel.raters.files import read_preferences
from spiritlevel.raters.store import Labels
from spiritlevel.types import Journal, ModelRef, content_hash

P = ParamSpec("P")
R = TypeVar("R", bound=BaseModel)
EXAMINED = Path("runs") / ".examined"
"""What models were asked lies in runs of its own, which are no runs of the loop."""
SHOWN = 5
"""Rows that are printed; --out keeps all."""


def _made(quiet: bool, stage: Callable[Concatenate[Journal, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """A stage's value: in a run of its own, to be gone on with, where it asks a model; else at once."""
    if not any(isinstance(a, ModelRef) for a in args):
        return stage(MemoryJournal(), *args, **kwargs)
    run = f"{stage.__name__}-{content_hash(*map(canonical, args))[:16]}"
    with (
        bars(quiet) as listener,
        open_run(EXAMINED, run, content_hash(run), "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        return evidence.step(stage, *args, **kwargs)


def _ref(spec: str | None) -> ModelRef | None:
    return None if spec is None else backends.resolve(spec)


def lint(folder: str | None, model: str | None, judge: str | None, paraphraser: str | None, file: str | None, quiet: bool) -> Lint:
    """The findings of a constitution (default: the built-in one), by the offline judges and those that are named."""
    law, others = laws.load(folder), _paraphrases(file)
    by_principle(law, others)  # a name that is wrong is told before anything is asked
    return _made(quiet, stages.linted, law, certify.load(folder), _ref(model), _ref(judge), _ref(paraphraser), others)


def _paraphrases(file: str | None) -> tuple[Paraphrase, ...]:
    if file is None:
        return ()
    if not Path(file).is_file():
        raise ConfigError(f"file of paraphrases {file!r} does not exist; correct --paraphrases")
    return tuple(
        jsonl.read(
            Path(file),
            lambda r: Paraphrase(principle=jsonl.text(r["principle"]), text=jsonl.text(r["text"])),
            "a 'principle' and a 'text'",
        )
    )


def findings(found: Lint) -> Iterator[str]:
    """What lint found, in words."""
    for f in found.findings:
        both = f"{f.principle} and {f.other}" if f.other else f.principle or "policy"
        yield f"{f.fault}: {both}: {one_line(f.what, 300)}" + (f" (doubt {f.doubt:.2g})" if f.doubt else "")
        yield from _rows(f.rows)
    yield from (f"{id} pulls apart from most principles: look at it first" for id in found.crowded)
    yield from (f"not examined: {note}" for note in found.notes)
    yield f"{len(found.findings)} findings in {found.cases} examples, read by {', '.join(found.judges) or 'no judge'}"


def _rows(rows: Sequence[Evidence]) -> Iterator[str]:
    for r in rows[:SHOWN]:
        if r.prompt:
            yield f"    {one_line(r.prompt, 90)}" + (f" | {one_line(r.reply, 60)}" if r.reply else "")
        yield f"        {one_line(r.says, 200)}"
    if len(rows) > SHOWN:
        yield f"    and {len(rows) - SHOWN} more"


def diff(first: str, second: str | None, judge: str | None, reviser: str | None, quiet: bool) -> Changes:
    """Two constitutions compared, or with no `second` what leaving out each principle does."""
    one, held = laws.load(first), certify.load(first)
    if second is None:
        return leave_one_out(one, held)
    return _made(quiet, stages.compared, one, laws.load(second), held, certify.load(second), _ref(judge), _ref(reviser))


def changes(found: Changes, two: bool) -> Iterator[str]:
    """What changes, in words."""
    yield (
        "change of the share of cases on which a principle fires, from the first to the second"
        if two
        else "leaving out each principle: change of the share of its own examples that are read rightly"
    )
    for c in found.changed:
        yield f"  {c.principle:24} {span(c.fires)}, p {c.p:.2g} after Holm"
        yield from _rows(c.rows)
        if c.unread:
            yield f"      {c.unread} cases could not be read under one of the two, and are left out"
        if c.revisions is not None:
            yield f"      share of revisions that differ: {span(c.revisions)}"
            yield from _rows(c.revised)
    if not any(c.rows for c in found.changed):
        yield "no verdict differs on any case"


def propose(folder: str, preferences: str | None, runs: Sequence[str], model: str | None, quiet: bool) -> Proposals:
    """Proposals from a file of preferences and from what campaigns found. DataError: neither is given."""
    law = laws.load(folder)
    told = [] if preferences is None else read_preferences(preferences)
    told += [p for run in runs for p in campaigning.preferences(Path(), run, law)]
    if not told:
        raise DataError("there is nothing to learn from; give --preferences FILE, or --findings RUN of a campaign that found something")
    return _made(quiet, stages.proposed, law, tuple(told), _ref(model))


def proposals(found: Proposals, folder: str, out: str) -> Iterator[str]:
    """Proposals in words, and what to do with them."""
    yield f"the constitution predicts held-out preferences: {span(found.now)}; chance is 0.5"
    for p in found.proposals:
        yield f"{p.id}: {one_line(p.title, 120)}" + (f" (an edit of {p.edits}?)" if p.edits else " (new)")
        yield f"  {one_line(p.text, 400)}"
        yield f"  rests on {p.rests_on}"
        yield f"  with it: {span(p.then)}; change {span(p.change)}, p {p.p:.2g} after Holm; it would change {len(p.cases)} cases"
        if p.words is not None:
            yield f"  a model with these words alone, on held-out preferences near it: {span(p.words)}; chance is 0.5"
        yield from _rows(p.cases)
    if found.proposals:
        yield f"with all of them: {span(found.together)}; change {span(found.change)}"
        yield f"in {out}; decide: spiritlevel constitution accept|reject {folder} ID --who NAME --why REASON --from {out}"
    else:
        yield f"no proposals: in {found.mined} prompts that were mined, nothing that the constitution mispredicts could be put right"


def decide(folder: str, proposal: str, what: Literal["accepted", "rejected"], who: str, why: str, file: Path) -> str:
    """Enter a decision on a proposal, by its id or an unmistakable beginning of it."""
    laws.load(folder)
    if not file.is_file():
        raise ConfigError(f"there is no file of proposals {str(file)!r}; make one with: spiritlevel constitution propose")
    known = list(jsonl.read(file, lambda row: Proposal.model_validate_json(json.dumps(row)), "a proposal"))
    match = [p for p in known if proposal and p.id.startswith(proposal)]
    if len(match) != 1:
        raise ConfigError(f"{len(match)} proposals begin with {proposal!r:.40}; the file has: {', '.join(p.id for p in known) or 'none'}")
    decision = history.decide(Path(folder), match[0], what, who, why)
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
            groups = ", ".join(f"{g.panel or '(no group)'} alpha {span(g.alpha)}" for g in panel.panels)
            differ = "no item that both groups rated" if panel.between is None else f"majorities differ on {span(panel.between)}"
            by_lot = "" if panel.between_p is None else f", by lot p {panel.between_p:.2g}"
            yield f"raters on {one_line(id, 60)}: {differ}{by_lot}; {one_line(groups, 200)}"
        if not found:
            yield "on no principle did two groups of raters give labels"


def unused(path: str | None) -> None:
    """ConfigError when a file is there already: told before hours of asking, not after."""
    if path is not None and Path(path).exists():
        raise ConfigError(f"{path!r} exists already; give --out another name")


def write(path: Path, text: str) -> None:
    """Write a new file. ConfigError when it is there already or cannot be written."""
    unused(str(path))
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written ({error.strerror}); give --out another name") from None
