"""`spiritlevel guard`: a classifier for a deployment, from the constitution and what campaigns found."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.constitution import Constitution
    from spiritlevel.guard.report import Tested
    from spiritlevel.types import Prompt


@click.group()
def guard() -> None:
    """A guard for prompts and replies: train it, report on it, ask it."""


@guard.command()
@click.option("--model", help="Read this model's hidden states: bundled, hf:ORG/NAME, path:DIR; default: bundled.")
@click.option("--hosted", is_flag=True, help="Read sentence embeddings instead, for a model whose weights are not in hand.")
@click.option("--findings", multiple=True, metavar="RUN", help="Learn what the campaigns of RUN found, too (again for more runs).")
@click.option("--false-positives", default=0.01, show_default=True, help="Most plain instructions that may be blocked, as a share.")
@click.option("--config", type=click.Path(), help="A configuration file, for its constitution and prompts.")
@click.option("--out", type=click.Path(), default="guard", show_default=True, help="Folder to write; new or empty.")
def train(model: str | None, hosted: bool, findings: tuple[str, ...], false_positives: float, config: str | None, out: str) -> None:
    """Fit a guard to the teach side; its threshold is set on prompts that were held back."""
    from spiritlevel import backends, constitution
    from spiritlevel import config as configuration
    from spiritlevel.cli.telling import span
    from spiritlevel.evidence import MemoryJournal
    from spiritlevel.guard import fitting, material
    from spiritlevel.guard.folder import free, save

    if hosted and model:
        raise click.UsageError("--hosted reads no model; leave out --model, or --hosted")
    folder = free(Path(out))
    loaded = configuration.load(config, {})
    law = constitution.load(loaded.constitution)
    learnt = [prompt for run in findings for prompt in _learnt(run, law)]
    made = material.material(law, loaded.elicit.model_copy(update={"findings": ()}), learnt)
    weights = None if hosted else backends.open_weights(backends.resolve(model or "bundled"), MemoryJournal())
    fitted = fitting.train(law, made, weights, false_positives, findings=findings)
    save(fitted, made.prompts, folder)
    for e in fitted.about.figures:
        click.echo(f"{e.name}: {span(e)}")
    limit = fitted.about.prompt
    click.echo(
        f"prompts are blocked over {limit.threshold:.4f}: {limit.alarms} of {limit.n} plain instructions held back were, "
        f"at most {100 * limit.upper:.2g} % with {100 * limit.confidence:g} % confidence"
    )
    if (spoken := fitted.about.reply).needed:
        click.echo(
            f"note: {spoken.n} independent replies promise {100 * spoken.rate:.2g} % false positives at best; "
            f"{100 * false_positives:g} % would take {spoken.needed}"
        )
    click.echo(f"guard: {folder}")


@guard.command()
@click.argument("folder", type=click.Path())
@click.option("--prompts", "files", required=True, multiple=True, type=click.Path(), help="JSON lines: prompt, harmful; or another tool's.")
@click.option("--model", help="The deployed model; default: the one that the guard was trained for.")
def report(folder: str, files: tuple[str, ...], model: str | None) -> None:
    """AUROC, share caught, share stopped for nothing, on prompts that the guard in FOLDER was not made of."""
    from spiritlevel.elicit.config import PromptFile
    from spiritlevel.elicit.prompts import read_file
    from spiritlevel.guard import folder as kept
    from spiritlevel.guard import report as reporting

    opened, cases = kept.load(folder, model), kept.cases(Path(folder))
    prompts = [p for file in files for p in read_file(PromptFile(path=file))]
    for line in told(reporting.tested(opened, reporting.scored(opened, cases, prompts))):
        click.echo(line)


@guard.command()
@click.argument("folder", type=click.Path())
@click.argument("text")
@click.option("--model", help="The deployed model; default: the one that the guard was trained for.")
def check(folder: str, text: str, model: str | None) -> None:
    """Ask the guard in FOLDER about TEXT, or each prompt of a file of JSON lines (prompt; reply too, where given). JSON lines out."""
    import json

    from spiritlevel import jsonl
    from spiritlevel.errors import DataError
    from spiritlevel.guard.folder import load

    opened, file = load(folder, model), Path(text) if len(text) < 4096 and text.endswith((".jsonl", ".json")) else None
    if file is None:
        click.echo(json.dumps(opened.prompt(text).model_dump()))
        return
    if not file.is_file():
        raise DataError(f"file {text!r} does not exist; correct its name, or write the text itself")

    def take(row: dict[str, object]) -> tuple[str, str | None]:
        said = row.get("reply", row.get("response"))
        return jsonl.text(row["prompt"]), None if said is None else jsonl.text(said)

    for asked, said in jsonl.read(file, take, "a 'prompt'"):
        try:
            found: dict[str, object] = (opened.prompt(asked) if said is None else opened.reply(asked, said)).model_dump()
        except DataError as error:  # one row that says nothing does not lose the others, and is no pass
            found = {"blocked": None, "error": str(error)}
        click.echo(json.dumps(found))


def told(t: "Tested") -> Iterator[str]:
    """A report's lines."""
    from spiritlevel.cli.telling import span

    left = f"{t.spent} near what the guard was made of, {t.unlabelled} without a label, {t.empty} empty"
    yield f"{t.harmful} harmful and {t.benign} harmless clusters; left out: {left}"
    yield from (f"{e.name}: {span(e)}" for e in t.figures)
    if t.benign:
        yield f"harmless clusters blocked: at most {100 * t.upper:.2g} % with 95 % confidence (one-sided)"


def _learnt(run: str, law: "Constitution") -> "tuple[Prompt, ...]":
    """A run's findings as prompts of the teach side; DataError when there are none."""
    from spiritlevel.cli.runs import database
    from spiritlevel.elicit.taught import lessons
    from spiritlevel.evidence import open_existing

    with open_existing(Path(), run.partition("@")[0], url=database()) as evidence:
        return lessons(evidence, [run], law)
