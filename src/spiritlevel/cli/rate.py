"""`spiritlevel rate`: one item after the other, blind, one key an answer; every answer is kept at once."""

from pathlib import Path

import click

HOME = Path("runs") / "labels.db"
"""All sets of a project lie in one file beside its runs."""


@click.command()
@click.argument("name", metavar="SET")
@click.option("--rater", required=True, help="Who rates: the same name goes on where it stopped.")
@click.option("--panel", default="", help="Group of raters that is shown apart: a team, a language.")
@click.option("--scale", default="1-5", show_default=True, help="Of single replies: 1-5 or 0-9.")
@click.option("--question", default="", help="What raters are asked; default: which reply is better, or how good it is.")
@click.option("--seed", default=0, show_default=True, help="Of the order of items and sides.")
def rate(name: str, rater: str, panel: str, scale: str, question: str, seed: int) -> None:
    """Rate the items of SET: blind, in a random order of your own. Stop when you like; the same command goes on.

    Keys: 1 or 2 the better reply (or a number of the scale), 0 or = a tie, s cannot say, b back, n a note, q pause.
    """
    import sys

    from spiritlevel.cli.rating import Sitting, typed
    from spiritlevel.raters.shown import scale_of
    from spiritlevel.raters.store import Labels, checked

    sitting = Sitting(Labels(HOME), name, checked(rater, "rater"), panel, scale_of(scale), question, seed, click.echo)
    sitting.run(typed(sys.stdin))
