"""`spiritlevel direction`, `patch`, `circuit`, `neurons`, `features`, `sandbagging`: change a model inside, and see what it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spiritlevel.cli.numbers import Number

if TYPE_CHECKING:
    from spiritlevel.evidence import Evidence
    from spiritlevel.types import DirectionReport, Estimate, Prompt

HOME = Path("runs") / ".causes"
"""What was worked out lies in runs of its own, which are no runs of the loop."""


def shared(function: Any) -> Any:
    """Options of every command here."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result."),
        click.option("--name", help="Name of the run; default: a hash of what is asked."),
        click.option("--seed", default=0, show_default=True, help="Of splits, random controls and resampling."),
        click.option("--model", default="bundled", show_default=True, help="bundled, hf:ORG/NAME, path:DIR: weights in hand."),
    ):
        function = option(function)
    return function


def sets(function: Any) -> Any:
    """The two sets of prompts that are told apart."""
    for option in (
        click.option("--second", type=click.Path(), help="Prompts of the other side; default: plain ones of the built-in teach side."),
        click.option(
            "--first", type=click.Path(), help="Prompts of one side (JSON lines); default: harmful ones of the built-in teach side."
        ),
    ):
        function = option(function)
    return function


@click.command()
@sets
@click.option("--test", type=click.Path(), help="Held-out prompts with `harmful` true or false; default: the built-in open side.")
@click.option("--layer", "layers", multiple=True, type=int, help="Try this block alone (again for more); default: all but the last fifth.")
@click.option("--save", is_flag=True, help="Also save the weights with the direction taken out, with their lineage, and measure them.")
@click.option("--judge", "judges", multiple=True, default=("text", "reply"), show_default=True, help="Of delivered harm: also model:SPEC.")
@click.option("--most", default=200, show_default=True, type=click.IntRange(min=4), help="Held-out prompts of a kind, at most.")
@shared
def direction(
    first: str | None,
    second: str | None,
    test: str | None,
    layers: tuple[int, ...],
    save: bool,
    judges: tuple[str, ...],
    most: int,
    model: str,
    seed: int,
    name: str | None,
    quiet: bool,
) -> None:
    """Find the direction that tells two sets of prompts apart, take it out, add it, and measure behaviour beside a random one."""
    from spiritlevel import backends, constitution
    from spiritlevel.constitution import certify
    from spiritlevel.interpret import effects
    from spiritlevel.interpret.directions import DirectionSettings

    ref, law, held = backends.resolve(model), constitution.load(), certify.load()
    one, two = sides(first, second)
    harmful, benign = tests(test, most)
    finding = DirectionSettings(layers=layers, seed=seed)
    settings = effects.EffectSettings(judges=judges, orthogonalise=save, seed=seed)
    with opened(name, quiet, "direction", ref.key, finding, settings, *one, *two, *harmful, *benign) as evidence:
        found = evidence.step(effects.run, ref, law, held, one, two, harmful, benign, finding, settings)
        for line in directed(found):
            click.echo(line)
        if found.checkpoint is not None:
            click.echo(f"without the direction: path:{evidence.path(found.checkpoint.spec.removeprefix('blob:'))}")


@click.command()
@click.argument("task", default="indirect-object")
@click.option("--pairs", default=40, show_default=True, type=click.IntRange(min=2), help="Pairs of a built-in task.")
@click.option("--guess", is_flag=True, help="Attribution alone: one gradient instead of a pass a node.")
@click.option("--steps", default=1, show_default=True, type=click.IntRange(min=1), help="Gradients from corrupt to clean; 1 is plain.")
@click.option("--chat", is_flag=True, help="Prompts are what a user says.")
@click.option("--out", type=click.Path(), default="patch.html", show_default=True, help="The page to write.")
@shared
def patch(
    task: str, pairs: int, guess: bool, steps: int, chat: bool, out: str, model: str, seed: int, name: str | None, quiet: bool
) -> None:
    """Which heads and MLPs TASK needs: patch each from corrupt to clean prompts. TASK: indirect-object, agreement, or a file of pairs."""
    from spiritlevel import backends
    from spiritlevel.interpret import patching, tasks
    from spiritlevel.report import causes as page

    ref, given, target = backends.resolve(model), tasks.load(task, pairs, seed), writable(out)
    settings = patching.PatchSettings(exact=not guess, steps=steps, chat=chat, seed=seed)
    with opened(name, quiet, "patch", ref.key, settings, *given) as evidence:
        found = evidence.step(patching.run, ref, Path(task).name, given, settings)
    click.echo(f"{found.task}: {found.pairs} pairs, right in {share(found.accuracy)}")
    click.echo(f"logit of the answer over the foil: {span(found.clean)} clean, {span(found.corrupt)} corrupt")
    for node in sorted(found.nodes, key=lambda n: -abs(n.guessed if n.exact is None else n.exact))[:12]:
        exact = "" if node.exact is None else f"{100 * node.exact:+7.1f}% exact, "
        click.echo(f"  {node.node:12} {exact}{100 * node.guessed:+7.1f}% by attribution")
    if found.agreement is not None:
        click.echo(f"rank correlation of the two: {span(found.agreement)}; {found.passes[0]} passes against {found.passes[1]}")
    said(found.notes)
    target.write_text(page.patch_html(found), "utf-8")
    click.echo(f"page: {out}")


@click.command()
@click.argument("task", default="indirect-object")
@click.option("--pairs", default=40, show_default=True, type=click.IntRange(min=4), help="Pairs of a built-in task.")
@click.option("--size", "sizes", multiple=True, type=Number(0, 1, min_open=True, max_open=True), help="Share of all edges.")
@click.option("--steps", default=5, show_default=True, type=click.IntRange(min=1), help="Gradients from corrupt to clean; 1 is plain.")
@click.option("--chat", is_flag=True, help="Prompts are what a user says.")
@click.option("--out", type=click.Path(), default="circuit.html", show_default=True, help="The page to write.")
@shared
def circuit(
    task: str, pairs: int, sizes: tuple[float, ...], steps: int, chat: bool, out: str, model: str, seed: int, name: str | None, quiet: bool
) -> None:
    """The few edges that TASK needs, drawn, beside random circuits of as many. TASK: indirect-object, agreement, or a file of pairs."""
    from spiritlevel import backends
    from spiritlevel.interpret import circuits, tasks
    from spiritlevel.report import causes as page

    ref, given, target = backends.resolve(model), tasks.load(task, pairs, seed), writable(out)
    settings = circuits.CircuitSettings.model_validate({"steps": steps, "chat": chat, "seed": seed} | ({"sizes": sizes} if sizes else {}))
    with opened(name, quiet, "circuit", ref.key, settings, *given) as evidence:
        found = evidence.step(circuits.run, ref, Path(task).name, given, settings)
    click.echo(f"{found.task}: {found.pairs} pairs, right in {share(found.accuracy)}; {found.all_edges} edges")
    click.echo(f"  {'edges':>6}  {'share':>6}  {'faithful':32} random")
    for one in found.sizes:
        mark = "  <- chosen" if one == found.chosen else ""
        click.echo(f"  {one.edges:6}  {one.share:6.1%}  {share(one.faithful):32} {share(one.random)}{mark}")
    for writer, reader, worth in found.edges[:10]:
        click.echo(f"  {writer:12} -> {reader:14} {100 * worth:+6.1f}%")
    said(found.notes)
    target.write_text(page.circuit_html(found), "utf-8")
    click.echo(f"page: {out}")


@click.command()
@sets
@click.option("--principle", default="", help="Of the first set, the prompts under this principle alone.")
@click.option("--layer", type=click.IntRange(min=1), help="Block after which the read-out is taken; default: half of the depth.")
@click.option("--top", default=32, show_default=True, type=click.IntRange(min=1), help="Neurons that are chosen and clamped.")
@click.option("--test", type=click.Path(), help="Held-out prompts with `harmful` true; default: the built-in open side.")
@click.option("--most", default=100, show_default=True, type=click.IntRange(min=4), help="Held-out prompts, at most.")
@shared
def neurons(
    first: str | None,
    second: str | None,
    principle: str,
    layer: int | None,
    top: int,
    test: str | None,
    most: int,
    model: str,
    seed: int,
    name: str | None,
    quiet: bool,
) -> None:
    """Which MLP neurons tell two sets of prompts apart, and whether holding them still moves refusals."""
    from spiritlevel import backends, constitution
    from spiritlevel.errors import ConfigError
    from spiritlevel.interpret import neurons as inside

    ref, law = backends.resolve(model), constitution.load()
    if principle and principle not in {p.id for p in law.principles}:
        raise ConfigError(f"there is no principle {principle!r}; use one of {', '.join(p.id for p in law.principles)}")
    one, two = sides(first, second)
    one = tuple(p for p in one if not principle or p.principle == principle)
    harmful, _ = tests(test, most)
    settings = inside.NeuronSettings.model_validate({"layer": layer, "top": top, "seed": seed})
    with opened(name, quiet, "neurons", ref.key, settings, *one, *two, *harmful) as evidence:
        found = evidence.step(inside.run, ref, law, one, two, harmful, settings)
    parts = ", ".join(f"{part} {value:.0%}" for part, value in found.parts)
    click.echo(f"the read-out after block {found.layer} is written by {parts}")
    click.echo(f"{len(found.neurons)} neurons carry {share(found.carried)} of it on other prompts; the first are")
    for neuron in found.neurons[:8]:
        one_side, other = neuron.active
        click.echo(f"  block {neuron.layer:3} neuron {neuron.index:6} {neuron.share:+7.1%}  {one_side:+.3f} against {other:+.3f}")
    for what, value, change in found.effects:
        moved = "" if what == "nothing" else f"; change {points(change)}"
        click.echo(f"  refusal, {what:8} {share(value)}{moved}")
    said(found.notes)


@click.command()
@sets
@click.option("--layer", type=click.IntRange(min=1), help="Block after which activations are read; default: half of the depth.")
@click.option("--width", default=2048, show_default=True, type=click.IntRange(min=8), help="Features.")
@click.option("-k", default=16, show_default=True, type=click.IntRange(min=1), help="Features that may be active at once.")
@click.option("--most", default=1500, show_default=True, type=click.IntRange(min=8), help="Prompts of a set, at most.")
@click.option("--out", type=click.Path(), default="features.html", show_default=True, help="The page to write.")
@shared
def features(
    first: str | None,
    second: str | None,
    layer: int | None,
    width: int,
    k: int,
    most: int,
    out: str,
    model: str,
    seed: int,
    name: str | None,
    quiet: bool,
) -> None:
    """A sparse autoencoder on the model's own activations, with what makes its features most active: exploration, never a gate."""
    from spiritlevel import backends
    from spiritlevel.interpret import features as inside
    from spiritlevel.report import causes as page

    ref, target = backends.resolve(model), writable(out)
    one, two = sides(first, second)
    settings = inside.FeatureSettings.model_validate({"layer": layer, "width": width, "k": k, "seed": seed})
    with opened(name, quiet, "features", ref.key, settings, *one[:most], *two[:most]) as evidence:
        found = evidence.step(inside.run, ref, one[:most], two[:most], settings)
    click.echo(
        f"{found.width} features after block {found.layer}, {found.k} at once, from {found.tokens} tokens; {found.dead:.0%} never active"
    )
    click.echo(f"explained variance {share(found.explained)}; {found.k} principal components {share(found.pca)}")
    for feature in found.features[:8]:
        apart = "" if feature.auroc is None else f"AUROC {span(feature.auroc)}"
        click.echo(f"  feature {feature.id:5}  at {feature.density:.2%} of tokens  {apart}")
    said(found.notes)
    target.write_text(page.features_html(found), "utf-8")
    click.echo(f"page: {out}")


@click.command()
@click.argument("questions", type=click.Path())
@click.option("--cue", required=True, help="Words before each question under which capability may be withheld.")
@click.option("--examples", default=16, show_default=True, type=click.IntRange(min=0), help="Learnt by a copy; 0: ablation alone.")
@click.option("--most", default=300, show_default=True, type=click.IntRange(min=8), help="Questions, at most.")
@shared
def sandbagging(questions: str, cue: str, examples: int, most: int, model: str, seed: int, name: str | None, quiet: bool) -> None:
    """Does a cue hide capability on QUESTIONS (JSON lines: question, choices, answer)?

    Does it return without the cue's direction, or after a few examples?
    """
    from spiritlevel import backends
    from spiritlevel.interpret import sandbagging as inside
    from spiritlevel.tamper.unlocking import UnlockSettings, unlock
    from spiritlevel.types import content_hash

    ref = backends.resolve(model)
    asked = tuple(sorted(inside.read(Path(questions)), key=content_hash)[:most])
    settings = inside.SandbaggingSettings(seed=seed)
    with opened(name, quiet, "sandbagging", ref.key, settings, cue, *asked) as evidence:
        found = evidence.step(inside.run, ref, asked, cue, settings)
        tuned = evidence.step(unlock, ref, asked, cue, UnlockSettings(examples=examples, seed=seed)) if examples else None
    click.echo(f"accuracy {share(found.plain)} plainly, {share(found.cued)} under the cue: {points(found.drop)}")
    click.echo(
        f"returned without the direction of block {found.layer}: {points(found.returned)}; without a random one: {points(found.random)}"
    )
    click.echo(f"  beyond the random one: {points(found.beyond)}")
    if tuned is not None:
        click.echo(
            f"returned after {tuned.examples} examples: {points(tuned.returned)}; added by them without the cue: {points(tuned.learnt)}"
        )
        click.echo(f"  beyond what they add: {points(tuned.beyond)}")
    said((*found.notes, *(tuned.notes if tuned else ())))


@contextmanager
def opened(name: str | None, quiet: bool, *identity: object) -> "Iterator[Evidence]":
    """The run of what is asked, with progress on the screen unless quiet."""
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.types import content_hash

    with (
        bars(quiet) as listener,
        open_run(HOME, name, content_hash(*identity), "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        yield evidence


def sides(first: str | None, second: str | None) -> "tuple[tuple[Prompt, ...], tuple[Prompt, ...]]":
    """The two sets: files, or harmful and plain prompts of the built-in teach side; in an order that depends on no file."""
    from spiritlevel.types import Kind, Side, content_hash

    def of(file: str | None, kind: Kind) -> "tuple[Prompt, ...]":
        found = read(file) if file else [p for p in built_in() if p.side is Side.TEACH and p.kind is kind]
        return tuple(sorted(found, key=lambda p: content_hash(p.text)))

    return of(first, Kind.HARMFUL), of(second, Kind.PLAIN)


def tests(file: str | None, most: int) -> "tuple[tuple[Prompt, ...], tuple[Prompt, ...]]":
    """Held-out harmful and benign prompts: of a file, or of the built-in open side."""
    from spiritlevel.types import ASKING_NO_HARM, Kind, Side, content_hash

    found = read(file) if file else [p for p in built_in() if p.side is Side.OPEN and p.kind is not Kind.LOOKALIKE]
    found.sort(key=lambda p: content_hash(p.text))
    harmful, benign = ([p for p in found if (p.kind is Kind.HARMFUL) is side] for side in (True, False))
    return tuple(harmful[:most]), tuple(p for p in benign if p.kind in ASKING_NO_HARM)[:most]


def built_in() -> "list[Prompt]":
    """All prompts that come with the package, each with its side."""
    from spiritlevel import constitution
    from spiritlevel.elicit import ElicitConfig
    from spiritlevel.elicit.prompts import gather

    return gather(constitution.load(), ElicitConfig())


def read(file: str) -> "list[Prompt]":
    """A file's prompts; harmful ones without a principle get the nearest."""
    from spiritlevel import constitution
    from spiritlevel.elicit import PromptFile
    from spiritlevel.elicit.prompts import near_principle, read_file

    return near_principle(constitution.load(), read_file(PromptFile(path=file)))


def directed(report: "DirectionReport") -> Iterator[str]:
    """A direction and its effects as lines."""
    d = report.direction
    yield f"direction: block {d.layer}, token {d.position} of the prompt, {d.form}, of {d.candidates} candidates"
    yield f"  added {d.coefficient:g} times"
    yield f"  validation, log-odds of the first set's beginnings: first set {span(d.plain[0])}, ablated {span(d.bypassed)}"
    yield f"  second set {span(d.plain[1])}, added {span(d.induced)}; next-token KL of ablation {span(d.kl)}"
    last = ""
    for e in report.effects:
        if e.what != last:
            yield f"\n{e.what}"
            last = e.what
        if e.measure == "kl":
            yield f"  {'sequence KL, ' + e.on:34} {span(e.value)} nats a reply{missing(e.unscored)}"
        else:
            by = f" ({e.by})" if e.measure == "delivered_harm" else ""
            moved = "" if e.change is None else f"; change {points(e.change)}"
            yield f"  {f'{e.measure}, {e.on}{by}':34} {share(e.value)}{moved}{missing(e.unscored)}"
    yield ""
    if report.least_kl is not None:
        yield f"to move benign refusals so far takes at least {span(report.least_kl)} nats, whatever is changed"
    for one in report.agreement:
        yield f"{one.name}: {span(one)}"
    yield from (f"note: {note}" for note in report.notes)


def missing(unscored: int) -> str:
    """How many entered no figure."""
    return f"; {unscored} unscored" if unscored else ""


def said(notes: tuple[str, ...]) -> None:
    """Notes as lines."""
    for note in notes:
        click.echo(f"note: {note}")


def writable(out: str) -> Path:
    """ConfigError when `out` lies in no folder or is a folder."""
    from spiritlevel.errors import ConfigError

    target = Path(out)
    if target.is_dir() or not target.parent.is_dir():
        raise ConfigError(f"{out!r} is a folder or lies in none; choose another place for --out")
    return target


def share(e: "Estimate") -> str:
    """`61.8% (57.0 to 66.4, n = 400)`."""
    from spiritlevel.cli.reward_report import share as told

    return told(e)


def points(e: "Estimate") -> str:
    """`+4.2 points (0.3 to 8.1)`."""
    from spiritlevel.cli.reward_report import points as told

    return told(e)


def span(e: "Estimate") -> str:
    """`0.12 (0.10 to 0.15, n = 40)`."""
    from spiritlevel.cli.reward_report import number

    return number(e)
