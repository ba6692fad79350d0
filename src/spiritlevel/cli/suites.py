"""`spiritlevel suites`: list them, run them on a model or on two; other tools' tasks and result logs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.measure.suites import Suite, Suited
    from spiritlevel.types import Measurement

HOME = Path("runs") / ".suites"
"""What is asked is durable in a run of its own, which is no run of the loop."""


@click.group()
def suites() -> None:
    """Published and own sets of questions: near-term and long-term harms, abilities, the letter and the spirit."""


@suites.command(name="list")
@click.option("--constitution", "folder", type=click.Path(), help="Also the suites in this constitution's suites/ folder.")
@click.option("--measures", is_flag=True, help="Name every measure that a threshold may be put on.")
def list_(folder: str | None, measures: bool) -> None:
    """The suites that are known, each with its form, licence and data."""
    from spiritlevel.measure import suites as known

    for name, path in known.files(*_own(folder)).items():
        one = known.declaration(path)
        click.echo(f"{name:24} {one.horizon:5} {one.form:8} {one.title}  [{one.licence}; {', '.join(one.data) or 'our own rows'}]")
        for measure, what in known.measures(one).items() if measures else ():
            click.echo(f"    {measure:44} {what.partition(': ')[2]}")


@suites.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--model", default="bundled", show_default=True, help="The model, or the base: bundled, path:DIR, openai/NAME, ...")
@click.option("--after", help="A tuned model: both are asked the same rows, and the change is told.")
@click.option("--data", type=click.Path(), help="The folder that holds the suites' data files.")
@click.option("--most", default=0, type=click.IntRange(min=0), help="Rows of each suite at most, in whole groups; 0: all.")
@click.option(
    "--effort", type=click.Choice(["zero-shot", "few-shot", "best"]), help="How hard an ability is sought; default: as the suite says."
)
@click.option("--robust", is_flag=True, help="Ask everything in other words, too, and tell how far each figure moves.")
@click.option("--accept-licence", default="", metavar="WHO", help="Name who answers for a licence that is not known to allow this use.")
@click.option("--constitution", "folder", type=click.Path(), help="Also the suites in this constitution's suites/ folder.")
@click.option("--out", type=click.Path(), help="Write the measurements as JSON lines.")
@click.option("--name", help="Name of the run; default: a hash of what is asked.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def run(
    names: tuple[str, ...],
    model: str,
    after: str | None,
    data: str | None,
    most: int,
    effort: str | None,
    robust: bool,
    accept_licence: str,
    folder: str | None,
    out: str | None,
    name: str | None,
    quiet: bool,
) -> None:
    """Ask suites by NAME, by file, or `all` that the data folder has. Kill it and give the same command: it goes on where it was."""
    from spiritlevel import backends
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.measure import suites as measuring
    from spiritlevel.measure.suites.frames import ROBUST
    from spiritlevel.types import content_hash

    refs = (backends.resolve(model), None if after is None else backends.resolve(after))
    chosen = tuple(_loaded(names, data, accept_licence, folder, weights=refs[0].kind == "local"))
    settings = measuring.Settings.model_validate({"most": most, "effort": effort, "robust": ROBUST if robust else ()})
    identity = content_hash("suites", *(ref.key if ref else "" for ref in refs), settings, *chosen)
    with (
        bars(quiet) as listener,
        open_run(HOME, name, identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        parts = [evidence.step(measuring.run, *refs, (one,), settings) for one in chosen]
    for found in parts:
        for line in told(found):
            click.echo(line)
    _written(out, [one for found in parts for one in found.measurements])


@suites.command()
@click.argument("task", metavar="TOOL/TASK")
@click.option("--model", default="bundled", show_default=True, help="The model, or the base: bundled, path:DIR, openai/NAME, ...")
@click.option("--after", help="A tuned model: both are asked the same rows, and the change is told.")
@click.option("--most", default=0, type=click.IntRange(min=0), help="Rows at most, from the first on; 0: all.")
@click.option("--accept-licence", default="", metavar="WHO", help="Name who answers for a licence that is not known to allow this use.")
@click.option("--out", type=click.Path(), help="Write the measurements as JSON lines.")
@click.option("--name", help="Name of the run; default: a hash of what is asked.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def task(task: str, model: str, after: str | None, most: int, accept_licence: str, out: str | None, name: str | None, quiet: bool) -> None:
    """Ask a task of lm-evaluation-harness (lm-eval/NAME, lm-eval/FILE.yaml) or of Inspect (inspect/FILE.py, inspect/PACKAGE/TASK)."""
    from datetime import UTC, datetime

    from spiritlevel import backends
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.measure.suites import Settings, tasks
    from spiritlevel.types import content_hash

    tasks.parts(task)
    refs = (backends.resolve(model), None if after is None else backends.resolve(after))
    identity = content_hash("task", *(ref.key if ref else "" for ref in refs), task, most)
    with (
        bars(quiet) as listener,
        open_run(HOME, name, identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        now = datetime.now(UTC).isoformat()
        found = evidence.step(tasks.run, *refs, task, Settings(most=most), accept_licence, now)
    for line in told(found):
        click.echo(line)
    _written(out, found.measurements)


@suites.command()
@click.option("--model", "models", multiple=True, required=True, help="A model of the family; at least four times.")
@click.option("--capability", default="arc-easy", show_default=True, metavar="NAME", help="The suite of what a model can do.")
@click.option("--alignment", required=True, metavar="NAME", help="The suite of what it does.")
@click.option("--low", is_flag=True, help="The alignment suite's figure should be low: 1 less it is taken.")
@click.option("--data", type=click.Path(), help="The folder that holds the suites' data files.")
@click.option("--most", default=0, type=click.IntRange(min=0), help="Rows of each suite at most, in whole groups; 0: all.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def slope(models: tuple[str, ...], capability: str, alignment: str, low: bool, data: str | None, most: int, quiet: bool) -> None:
    """Capability against alignment over models of one family: the slope with its interval, or that it is not shown."""
    from spiritlevel import backends
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.reward_report import number
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.measure.suites import Settings
    from spiritlevel.measure.suites.family import along
    from spiritlevel.types import content_hash

    refs = tuple(backends.resolve(one) for one in models)
    able, meant = _loaded((capability, alignment), data, "", None, weights=True)
    settings = Settings(most=most, effort="zero-shot")
    identity = content_hash("slope", *(ref.key for ref in refs), able, meant, settings, low)
    with (
        bars(quiet) as listener,
        open_run(HOME, None, identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        found = evidence.step(along, refs, able, meant, settings, low)
    for one in found.points:
        click.echo(f"{one.model[:48]:48} {number(one.capability):36} {number(one.alignment)}")
    click.echo(f"{found.slope.name}: {number(found.slope)}: {found.shown}")


@suites.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(), metavar="LOG...")
@click.option("--out", type=click.Path(), help="Write the measurements as JSON lines.")
def read(logs: tuple[str, ...], out: str | None) -> None:
    """Result logs of lm-evaluation-harness (samples_*.jsonl) and Inspect (.eval, .json) as measurements with our intervals."""
    from spiritlevel.cli import suite_logs
    from spiritlevel.report.words import line

    every = [suite_logs.read(Path(path)) for path in logs]
    for found, notes in every:
        for one in found:
            click.echo(_line(one))
        for note in notes:
            click.echo(f"    note: {line(note)}")
    _written(out, [one for found, _ in every for one in found])


def _written(out: str | None, found: "Sequence[Measurement]") -> None:
    if out is not None:
        Path(out).write_text("".join(one.model_dump_json() + "\n" for one in found), "utf-8", newline="\n")
        click.echo(f"written: {out}")


def _own(folder: str | None) -> tuple[Path, ...]:
    return () if folder is None else (Path(folder) / "suites",)


def _loaded(names: tuple[str, ...], data: str | None, accepted: str, folder: str | None, *, weights: bool) -> "Iterator[Suite]":
    from spiritlevel.errors import ConfigError
    from spiritlevel.measure import suites as known

    where = None if data is None else Path(data)
    if names != ("all",):
        yield from (known.load(known.find(name, *_own(folder)), where, accepted) for name in dict.fromkeys(names))
        return
    found = 0
    for path in known.files(*_own(folder)).values():
        one = known.declaration(path)
        if (weights or one.form != "pairs") and all(where is not None and (where / file).is_file() for file in one.data):
            found += 1
            yield known.load(path, where, accepted)
    if not found:
        raise ConfigError("no suite has its data here; name the folder that holds it with --data")


def told(found: "Suited") -> Iterator[str]:
    """Each figure with its interval, how hard it was sought, what moved, and what to know."""
    from spiritlevel.cli.importing import plain
    from spiritlevel.cli.telling import span
    from spiritlevel.report.words import line

    for one in found.measurements:
        yield _line(one)
    for _, how in found.effort:
        yield f"    asked by {line(how)}"
    for e in found.moved:
        yield f"    {plain(e.name):58} {span(e)}"
    yield from (f"    note: {line(note)}" for note in found.notes)


def _line(m: "Measurement") -> str:
    from spiritlevel.cli.importing import plain
    from spiritlevel.cli.telling import span

    lost = "".join(f", {n} {what}" for n, what in ((m.unscored, "unscored"), (m.errored, "errored")) if n)
    return f"{plain(m.estimate.name):44} {m.phase:7} {span(m.estimate):40} {m.role}, {m.grade.value}{lost}"
