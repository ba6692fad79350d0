"""`spiritlevel gap`: proxy and intent against the distance that selection or training went."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.types import Estimate, GapCurve, GapPlot, IntentIs

MADE = ("spiritlevel gap", 'class="gap"')
"""What a page or a figure of ours holds, so that no file of another kind is written over."""
KINDS = {
    "judge": ("intent", "kin", "what the intent was made of is not recorded in a file"),
    "people": ("intent", "independent", ""),
    "oracle": ("oracle", "independent", ""),
}


@click.command()
@click.argument("pool", required=False, type=click.Path())
@click.option("--proxy", "proxies", multiple=True, help="Field of POOL that was optimised (again for others: ensembles, mitigations).")
@click.option("--intent", required=True, help="Field of POOL with what was meant: people's ratings, a rule with ground truth, a judge.")
@click.option(
    "--intent-is", type=click.Choice(list(KINDS)), default="judge", show_default=True, help="Whose word POOL's intent is; it is believed."
)
@click.option("-n", "--most", type=click.IntRange(4), help="Largest n; default: the whole pool.")
@click.option("--cut", is_flag=True, help="Pools of unequal size: use the first samples of each, as many as the smallest has.")
@click.option("--out", type=click.Path(), default="gap.html", show_default=True, help="The page to write; NAME.svg: the figure alone.")
@click.option("--seed", type=int, default=0, help="Of the resampling.")
def gap(pool: str | None, proxies: tuple[str, ...], intent: str, intent_is: str, most: int | None, cut: bool, out: str, seed: int) -> None:
    """Proxy and intent against distance: what pushing on the measure does to the meaning, and where it turns."""
    if pool is None or not proxies:
        raise click.UsageError("give a POOL file of scored samples, with --proxy and --intent")
    check(Path(out))
    for line in of_file(Path(pool), proxies, intent, intent_is, most, cut, Path(out), seed):
        click.echo(line)


def of_file(
    pool: Path, proxies: tuple[str, ...], intent: str, kind: str, most: int | None, cut: bool, out: Path, seed: int
) -> Iterator[str]:
    """Best-of-n by each proxy over the pools of a file."""
    from spiritlevel.measure import overoptimisation, pool_file
    from spiritlevel.stats.selection import sizes

    names = tuple(dict.fromkeys(proxies))
    found = pool_file.read(pool, (*names, intent), cut=cut)
    plot = overoptimisation.best_of_n(
        {name: found.scores[name] for name in names},
        found.scores[intent],
        found.groups,
        declared(intent, kind),
        ns=sizes(most) if most else (),
        title=f"Best-of-n: {pool.stem}",
        seed=seed,
    )
    yield from told(plot)
    yield write(plot, out, f"spiritlevel gap {pool} {' '.join(f'--proxy {name}' for name in names)} --intent {intent}")


def declared(name: str, kind: str) -> "IntentIs":
    """An intent that stands in a file, as its owner declares it."""
    from spiritlevel.types import Grade, IntentIs

    role, grade, why = KINDS[kind]
    return IntentIs(name=name, role="oracle" if role == "oracle" else "intent", grade=Grade(grade), why=why)


def told(plot: "GapPlot") -> Iterator[str]:
    """A table a curve, then where its intent turns, or that no turn is visible."""
    from spiritlevel.cli.importing import plain
    from spiritlevel.report import overoptimisation as page

    yield f"{plot.prompts} prompt groups, {plot.samples} samples each{f', {plot.seeds} seeds' if plot.seeds > 1 else ''}"
    why = f" ({plot.intent.why})" if plot.intent.why else ""
    yield f"intent: {plain(plot.intent.name)}, {plot.intent.role}, {plot.intent.grade.value}{why}"
    if plot.intent.role == "oracle":
        yield "  the oracle of a known-answer world proves the method and certifies no model"
    yield plot.scale
    for curve in plot.curves:
        yield from _table(curve)
    yield ""
    for curve in plot.curves:
        yield page.says(curve)
        if fit := page.fitted(curve):
            yield f"  {fit}"
        if curve.beside is not None:
            yield f"  intent at the end, less that of {plain(plot.curves[0].name)}: {_span(curve.beside)}"
    yield from (f"note: {note}" for note in (*plot.notes, *(f"{plain(c.name)}: {n}" for c in plot.curves for n in c.notes)))


def _table(curve: "GapCurve") -> Iterator[str]:
    from spiritlevel.cli.importing import plain

    yield f"\n{plain(curve.name)}"
    yield f"  {'':12} {'KL':>7} {'d':>6}  {'proxy gained':24} {'intent gained':24} if errors were noise"
    for p in curve.points:
        columns = f"{_span(p.proxy):24} {_span(p.intent):24} {_span(p.expected)}"
        yield f"  {plain(p.label):12} {p.kl:7.3f} {p.d.value:6.3f}  {columns}{'' if p.above_floor else '  (KL under its noise floor)'}"
    yield f"  gap at the end (proxy less intent): {_span(curve.gap)}"


def _span(e: "Estimate") -> str:
    return f"{e.value:+.2f} ({e.low:+.2f} to {e.high:+.2f})"


def check(out: Path) -> None:
    """ConfigError when `out` is a file that is none of ours, or lies in no folder."""
    from spiritlevel.errors import ConfigError

    if not out.parent.is_dir():
        raise ConfigError(f"folder {str(out.parent)!r} does not exist; choose another place for --out")
    if out.is_dir() or (out.exists() and not any(mark in out.read_text("utf-8", errors="replace") for mark in MADE)):
        raise ConfigError(f"{str(out)!r} is there and is no page of ours; choose another name for --out")


def write(plot: "GapPlot", out: Path, command: str) -> str:
    """The page, or the figure where the name ends in .svg."""
    from spiritlevel.errors import ConfigError
    from spiritlevel.report import overoptimisation as page

    try:
        out.write_text(page.svg(plot) if out.suffix == ".svg" else page.html(plot, command), "utf-8")
    except OSError as fault:
        raise ConfigError(f"{str(out)!r} cannot be written ({fault.strerror}); choose another place") from None
    return f"page: {out}"
