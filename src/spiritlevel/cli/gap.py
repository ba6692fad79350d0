"""`spiritlevel gap`: proxy and intent against the distance that selection or training went."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.types import Estimate, GapCurve, GapPlot, IntentIs, StopRecord

MADE = ("spiritlevel gap", 'class="gap"')
"""What a page or a figure of ours holds, so that no file of another kind is written over."""
KINDS = {
    "judge": ("intent", "kin", "what the intent was made of is not recorded in a file"),
    "people": ("intent", "independent", ""),
    "oracle": ("oracle", "independent", ""),
}


@click.command()
@click.argument("pool", required=False, type=click.Path())
@click.option("--proxy", "proxies", multiple=True, required=True, help="What is optimised: a field of POOL, or a reward (again for more).")
@click.option("--intent", required=True, help="What is meant: a field of POOL (people's ratings, a rule, a judge), or a reward.")
@click.option(
    "--intent-is", type=click.Choice(list(KINDS)), default="judge", show_default=True, help="Whose word the intent is; it is believed."
)
@click.option("--model", help="Draw a pool from this model; with --checkpoint: the start.")
@click.option(
    "--checkpoint", "checkpoints", multiple=True, metavar="REF", help="A model on the way from --model, in order (again for more)."
)
@click.option("--run", "names", multiple=True, metavar="RUN", help="Follow this run's policy (again for more, on the same plot).")
@click.option("--prompts", type=click.Path(), help="Held-out prompts for --model and --run; default: 32 of the built-in seeds' open side.")
@click.option("-n", "--samples", type=click.IntRange(1), help="Largest n; default: the whole POOL, 64 drawn, or 4 a checkpoint.")
@click.option("--tokens", type=click.IntRange(1), default=64, show_default=True, help="Most tokens of an answer that is drawn.")
@click.option(
    "--aggregate", "how", type=click.Choice(["mean", "worst", "uncertainty"]), help="How training read its ensemble; default: as it did."
)
@click.option("--cut", is_flag=True, help="Pools of unequal size: use the first samples of each, as many as the smallest has.")
@click.option("--out", type=click.Path(), default="gap.html", show_default=True, help="The page to write; NAME.svg: the figure alone.")
@click.option("--seed", type=int, default=0, help="Of the resampling.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def gap(
    pool: str | None,
    proxies: tuple[str, ...],
    intent: str,
    intent_is: str,
    model: str | None,
    checkpoints: tuple[str, ...],
    names: tuple[str, ...],
    prompts: str | None,
    samples: int | None,
    tokens: int,
    how: str | None,
    cut: bool,
    out: str,
    seed: int,
    quiet: bool,
) -> None:
    """Proxy and intent against distance: what pushing on the measure does to the meaning, and where it turns.

    POOL: JSON lines of scored samples with a prompt (or group); or --model, or --run.
    """
    if sum(map(bool, (pool, model, names))) != 1:
        raise click.UsageError("give one of: a POOL file of scored samples, --model, --run")
    proxies, target = proxies if names else tuple(dict.fromkeys(proxies)), Path(out)
    check(target)
    if pool is not None:
        found = of_file(Path(pool), proxies, intent, intent_is, samples, cut, seed)
    else:
        if intent_is == "people":
            raise click.UsageError("answers that are drawn here need an --intent that can score them; people rate a POOL")
        if len(proxies) > 1 and (checkpoints or len(proxies) != len(names or proxies)):
            raise click.UsageError("checkpoints are followed by the one --proxy that trained them; give one, or one for each --run")
        from spiritlevel.cli import pushing
        from spiritlevel.measure.pushing import GapSettings, Specs

        settings = GapSettings.model_validate(
            {"samples": samples or (64 if model and not checkpoints else 4), "tokens": tokens, "how": how or "mean", "seed": seed}
            | {"oracle": intent_is == "oracle"}
        )
        specs = Specs(proxies=proxies, intent=intent)
        if model is not None:
            found = pushing.drawn(Path(), model, checkpoints, None if prompts is None else Path(prompts), specs, settings, quiet=quiet)
        else:
            found = pushing.followed(Path(), names, None if prompts is None else Path(prompts), specs, settings, how, quiet=quiet)
    for line in told(found):
        click.echo(line)
    click.echo(write(found, target, shlex.join(["spiritlevel", *sys.argv[1:]])))


def of_file(pool: Path, proxies: tuple[str, ...], intent: str, kind: str, most: int | None, cut: bool, seed: int) -> "GapPlot":
    """Best-of-n by each proxy over the pools of a file."""
    from spiritlevel.measure import overoptimisation, pool_file
    from spiritlevel.stats.selection import sizes

    found = pool_file.read(pool, (*proxies, intent), cut=cut)
    return overoptimisation.best_of_n(
        {name: found.scores[name] for name in proxies},
        found.scores[intent],
        found.groups,
        declared(intent, kind),
        ns=sizes(most) if most else (),
        title=f"Best-of-n: {pool.stem}",
        seed=seed,
    )


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


def stopped(record: "StopRecord") -> Iterator[str]:
    """Stop rules' record, and what may be claimed of them."""
    from spiritlevel.cli.importing import plain

    yield f"\nstop rules on {record.runs} runs, {record.turned} of which turned; regret is intent lost against the best point"
    yield f"  {'':24} before/at/after  {'regret':24} {'less than never by':24} {'less than fixed KL by':24} warned in time"
    for one in record.lines:
        where = f"{one.before}/{one.at}/{one.after}"
        columns = " ".join(f"{_span(e):24}" for e in (one.regret, one.saved, one.beside_kl, one.warned))
        yield f"  {plain(one.rule.name):24} {where:16} {columns.rstrip()}"
    yield f"  {record.says}"


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
