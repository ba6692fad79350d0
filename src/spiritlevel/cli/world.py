"""`spiritlevel world`: the loop from labels to selection where the truth is declared."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spiritlevel.cli.numbers import Number

if TYPE_CHECKING:
    from spiritlevel.finetune.policy import PolicySettings

HOME = Path("runs") / ".worlds"
"""A world is a run of its own, which is no run of the loop."""


@click.command()
@click.option("--model", default="bundled", show_default=True, help="Whose answers are chosen among.")
@click.option(
    "--oracle", default="", help="A reward SPEC that is declared to be what is meant; default: trained on the constitution's pairs."
)
@click.option("--prompts", default=32, show_default=True, type=click.IntRange(min=2))
@click.option("-n", default=64, show_default=True, type=click.IntRange(min=8), help="Answers a prompt to choose among.")
@click.option("--tokens", default=32, show_default=True, type=click.IntRange(min=1))
@click.option("--pairs", default=100, show_default=True, type=click.IntRange(min=4), help="Labels that each proxy has.")
@click.option("--noise", default=0.25, show_default=True, type=Number(min=0, max=0.5, max_open=True), help="Labels turned over.")
@click.option("--length", default=0.0, show_default=True, help="Oracle SDs that raters give to an SD of length.")
@click.option("--heads", default=5, show_default=True, type=click.IntRange(min=2), help="Of the ensembles.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="Sets of labels.")
@click.option("--policy", "steps", default=0, show_default=True, type=click.IntRange(min=0), help="Optimise a policy, too: so many steps.")
@click.option("--kl-budget", type=Number(min=0, min_open=True), help="With --policy: another, its KL steered to so many nats.")
@click.option("--refresh", is_flag=True, help="With --policy: another, its reward learning half of the labels midway.")
@click.option("--lr", default=3e-5, show_default=True, type=Number(min=0, min_open=True), help="Of the policy.")
@click.option("--name", help="Name of the run; default: a hash of its configuration.")
@click.option("--out", type=click.Path(), default="world.html", show_default=True, help="The page with the plot.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def world(
    model: str,
    oracle: str,
    prompts: int,
    n: int,
    tokens: int,
    pairs: int,
    noise: float,
    length: float,
    heads: int,
    seeds: int,
    steps: int,
    kl_budget: float | None,
    refresh: bool,
    lr: float,
    name: str | None,
    out: str,
    quiet: bool,
) -> None:
    """Declare an oracle, let raters err, learn rewards from their labels, and see what the best of n by each is worth to the oracle.

    With --policy, the same along the checkpoints of a policy that pursues such a reward, and of its mitigations.
    """
    from spiritlevel import world as known
    from spiritlevel.cli.gap import told
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.report import overoptimisation as page
    from spiritlevel.types import content_hash

    if not steps and (kl_budget is not None or refresh):
        raise click.UsageError("--kl-budget and --refresh are of a policy; say how many steps it has with --policy")
    config = known.WorldConfig(
        model=model,
        oracle=oracle,
        prompts=prompts,
        n=n,
        tokens=tokens,
        pairs=pairs,
        noise=noise,
        length=length,
        heads=heads,
        seeds=seeds,
    )
    with (
        bars(quiet) as listener,
        open_run(HOME, name, content_hash(config), "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        found = known.run(config, evidence)
        pursued = known.pursue(config, along(steps, lr, tokens), evidence, budget=kl_budget, refresh=refresh) if steps else None
    right = dict(found.accuracy)
    for curve in found.plot.curves:
        last = curve.points[-1]
        click.echo(f"{curve.name:24} {last.label}: proxy {page.span(last.proxy)}, oracle {page.span(last.intent)}")
        click.echo(f"{'':24} orders {right[curve.name]:.0%} of pairs as the oracle does; {page.says(curve)}")
    if found.stops is not None:
        click.echo(found.stops.says)
    for note in found.plot.notes:
        click.echo(note)
    command = shlex.join(["spiritlevel", *sys.argv[1:]])
    Path(out).write_text(page.html(found.plot, command), "utf-8")
    click.echo(f"page: {out}")
    if pursued is not None:
        for line in told(pursued.plot):
            click.echo(line)
        second = Path(out).with_stem(f"{Path(out).stem}-policy")
        second.write_text(page.html(pursued.plot, command), "utf-8")
        click.echo(f"page: {second}")


def along(steps: int, lr: float, tokens: int) -> "PolicySettings":
    """A policy with about six checkpoints."""
    from spiritlevel.finetune.policy import PolicySettings, RolloutSettings

    return PolicySettings(steps=steps, lr=lr, rollouts=RolloutSettings(max_tokens=tokens), checkpoint_every=max(1, steps // 6))
