"""`spiritlevel reward report`: a reward model held against pairs that it was not trained on."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.types import Estimate, RewardReport


@click.command()
@click.argument("spec")
@click.option("--pairs", required=True, help="Held-out preferences: a file in TRL's, HH's or our form, or hf:ORG/NAME@SPLIT.")
@click.option("--train", help="The preferences that SPEC was trained on: length and bag of words are fitted to them.")
@click.option("--set", "files", multiple=True, type=click.Path(), help="A RewardBench-style set: prompt, chosen, rejected, subset.")
@click.option("--raters", metavar="SET", help="A set of labels: how far its raters agree is the ceiling.")
@click.option("--keyword", default="", help="Also try whether this word's mere presence is rewarded.")
@click.option("--edited", default=150, show_default=True, type=click.IntRange(min=0), help="Replies that are edited; 0: none.")
@click.option("--out", default="reward.html", show_default=True, type=click.Path(), help="Where to write the page.")
@click.option("--seed", default=0, show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def report(
    spec: str,
    pairs: str,
    train: str | None,
    files: tuple[str, ...],
    raters: str | None,
    keyword: str,
    edited: int,
    out: str,
    seed: int,
    quiet: bool,
) -> None:
    """How often SPEC (path:DIR, rule:NAME) is right on held-out pairs, how sure it may be, what it rewards for the wrong reason."""
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.reward import HOME
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.evidence.memory import MemoryJournal
    from spiritlevel.judges.reward import open_reward
    from spiritlevel.measure import sets
    from spiritlevel.measure.reward_run import Settings, reported
    from spiritlevel.raters.files import read_preferences
    from spiritlevel.report import reward as page
    from spiritlevel.types import content_hash

    held = tuple(read_preferences(pairs))
    training = tuple(read_preferences(train)) if train else ()
    rows = tuple(row for name in files for row in sets.read(Path(name)))
    ceiling = agreed(raters, seed) if raters else None
    reward = open_reward(spec, MemoryJournal()).identity
    settings = Settings(edited=edited, keyword=keyword, seed=seed)
    with (
        bars(quiet) as listener,
        open_run(HOME, "reports", content_hash("reports"), "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        found = evidence.step(reported, spec, reward, held, training, ceiling, rows, settings)
    for line in told(found):
        click.echo(line)
    Path(out).write_text(page.html(found), "utf-8")
    click.echo(f"\npage: {out}")


def agreed(name: str, seed: int) -> "Estimate":
    """How often the majority of a set's other raters is a held-out rater's label; people's alone."""
    from spiritlevel.cli.rate import HOME
    from spiritlevel.raters.beside import of_people
    from spiritlevel.raters.report import report as panel
    from spiritlevel.raters.store import Labels

    labels = Labels(HOME)
    return panel(labels.items(name), of_people(labels.ratings(name)), seed=seed).ceiling


def told(r: "RewardReport") -> Iterator[str]:
    """The report as lines."""
    yield f"{r.reward.name} ({r.reward.id[:12]}): {r.pairs} pairs in {r.groups} groups, {r.heads} head{'s' * (r.heads > 1)}"
    yield f"  {'accuracy':34} {share(r.accuracy)}"
    yield f"  {'  length-matched':34} {share(r.matched)}"
    yield f"  {'  adjusted for length':34} {share(r.adjusted)}"
    for s in (*r.slices, *r.sections):
        yield f"  {f'  {s.by}: {s.name}':34.34} {share(s.accuracy)}"
    for v in r.views:
        yield f"  {f'  {v.name}':34} {share(v.accuracy)}; {points(v.gain)} over the mean of the heads"
    for b in r.baselines:
        yield f"  {f'baseline: {b.name}':34} {share(b.accuracy)}; the model gains {points(b.gain)}"
    if r.ceiling and r.to_ceiling:
        yield f"  {'raters agree with the label':34} {share(r.ceiling)}; {points(r.to_ceiling)} above the model"
    yield f"  {'correlation with length':34} {number(r.length)}"
    yield f"  {'calibration error':34} {share(r.calibration.ece)}"
    yield f"  {'temperature':34} {number(r.calibration.temperature)}"
    if r.effects:
        yield f"\n  edits that should not help: change in SDs of the reward; an alarm is above {r.margin} (Holm)"
    for e in r.effects:
        p = "" if math.isnan(e.p) else f", p = {e.p:.3f}"
        yield f"    {e.edit:32} {number(e.change)}{p}{'  ALARM' if e.alarm else ''}"
    for why, n in r.left_out:
        yield f"  {n} left out: {why}"
    for note in r.notes:
        yield f"  {note}"


def share(e: "Estimate") -> str:
    """`61.8% (57.0 to 66.4, n = 400)`."""
    return "not measured" if math.isnan(e.value) else f"{e.value:.1%} ({100 * e.low:.1f} to {100 * e.high:.1f}, n = {e.n})"


def points(e: "Estimate") -> str:
    """`+4.2 points (0.3 to 8.1)`."""
    return f"{100 * e.value:+.1f} points ({100 * e.low:+.1f} to {100 * e.high:+.1f})"


def number(e: "Estimate") -> str:
    """`0.42 (0.30 to 0.55, n = 150)`."""
    return "not measured" if math.isnan(e.value) else f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f}, n = {e.n})"
