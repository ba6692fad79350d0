"""`spiritlevel constitution`: its form, whose it is, what it does, and how it changes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import click


@click.group()
def constitution() -> None:
    """Look at a written constitution: its form, whose it is, what it does, and how it changes."""


@constitution.command()
@click.argument("folder", required=False, type=click.Path())
def check(folder: str | None) -> None:
    """Report every fault of form at once, as file:line: what, and what to do."""
    from spiritlevel.constitution.check import check as checking

    law, faults = checking(folder)
    for fault in faults:
        click.echo(fault)
    if law is not None:
        held = "" if faults else ", no faults of form"
        click.echo(
            f"{law.name}: {len(law.principles)} principles, {len(law.teach)} taught examples, {len(law.policy.thresholds)} thresholds{held}"
        )
    if faults:
        raise SystemExit(1)


@constitution.command()
@click.argument("folder", required=False, type=click.Path())
@click.option("--raters", metavar="SET", help="Also show where groups of raters part on a principle, from this set of labels.")
def show(folder: str | None, raters: str | None) -> None:
    """Whose values: each principle's source and approver, decisions on it, and where groups of raters disagree."""
    from spiritlevel.cli import examining

    _told(examining.whose(folder, raters))


JUDGE = click.option("--judge", help="A model judge that also reads the examples: a spec such as openai/NAME or path:DIR.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")


@constitution.command()
@click.argument("folder", required=False, type=click.Path())
@click.option("--model", help="Also read by a probe of this model's hidden states: bundled, path:DIR, ...")
@JUDGE
@click.option("--paraphrases", type=click.Path(), help="JSON lines {principle, text}: other wordings to hold beside a principle's own.")
@click.option("--paraphraser", help="A model that writes other wordings: a spec such as openai/NAME.")
@click.option("--out", type=click.Path(), help="Write the findings with all their rows as JSON; it must be new.")
@QUIET
def lint(
    folder: str | None, model: str | None, judge: str | None, paraphrases: str | None, paraphraser: str | None, out: str | None, quiet: bool
) -> None:
    """Faults of behaviour, each with the rows that show it. Exit 1 when there are any."""
    from spiritlevel.cli import examining

    examining.unused(out)
    found = examining.lint(folder, model, judge, paraphraser, paraphrases, quiet)
    _told(examining.findings(found))
    if out is not None:
        examining.write(Path(out), found.model_dump_json(indent=1))
    if found.findings:
        raise SystemExit(1)


@constitution.command()
@click.argument("first", type=click.Path())
@click.argument("second", required=False, type=click.Path())
@click.option("--leave-one-out", is_flag=True, help="Instead of a SECOND: what leaving out each principle does.")
@click.option("--reviser", help="A model that revises violating replies under both wordings: a spec such as openai/NAME.")
@JUDGE
@click.option("--out", type=click.Path(), help="Write the changes with all their rows as JSON; it must be new.")
@QUIET
def diff(first: str, second: str | None, leave_one_out: bool, reviser: str | None, judge: str | None, out: str | None, quiet: bool) -> None:
    """What changes in behaviour from FIRST to SECOND: the same cases under both, per principle, with paired intervals."""
    if (second is None) != leave_one_out:
        raise click.UsageError("give one of: SECOND, --leave-one-out")
    if leave_one_out and (judge or reviser):
        raise click.UsageError("--leave-one-out fits judges anew without a principle's examples: it takes no --judge and no --reviser")
    from spiritlevel.cli import examining

    examining.unused(out)
    found = examining.diff(first, second, judge, reviser, quiet)
    _told(examining.changes(found, second is not None))
    if out is not None:
        examining.write(Path(out), found.model_dump_json(indent=1))


@constitution.command()
@click.argument("folder", type=click.Path())
@click.option("--preferences", help="What people preferred: any form that raters import reads, or an export of raters.")
@click.option("--findings", metavar="RUN", multiple=True, help="Also learn from what campaigns of RUN found (again for more).")
@click.option("--model", help="Who puts proposals into words, and is tested on the words; default: a template.")
@click.option("--out", type=click.Path(), default="proposals.jsonl", show_default=True, help="File of proposals to write; it must be new.")
@QUIET
def propose(folder: str, preferences: str | None, findings: tuple[str, ...], model: str | None, out: str, quiet: bool) -> None:
    """Principles that would predict what people prefer, each tested on prompts that it was not mined from. A person decides."""
    from spiritlevel.cli import examining

    examining.unused(out)
    found = examining.propose(folder, preferences, findings, model, quiet)
    examining.write(Path(out), "".join(p.model_dump_json() + "\n" for p in found.proposals))
    _told(examining.proposals(found, folder, out))


def _decision(word: str, what: Literal["accepted", "rejected"], help: str) -> None:
    @constitution.command(name=word, help=help)
    @click.argument("folder", type=click.Path())
    @click.argument("proposal")
    @click.option("--who", required=True, help="Who decides.")
    @click.option("--why", required=True, help="For what reason.")
    @click.option("--from", "file", type=click.Path(), default="proposals.jsonl", show_default=True, help="The file of proposals.")
    def command(folder: str, proposal: str, who: str, why: str, file: str) -> None:
        from spiritlevel.cli import examining

        click.echo(examining.decide(folder, proposal, what, who, why, Path(file)))


_decision("accept", "accepted", "Enter in the constitution's history that PROPOSAL is accepted, by whom and why.")
_decision("reject", "rejected", "Enter in the constitution's history that PROPOSAL is rejected, by whom and why.")


def _told(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
