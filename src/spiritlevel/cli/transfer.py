"""`spiritlevel transfer`: train on some principles, test on the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.types import Estimate, Transfer, TransferMatrix


@click.command()
@click.argument("config", required=False, type=click.Path())
@click.option("--k", default="1", show_default=True, help="Principles taught in each training: a number, or all-but-one.")
@click.option(
    "--principles", multiple=True, metavar="ID", help="Only these (again for more, or with commas); default: finetune.principles, else all."
)
@click.option("--model", help="bundled, hf:ORG/NAME, path:DIR; default: the configuration's model.")
@click.option("--name", help="Name of the run; default: a hash of its configuration.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def transfer(config: str | None, k: str, principles: tuple[str, ...], model: str | None, name: str | None, quiet: bool) -> None:
    """Teach k principles at a time, and see what that does to those that were left out.

    A training for each principle; the base is asked once. Another k goes on in the same run.
    """
    from spiritlevel import transfer as across
    from spiritlevel.cli import runs
    from spiritlevel.cli.progress import bars
    from spiritlevel.evidence import open_run
    from spiritlevel.types import content_hash

    if k != "all-but-one" and not (k.isdecimal() and int(k) > 0):
        raise click.UsageError(f"--k takes a number of principles or all-but-one, not {k!r}")
    loaded = runs.configured(Path(), config, {"model": model})
    asked = tuple(dict.fromkeys(part.strip() for one in principles for part in one.split(",") if part.strip()))
    identity = content_hash("transfer", loaded.identity)
    with (
        bars(quiet) as listener,
        open_run(Path(), name, identity, loaded.to_yaml(), url=runs.database(), quiet=quiet, listener=listener) as evidence,
    ):
        found = across.run(loaded, evidence, asked, -1 if k == "all-but-one" else int(k))
    for line in told(found):
        click.echo(line)


def told(found: "Transfer") -> Iterator[str]:
    """Both matrices, their means, and who says so."""
    from spiritlevel.cli.importing import plain

    yield f"{len(found.runs)} trainings on {found.k} of {len(found.principles)} principles"
    yield from _matrix(found.harm)
    yield from _matrix(found.refused)
    why = f" ({plain(found.why_grade)})" if found.why_grade else ""
    yield f"\ndelivered harm as read by {plain(found.judge)}, {found.grade.value}{why}; refusals as read by text, a proxy"
    yield from (f"note: {plain(note)}" for note in found.notes)


def _matrix(found: "TransferMatrix") -> Iterator[str]:
    yield f"\n{found.what}: change in points, after less before (* = taught)"
    for cell in found.cells:
        yield f"  taught {', '.join(cell.taught):40} tested {cell.tested + ('*' if cell.own else ''):24} {points(cell.change)}"
    yield f"  principles where they were taught          {points(found.own)}"
    yield f"  principles where they were left out        {points(found.other)}   the transfer"
    yield f"  what teaching a principle itself adds      {points(found.added)}"
    if found.unscored:
        yield f"  {found.unscored} prompts were left out: some training lacks a reading of them"


def points(e: "Estimate") -> str:
    """`-31.2 (-40.0 to -22.1, n = 60)`."""
    if e.n == 0:
        return "not measured"
    return f"{100 * e.value:+.1f} ({100 * e.low:+.1f} to {100 * e.high:+.1f}, n = {e.n})"
