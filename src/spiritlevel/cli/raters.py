"""`spiritlevel raters`: sets of things to rate, in and out of files, and what the raters agree on."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from spiritlevel.cli.rate import HOME


@click.group()
def raters() -> None:
    """People's and models' labels: bring items in, take labels out, see what raters agree on and where they bend."""


@raters.command(name="import")
@click.argument("name", metavar="SET")
@click.argument("file", required=False)
@click.option("--run", "run", metavar="RUN", help="Instead of FILE: the replies of a run before and after training, from its open side.")
@click.option("--rater", default="", help="Whose labels a filled-in sheet holds, where it does not say.")
@click.option("--panel", default="", help="Group of raters that those of a sheet are shown with.")
def import_(name: str, file: str | None, run: str | None, rater: str, panel: str) -> None:
    """Put items or labels into SET. Labels are never taken away or changed; a second import of the same file adds nothing.

    FILE: JSON lines or CSV of {prompt, a, b} or {prompt, reply}; preferences in any form, or hf:ORG/NAME; a filled-in sheet; an export.
    """
    if (file is None) == (run is None):
        raise click.UsageError("give one of: FILE, --run RUN")
    from spiritlevel.cli import labelling

    said = labelling.of_run(HOME, name, str(run)) if file is None else labelling.bring(HOME, name, file, rater, panel)
    _told(said.lines)
    for fault in said.faults:
        click.echo(fault, err=True)
    if said.faults:
        click.echo(f"{len(said.faults)} lines were not read; correct them and import the file again: what is in stays in", err=True)
        sys.exit(1)


@raters.command()
@click.argument("name", metavar="SET")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "trl"]), default="csv", show_default=True, help="The form.")
@click.option("--rater", default="", help="csv: whose sheet; order and sides are their own, and what they said is filled in.")
@click.option("--scale", default="1-5", show_default=True, help="csv of single replies: 1-5 or 0-9.")
@click.option("--seed", default=0, show_default=True, help="csv: of the order of items and sides.")
@click.option("--of", "whose", type=click.Choice(["people", "machines"]), default="people", show_default=True, help="trl: whose labels.")
@click.option("--out", type=click.Path(), help="File to write; it must be new. Default: SET.csv or SET.jsonl.")
def export(name: str, form: str, rater: str, scale: str, seed: int, whose: str, out: str | None) -> None:
    """Take SET out: a blind sheet to fill in (csv), all items and labels (jsonl), or preferences to train on (trl)."""
    from spiritlevel.cli import labelling

    target = Path(out or f"{name}.{'csv' if form == 'csv' else 'jsonl'}")
    _told(labelling.take(HOME, name, form, rater, scale, seed, whose, target))


@raters.command()
@click.argument("name", metavar="SET")
@click.option("--model", "spec", help="A language model: bundled, path:DIR, openai/NAME, a URL.")
@click.option("--reward", help="A reward: path:DIR, rule:NAME.")
@click.option("--rater", default="", help="Its name in the set; default: model:SPEC or reward:SPEC.")
@click.option(
    "--principle", default="", help="Model: the principle that all items are held to; default: each item's own, else all of them."
)
@click.option("--constitution", "folder", type=click.Path(), help="Model: the constitution that it rates by; default: the built-in one.")
@click.option("--scale", default="1-5", show_default=True, help="Model, of single replies: 1-5 or 0-9.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def ask(name: str, spec: str | None, reward: str | None, rater: str, principle: str, folder: str | None, scale: str, quiet: bool) -> None:
    """Let a machine rate SET: a model compares each pair in both orders, a reward scores each reply. A kill loses no answer."""
    if (spec is None) == (reward is None):
        raise click.UsageError("give one of: --model SPEC, --reward SPEC")
    from spiritlevel.cli import asking

    if spec is not None:
        _told(asking.model(HOME, name, spec, rater, folder, principle, scale, quiet))
    else:
        _told(asking.reward(HOME, name, str(reward), rater, quiet))


@raters.command()
def sets() -> None:
    """All sets, with how many items and labels they hold."""
    from spiritlevel.cli import labelling

    _told(labelling.table(HOME))


@raters.command()
@click.argument("name", metavar="SET")
@click.option("--keyword", default="", help="A word whose pull on the raters is tried beside the others.")
@click.option("--seed", default=0, show_default=True, help="Of the resampling.")
def report(name: str, keyword: str, seed: int) -> None:
    """What the raters of SET agree on and where they bend, people and models alike."""
    from spiritlevel.cli import labelling

    _told(labelling.told(HOME, name, keyword, seed))


def _told(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
