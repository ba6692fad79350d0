"""`spiritlevel reward`: train a reward model on preferences, score answers with it."""

import json
from pathlib import Path

import click

from spiritlevel.cli.numbers import Number
from spiritlevel.cli.reward_report import report

HOME = Path("runs") / ".rewards"
"""Reward models are made in runs of their own, which are no runs of the loop."""


@click.group()
def reward() -> None:
    """Reward models: what raters' labels turn into, and what is lost on the way."""


reward.add_command(report)


@reward.command()
@click.argument("pairs")
@click.option("--model", default="bundled", show_default=True, help="The body: bundled, hf:ORG/NAME, path:DIR (an encoder too).")
@click.option("--heads", default=1, show_default=True, type=click.IntRange(min=1), help="More than one: each on its own bootstrap.")
@click.option("--frozen", is_flag=True, help="Train the heads alone: for very few labels.")
@click.option("--epochs", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--lr", default=None, type=Number(min=0, min_open=True), help="Peak learning rate.")
@click.option("--lora-rank", default=None, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option("--name", default="", help="Name of the reward model; default: a hash of what it is made of.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def train(
    pairs: str,
    model: str,
    heads: int,
    frozen: bool,
    epochs: int,
    lr: float | None,
    lora_rank: int | None,
    seed: int,
    name: str,
    quiet: bool,
) -> None:
    """Fit a reward model to PAIRS: a file of preferences in TRL's, HH's or our form, or hf:ORG/NAME."""
    from spiritlevel import backends
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.cli.telling import span
    from spiritlevel.evidence import open_run
    from spiritlevel.finetune.reward import RewardSettings, train_reward
    from spiritlevel.raters.files import read_preferences
    from spiritlevel.types import content_hash

    preferences = tuple(read_preferences(pairs))
    given = {"heads": heads, "frozen": frozen, "epochs": epochs, "lora_rank": lora_rank, "seed": seed, "lr": lr}
    settings = RewardSettings.model_validate({key: value for key, value in given.items() if value is not None})
    body = backends.resolve(model)
    identity = content_hash(body.key, settings, *preferences)
    with (
        bars(quiet) as listener,
        open_run(HOME, name or identity[:12], identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        made = evidence.step(train_reward, body, preferences, settings)
        folder = evidence.path(made.spec.removeprefix("blob:"))
    click.echo(f"{made.pairs} pairs of {made.groups} prompt groups, {made.skipped} left out, {made.cut} answers cut")
    if made.held is not None:
        click.echo(f"accuracy on held groups {span(made.held)}")
    for note in made.notes:
        click.echo(note)
    click.echo(f"reward model: path:{folder}")


@reward.command()
@click.argument("spec")
@click.argument("file", type=click.Path())
def score(spec: str, file: str) -> None:
    """Score FILE's answers (JSON lines with prompt and response) with SPEC; a line of JSON each, a value a head."""
    from spiritlevel import jsonl
    from spiritlevel.evidence.memory import MemoryJournal
    from spiritlevel.judges.reward import open_reward
    from spiritlevel.types import user

    if not Path(file).is_file():
        raise click.UsageError(f"file {file!r} does not exist")
    model = open_reward(spec, MemoryJournal())
    chats = list(
        jsonl.read(
            Path(file),
            lambda row: user(jsonl.text(row["prompt"]), prefill=jsonl.text(row.get("response", row.get("reply")))),
            "a prompt and a response",
        )
    )
    for row in model.score(chats):
        click.echo(json.dumps({"score": [None if value != value else float(value) for value in row]}))
