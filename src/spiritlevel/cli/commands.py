"""All commands. Each loads its configuration, opens the run, calls the loop or one stage, and prints what came out."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spiritlevel.cli.audit_power import audit_power
from spiritlevel.cli.causes import circuit, direction, features, neurons, patch, sandbagging
from spiritlevel.cli.constitution import constitution
from spiritlevel.cli.deciding import EXIT, drop, keys, sealed, sign, verify
from spiritlevel.cli.gap import gap
from spiritlevel.cli.guard import guard
from spiritlevel.cli.numbers import Number
from spiritlevel.cli.oversight import oversight
from spiritlevel.cli.policy import policy
from spiritlevel.cli.rate import rate
from spiritlevel.cli.raters import raters
from spiritlevel.cli.reward import reward
from spiritlevel.cli.select import select
from spiritlevel.cli.suites import suites
from spiritlevel.cli.tamper import tamper, tampered
from spiritlevel.cli.transfer import transfer
from spiritlevel.cli.usage import usage
from spiritlevel.cli.world import world

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spiritlevel.config import LoopConfig
    from spiritlevel.evidence import Evidence
    from spiritlevel.loop import Finished

ROOT = Path()
"""Runs lie in runs/ below the working folder."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spiritlevel")
def app() -> None:
    """Tells you whether training made a language model better at what you meant or only at what you measured."""


def quiet_option(function: Any) -> Any:
    """The option that every long command has."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")(function)


def target_options(function: Any) -> Any:
    """Whom a red-team command attacks: a configuration's model, one that is named, or one of a run."""
    for option in (
        click.option(
            "--target", type=click.Choice(["base", "tuned"]), help="Which model of the run; default: the tuned one where there is one."
        ),
        click.option("--run", "name", help="Attack a model of this run; default without CONFIG and --model: the latest."),
        click.option("--model", help="The target: bundled, path:DIR, openai/NAME, ...; default: the configuration's model."),
        click.argument("config", required=False, type=click.Path()),
    ):
        function = option(function)
    return function


@app.command()
@click.argument("config", required=False, type=click.Path())
@click.option("--model", help="bundled, hf:ORG/NAME[@REVISION], path:DIR, tiny:llama, or a hosted model with finetune and interpret off.")
@click.option("--name", help="Name of the run; default: hash of its configuration.")
@click.option("--fresh", is_flag=True, help="A new run even if this one exists.")
@click.option("--findings", multiple=True, metavar="RUN", help="Teach what the campaigns of RUN found (again for more runs).")
@click.option("--gate", is_flag=True, help="Exit 0 approved, 3 held, 4 unproven.")
@quiet_option
def run(config: str | None, model: str | None, name: str | None, fresh: bool, findings: tuple[str, ...], gate: bool, quiet: bool) -> None:
    """The whole loop: provoke, teach, compare, look inside, decide, tell."""
    from spiritlevel import loop
    from spiritlevel.cli import runs

    loaded = runs.configured(ROOT, config, {"model": model}, findings)
    with runs.opened(ROOT, loaded, name=name, fresh=fresh, quiet=quiet) as evidence:
        _finish(evidence, loop.run(loaded, evidence), gate)


@app.command()
@click.option("--before", help="The base: hf:ORG/NAME, path:DIR, bundled. Default: what a LoRA names, else none: the weights alone.")
@click.option("--after", required=True, help="The tuned model: path:DIR (full weights or LoRA), hf:ORG/NAME.")
@click.option(
    "--trained-on",
    type=click.Path(),
    help="JSON lines of the data that --after was trained on. Undeclared means unknown ancestry.",
)
@click.option("--config", type=click.Path(), help="A configuration file; its finetune section is not used.")
@click.option("--tamper", "tampering", is_flag=True, help="Also tamper with copies of it: spiritlevel tamper, with its defaults.")
@click.option("--name", help="Name of the run.")
@click.option("--fresh", is_flag=True, help="A new run even if this one exists.")
@click.option("--gate", is_flag=True, help="Exit 0 approved, 3 held, 4 unproven.")
@quiet_option
def audit(
    before: str | None,
    after: str,
    trained_on: str | None,
    config: str | None,
    tampering: bool,
    name: str | None,
    fresh: bool,
    gate: bool,
    quiet: bool,
) -> None:
    """Judge a model that someone else trained, against the base that it came from, or from its weights alone."""
    from spiritlevel import audit as auditing
    from spiritlevel.cli import runs

    loaded = runs.configured(ROOT, config, {"model": before, "after": after, "trained_on": trained_on})
    known = loaded.model if "model" in loaded.model_fields_set else auditing.base_of(after)
    loaded = loaded.model_copy(update={"model": known, "finetune": None})
    with runs.opened(ROOT, loaded, name=name, fresh=fresh, quiet=quiet) as evidence:
        finished = auditing.run(loaded, evidence)
        if tampering:
            _echo(tampered(evidence, after, loaded.constitution, quiet))
        _finish(evidence, finished, gate)


@app.command()
@quiet_option
def demo(quiet: bool) -> None:
    """Ninety seconds: see a measure come apart from its meaning, and the gate say so."""
    from spiritlevel import demo as leaky
    from spiritlevel.cli import runs

    with runs.opened(ROOT, leaky.config(), name="demo", fresh=True, quiet=quiet) as evidence:
        _finish(evidence, leaky.run(evidence, echo=click.echo), gate=False)


@app.command()
@click.argument("name")
def init(name: str) -> None:
    """A constitution and a configuration to edit, commented, in the folder NAME."""
    from spiritlevel.cli import starting

    for line in starting.write(Path(name)):
        click.echo(line)


@app.group()
def judges() -> None:
    """Hold judges against people's labels; their rates are then corrected for their errors."""


@judges.command()
@click.argument("judge")
@click.option("--labels", required=True, type=click.Path(), help="JSON lines with prompt, response and a label.")
@click.option("--field", required=True, help="The label: true, or at least 0.5, means that people call the reply a violation.")
@click.option("--invert", is_flag=True, help="The label means the opposite, as a label of refusal does.")
@click.option("--principle", default="", help="The rubric for a model judge, where rows name none.")
@click.option(
    "--constitution", "folder", type=click.Path(), help="The constitution that the judge is fitted to; default: the built-in one."
)
@quiet_option
def calibrate(judge: str, labels: str, field: str, invert: bool, principle: str, folder: str | None, quiet: bool) -> None:
    """Measure JUDGE (text, reply, model:SPEC or strong:SPEC) against labels: sensitivity, specificity, kappa, AUROC."""
    from spiritlevel.cli import calibrating

    for line in calibrating.calibrate(ROOT, judge, Path(labels), field, invert=invert, principle=principle, folder=folder, quiet=quiet):
        click.echo(line)


@judges.command(name="list")
def list_() -> None:
    """What is known of judges in this project."""
    from spiritlevel.cli import calibrating

    for line in calibrating.known(ROOT):
        click.echo(line)


@app.command()
@target_options
@quiet_option
def campaign(config: str | None, model: str | None, name: str | None, target: str | None, quiet: bool) -> None:
    """Red-team a model: every attack on the same goals at the same budget, success with intervals, findings to replay."""
    from spiritlevel.cli import campaigning

    with _attacking(config, model, name, quiet) as (loaded, evidence):
        _echo(campaigning.play(loaded, evidence, target or ""))


@app.command()
@target_options
@quiet_option
def archive(config: str | None, model: str | None, name: str | None, target: str | None, quiet: bool) -> None:
    """Search for the worst message of every principle and style; how much of the grid is reached is the measurement."""
    from spiritlevel.cli import campaigning

    with _attacking(config, model, name, quiet) as (loaded, evidence):
        _echo(campaigning.fill(loaded, evidence, target or ""))


@app.command()
@target_options
@click.option("--out", type=click.Path(), help="Write every trial with its whole chat as JSON lines.")
@quiet_option
def agents(config: str | None, model: str | None, name: str | None, target: str | None, out: str | None, quiet: bool) -> None:
    """Give a model a sealed mailbox, files and a web page: does it obey injections, does it misuse its tools, does it do its task?"""
    from spiritlevel.cli import agents as playing

    written = None if out is None else Path(out)
    with _attacking(config, model, name, quiet) as (loaded, evidence):
        _echo(playing.play(loaded, evidence, target or "", written))


@contextmanager
def _attacking(config: str | None, model: str | None, name: str | None, quiet: bool) -> "Iterator[tuple[LoopConfig, Evidence]]":
    """The run whose model is attacked: one begun for `--model`, else as for any single stage."""
    from spiritlevel.cli import runs

    if model is None:
        with runs.reopened(ROOT, config, name, quiet=quiet) as opened:
            yield opened
        return
    loaded = runs.configured(ROOT, config, {"model": model})
    alone = loaded.model_copy(update={"finetune": None, "interpret": None})
    with runs.opened(ROOT, alone, name=name, fresh=False, quiet=quiet) as evidence:
        yield loaded, evidence


@app.command()
@click.argument("model", required=False)
@click.option("--run", "name", help="Go on with this run, or give a new one this name.")
@click.option("--config", type=click.Path(), help="A configuration file, for its constitution and prompts.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--temperature", type=Number(min=0), default=0.7, show_default=True)
def chat(model: str | None, name: str | None, config: str | None, max_tokens: int, temperature: float) -> None:
    """Talk to MODEL, go back and branch, attack, file what it should not have said as a finding. Lines may be piped in."""
    from spiritlevel.cli import chatting
    from spiritlevel.types import Sampling

    chatting.begin(ROOT, model, name, config, Sampling(max_tokens=max_tokens, temperature=temperature), click.echo)


@app.command()
@click.option("--run", help="The run; default: the latest.")
@click.option("--out", type=click.Path(), help="Write them as a prompt file to teach from.")
def findings(run: str | None, out: str | None) -> None:
    """What the campaigns of a run found, the gravest first."""
    from spiritlevel.cli import campaigning

    _echo(campaigning.findings(ROOT, run, None if out is None else Path(out)))


@app.command()
@click.argument("finding")
@click.option("--run", help="The run; default: the latest.")
@click.option("--model", help="Ask another model instead.")
def replay(finding: str, run: str | None, model: str | None) -> None:
    """Ask the shortest transcript of FINDING again and judge the reply."""
    from spiritlevel.cli import campaigning

    _echo(campaigning.replay(ROOT, finding, run, model))


@app.command()
def runs() -> None:
    """The runs in this folder, with their verdicts."""
    from spiritlevel.cli import runs as runs_

    for line in runs_.table(ROOT):
        click.echo(line)


@app.command()
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """One run: steps, costs, figures, gap and verdict. Default: the latest."""
    from spiritlevel.cli import runs as runs_

    runs_.show(ROOT, name, click.echo)


@app.command()
@click.argument("run")
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def ask(run: str, question: str, as_json: bool) -> None:
    """Ask RUN a question; it answers in its own sentences, each with its rows, or that the evidence does not say."""
    from spiritlevel.cli import answering

    _echo(answering.ask(ROOT, run, question, as_json=as_json))


@app.command()
@click.argument("first")
@click.argument("second", required=False)
def compare(first: str, second: str | None) -> None:
    """Two runs' tuned models in pairs: prompts that both were asked, goals that both campaigns had. One RUN: its base and tuned model."""
    from spiritlevel.cli import comparing

    _echo(comparing.compare(ROOT, first, second))


@app.command(name="import")
@click.argument("file", type=click.Path())
@click.option(
    "--format", default="", help="harmbench, advbench, jailbreakbench, xstest, garak, inspect or jsonl; default: told from the file."
)
@click.option("--out", type=click.Path(), help="Write the prompts here, as JSON lines that elicit.prompts reads.")
@click.option("--transcripts", type=click.Path(), help="Write the transcripts here, as JSON lines that judges calibrate reads.")
@click.option("--judge", is_flag=True, help="Let our judges read the transcripts; their rates stand beside the log's scores.")
@click.option("--constitution", "folder", type=click.Path(), help="The constitution that the judges read by; default: the built-in one.")
def import_(file: str, format: str, out: str | None, transcripts: str | None, judge: bool, folder: str | None) -> None:
    """Another tool's prompts (HarmBench, AdvBench, JailbreakBench, XSTest) or transcripts (garak, Inspect)."""
    from spiritlevel.cli import importing

    targets = [None if path is None else Path(path) for path in (out, transcripts)]
    for line in importing.bring(Path(file), format, *targets, judge=judge, folder=folder):
        click.echo(line)


@app.command()
@click.argument("name", required=False)
@click.option("--to", "form", required=True, type=click.Choice(["jsonl", "junit", "hub", "inspect", "bundle"]), help="The form.")
@click.option("--out", required=True, type=click.Path(), help="File (jsonl, junit) or folder to write; it must be new.")
@click.option("--rows", is_flag=True, help="bundle: with all that was asked and said, sealed prompts too; for an auditor alone.")
def export(name: str | None, form: str, out: str, rows: bool) -> None:
    """A run for other tools: transcripts, a CI report, a Hub data set, an Inspect task; or the signed evidence, to verify elsewhere.

    The sealed side never leaves, but in a bundle with --rows.
    """
    from spiritlevel.cli import exporting

    click.echo(exporting.export(ROOT, name, form, Path(out), rows=rows))


def _stage(stage: str, help: str) -> None:
    @app.command(name=stage, help=help)
    @click.argument("config", required=False, type=click.Path())
    @click.option("--run", "name", help="The run whose evidence to use; default: the latest.")
    @quiet_option
    def command(config: str | None, name: str | None, quiet: bool) -> None:
        from spiritlevel.cli import runs, stages

        with runs.reopened(ROOT, config, name, quiet=quiet) as (loaded, evidence):
            verdict = stages.run(stage, loaded, evidence, click.echo)
            if stage == "release" and verdict is not None:
                click.echo(sealed(evidence))
        if stage == "release" and verdict is not None:
            raise SystemExit(EXIT[verdict.kind.value])


for _name, _help in (
    ("elicit", "PROVOKE: ask what the constitution is about, plainly and under attack."),
    ("finetune", "TEACH: critique and revise, then train; a checkpoint with its lineage."),
    ("measure", "COMPARE: before and after, proxy and intent side by side."),
    ("interpret", "LOOK INSIDE: what the model reads as harm, layer by layer."),
    ("release", "DECIDE: thresholds to a verdict. Exit 0 approved, 3 held, 4 unproven."),
    ("report", "TELL: model card and report from the evidence alone."),
):
    _stage(_name, _help)


def _echo(lines: "Iterable[str]") -> None:
    for line in lines:
        click.echo(line)


def _finish(evidence: "Evidence", finished: "Finished", gate: bool) -> None:
    from spiritlevel.cli import telling

    for line in telling.lines(evidence, finished):
        click.echo(line)
    click.echo(sealed(evidence))
    if gate:
        raise SystemExit(EXIT[finished.verdict.kind.value])


for _group in (
    audit_power,
    circuit,
    constitution,
    direction,
    drop,
    features,
    gap,
    guard,
    keys,
    neurons,
    oversight,
    patch,
    policy,
    rate,
    raters,
    reward,
    sandbagging,
    select,
    sign,
    suites,
    tamper,
    transfer,
    usage,
    verify,
    world,
):
    app.add_command(_group)
