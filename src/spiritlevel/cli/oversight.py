"""`spiritlevel oversight`: can a weak supervisor bring out what a strong model can do?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spiritlevel.cli.numbers import Number

if TYPE_CHECKING:
    from spiritlevel.types import Oversight

HOME = Path("runs") / ".oversight"
"""What was trained and said is durable in a run of its own, which is no run of the loop."""
RANK = 8


@click.command()
@click.argument("texts", type=click.Path())
@click.option(
    "--weak", default="bag-of-words", show_default=True, help="Supervisor: bag-of-words, first:N (blocks of the strong model), a model."
)
@click.option("--strong", default="bundled", show_default=True, help="Student: bundled, hf:ORG/NAME, path:DIR: weights in hand.")
@click.option(
    "--train",
    type=click.Choice(["head", "lora", "whole"]),
    default="head",
    show_default=True,
    help="A head on frozen states (quick), adapters, or all weights.",
)
@click.option("--alpha", default=0.5, show_default=True, type=Number(0, 1), help="Confidence loss: weight of own answers.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1), help="Cuts of the training texts.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of lora and whole; default: 4.")
@click.option("--lr", type=Number(min=0, min_open=True), help="Of lora and whole; default: 5e-5, lora 5e-4.")
@click.option("--out", type=click.Path(), help="Write all figures as JSON.")
@click.option("--name", help="Name of the run; default: a hash of what is asked.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def oversight(
    texts: str,
    weak: str,
    strong: str,
    train: str,
    alpha: float,
    seeds: int,
    epochs: int | None,
    lr: float | None,
    out: str | None,
    name: str | None,
    quiet: bool,
) -> None:
    """Train a strong model on a weak supervisor's labels of TEXTS (JSON lines: text, label, group): how much of the gap is recovered?

    Kill it and give the same command: it goes on where it was.
    """
    from spiritlevel import oversight as overseeing
    from spiritlevel.cli.causes import writable
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.errors import ConfigError
    from spiritlevel.evidence import open_run
    from spiritlevel.finetune.classify import ClassifySettings
    from spiritlevel.types import content_hash

    if not Path(texts).is_file():
        raise ConfigError(f"{texts!r} is no file; give JSON lines with text, label and group")
    given, target = overseeing.read(Path(texts)), None if out is None else writable(out)
    student = overseeing.learner(strong)
    supervisor = overseeing.learner(weak, student)
    asked: dict[str, object] = {"frozen": train == "head", "alpha": alpha, "lora_rank": RANK if train == "lora" else None}
    asked |= {"lr": 5e-4} if train == "lora" else {}
    asked |= {word: value for word, value in (("epochs", epochs), ("lr", lr)) if value is not None}
    settings = ClassifySettings.model_validate(asked)
    identity = content_hash("oversight", supervisor, student, seeds, settings, *given)
    with (
        bars(quiet) as listener,
        open_run(HOME, name, identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        found = overseeing.run(evidence, given, supervisor, student, seeds, settings)
    for line in told(found):
        click.echo(line)
    if target is not None:
        target.write_text(found.model_dump_json(indent=1) + "\n", "utf-8")
        click.echo(f"written: {out}")


def told(found: "Oversight") -> Iterator[str]:
    """The figures as lines."""
    from spiritlevel.cli.importing import plain
    from spiritlevel.cli.reward_report import points, share

    made = found.overseen
    supervisor, student, test = made.texts
    yield f"{plain(made.weak)} oversees {plain(made.strong)}: {made.trained} trained, {made.seeds} seed{'s' * (made.seeds != 1)}"
    yield f"  {supervisor} texts train the supervisor, {student} the student, {test} test both"
    yield f"  {'supervisor':28} {share(found.weak)}"
    yield f"  {'its labels for the student':28} {share(found.labels)}"
    for one in found.students:
        yield f"  {f'student, {one.loss} loss':28} {share(one.accuracy)}; {points(one.gained)} over the supervisor"
    yield f"  {'ceiling (true labels)':28} {share(found.ceiling)}; {points(found.gap)} over the supervisor"
    for one in found.students:
        recovered = "refused" if one.recovered is None else share(one.recovered)
        yield f"performance gap recovered, {one.loss} loss: {recovered}"
    if found.refused:
        yield f"refused: {found.refused}"
    yield f"where the supervisor errs, the ceiling errs with it in {share(found.ceiling_on_errors)}"
    for one in found.students:
        yield f"  the student, {one.loss} loss, in {share(one.on_errors)}: {points(one.imitation)}"
        yield f"    and agrees with it where it is right in {share(one.on_right)}"
    yield from (f"note: {note}" for note in found.notes)
