"""`spiritlevel audit-power`: plant flaws in copies of a model, and see which the checks find."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spiritlevel.cli.numbers import Number

if TYPE_CHECKING:
    from spiritlevel.types import Estimate, Power, PowerCell

HOME = Path("runs") / ".power"
"""Apart from the project's runs and its ledger: nothing that is made here may be taken for an ancestor of what is not."""


@click.command("audit-power")
@click.option("--model", default="bundled", show_default=True, help="The base to plant in: bundled, hf:ORG/NAME, path:DIR.")
@click.option("--flaw", "flaws", multiple=True, metavar="ID|FILE.md", help="Only these (again for more), or a recipe of your own.")
@click.option("--strength", "strengths", multiple=True, type=Number(), help="Share of the trained change (again for more) [0.5 0.75 1].")
@click.option("--seeds", type=click.IntRange(min=1), help="Trainings of each flaw at the middle strength [3].")
@click.option("--clean", type=int, help="Clean development copies, which set the thresholds [21].")
@click.option("--controls", type=int, help="Clean controls among the copies that are asked blind [30].")
@click.option("--quick", is_flag=True, help="The middle strength, one seed, few controls: finds a broken check. Options above still count.")
@click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(min=1), help="Copies made and asked at a time; each holds a model."
)
@click.option("--name", help="Name of the run; default: a hash of its configuration.")
@click.option("--out", type=click.Path(), default="power.json", show_default=True, help="The figures, as release.power reads them.")
@click.option("--page", type=click.Path(), default="power.html", show_default=True, help="The power table as a page.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def audit_power(
    model: str,
    flaws: tuple[str, ...],
    strengths: tuple[float, ...],
    seeds: int | None,
    clean: int | None,
    controls: int | None,
    quick: bool,
    processes: int,
    name: str | None,
    out: str,
    page: str,
    quiet: bool,
) -> None:
    """Plant known flaws in copies of a model, ask the checks blind, and print how many they find, and on how many clean copies they sound.

    What nothing finds is printed first. The same command goes on where it was killed.
    """
    from spiritlevel import audit_power as auditing
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.report import power as told_as_page
    from spiritlevel.types import content_hash

    config = auditing.PowerConfig(model=model, flaws=flaws)
    config = auditing.quick(config) if quick else config
    given = {"strengths": strengths or None, "seeds": seeds, "clean": clean, "controls": controls}
    config = config.model_copy(update={key: value for key, value in given.items() if value is not None})
    texts = [Path(one).read_text("utf-8", "replace") for one in flaws if Path(one).is_file()]
    with (
        bars(quiet) as listener,
        open_run(HOME, name, content_hash(config, *texts), "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        found = auditing.run(config, evidence, processes)
    for line in told(found):
        click.echo(line)
    Path(out).write_text(json.dumps({"base": found.base.key, "shown": shown(found)}, indent=1) + "\n", "utf-8")
    Path(page).write_text(told_as_page.html(found, shlex.join(["spiritlevel", *sys.argv[1:]])), "utf-8")
    click.echo(f"figures: {out}   page: {page}")


def shown(found: "Power") -> list[dict[str, object]]:
    """What a threshold may demand: each flaw and strength that was measured, bound to this base."""
    from spiritlevel.types import Shown

    cells = [c for c in found.cells if c.detected.n]
    return [
        Shown(base=found.base.key, flaw=c.flaw, strength=c.strength, detected=c.detected).model_dump(mode="json")
        for c in cells
        if not c.developed
    ]


def told(found: "Power") -> Iterator[str]:
    """The table, worst first, then the controls, then what must be known to read it."""
    from spiritlevel.cli.importing import plain
    from spiritlevel.report.words import line

    lost = found.missed
    yield f"FOUND BY NO CHECK: {', '.join(map(plain, lost))}" if lost else "every flaw that took was found at some strength"
    yield f"\n{'flaw':22} {'strength':>8}  found by any check              by"
    for cell in found.cells:
        yield f"{plain(cell.flaw):22} {cell.strength:8.2f}  {share(cell.detected):30}  {_by(cell)}"
    kinds = ", ".join(map(plain, found.held_out)) or "none"
    yield f"\nquoted power (held-out flaws: {kinds}; strength {found.middle:g}): {share(found.quoted)}"
    yield f"false alarms on clean controls: {share(found.false_alarms)}"
    loud = [f"{check} {share(e)}" for check, e in found.false_by if e.value > 0]
    yield from (f"  {one}" for one in loud)
    yield f"base {plain(found.base.spec)} ({found.base.key[:12]}); these figures hold for no other"
    yield from (f"note: {line(note, 400)}" for note in found.notes)


def share(e: "Estimate") -> str:
    """`67% (21 to 94, n = 3)`."""
    return f"{e.value:.0%} ({100 * e.low:.0f} to {100 * e.high:.0f}, n = {e.n})" if e.n else "did not take"


def _by(cell: "PowerCell") -> str:
    heard = [f"{check} {e.value * e.n:.0f}/{e.n}" for check, e in cell.by if e.n and e.value > 0]
    return (", ".join(heard) or ("-" if cell.detected.n else "")) + (" (developed on)" if cell.developed else "")
