"""Opening runs for commands, listing them, and showing one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spiritlevel import config as configuration
from spiritlevel.cli.progress import bars
from spiritlevel.config import LoopConfig
from spiritlevel.errors import DataError, EvidenceError, MissingStage
from spiritlevel.evidence import Evidence, list_runs, open_existing, open_run
from spiritlevel.types import Compared, Pair, Verdict


def database() -> str | None:
    """URL of a team's PostgreSQL, from the environment alone since it holds a password."""
    return os.environ.get("SPIRITLEVEL_DATABASE") or None


@contextmanager
def opened(root: Path, config: LoopConfig, *, name: str | None, fresh: bool, quiet: bool) -> Iterator[Evidence]:
    """The run of this configuration, with progress on the screen unless quiet."""
    with (
        bars(quiet) as listener,
        open_run(root, name, config.identity, config.to_yaml(), fresh=fresh, url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        yield evidence


@contextmanager
def reopened(root: Path, config: str | None, name: str | None, *, quiet: bool) -> Iterator[tuple[LoopConfig, Evidence]]:
    """A run and its configuration for one stage: the latest, the one named, or a configuration file's own, begun if need be."""
    if config is not None or not any(run.readable for run in list_runs(root)):
        loaded = configuration.load(config)
        with opened(root, loaded, name=name, fresh=False, quiet=quiet) as evidence:
            yield loaded, evidence
        return
    with (
        bars(quiet) as listener,
        open_existing(root, name, write=True, url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        yield saved(evidence), evidence


def saved(evidence: Evidence) -> LoopConfig:
    """The resolved configuration that a run was made with. EvidenceError when this version cannot read it."""
    file = evidence.folder / "config.yaml"
    if not file.is_file():
        raise EvidenceError(f"run {evidence.name!r} has no config.yaml; start again with --fresh")
    return configuration.load(file, resolved=True)


def table(root: Path) -> Iterator[str]:
    """One line a run."""
    found = list_runs(root)
    if not found:
        yield f"no runs in {root / 'runs'}; start one with: spiritlevel run"
    for info in found:
        if not info.readable:
            yield f"{info.name:24}  of another version; not readable"
            continue
        with open_existing(root, info.name, url=database()) as evidence:
            yield f"{info.name:24}  {_verdict_word(evidence):10}  {len(evidence.steps())} steps"


def _verdict_word(evidence: Evidence) -> str:
    value = _value(evidence, "release")
    return value.kind.value if isinstance(value, Verdict) else "unfinished"


def _value(evidence: Evidence, label: str) -> object:
    """The value of a stage; None before it has run."""
    try:
        return evidence.value(label)
    except MissingStage:
        return None


def show(root: Path, name: str | None, echo: Callable[[str], None]) -> None:
    """Steps with cost, then figures, gap and verdict as far as they exist."""
    from spiritlevel.cli import telling

    with open_existing(root, name, url=database()) as evidence:
        echo(f"run {evidence.name}  (digest {evidence.digest()[:16]})")
        for step in evidence.steps():
            c = step.cost
            echo(
                f"  {step.label:18} {c.seconds:8.1f} s  {c.cpu_seconds:8.1f} CPU s  {c.tokens_out:8d} tokens out  "
                f"{f'{c.money:.4f} money  ' if c.money else ''}{c.tag}  {step.key[:10]}"
            )
        for label in ("measure:open", "measure:sealed"):
            value = _value(evidence, label)
            if isinstance(value, Compared):
                for line in telling.figures(value):
                    echo(line)
        verdict = _value(evidence, "release")
        if isinstance(verdict, Verdict):
            for line in telling.decided(verdict):
                echo(line)


def compare(root: Path, first: str, second: str) -> Iterator[str]:
    """What the second run's tuned model does more or less than the first's. DataError when they were asked no prompt in common."""
    from spiritlevel.cli.telling import span
    from spiritlevel.measure.between import between

    sides = []
    for name in (first, second):
        with open_existing(root, name, url=database()) as evidence:
            value = _value(evidence, "measure:open")
            if not isinstance(value, Compared):
                raise MissingStage(f"run {name!r} has no 'measure' yet; run: spiritlevel measure --run {name}")
            sides.append((value, evidence.rows(value.pairs, Pair)))
    judges = [next((m.instruments for m in value.measurements if m.estimate.name == "delivered_harm"), ()) for value, _ in sides]
    found = between(sides[0][1], sides[1][1], intent=judges[0] == judges[1])
    if not found:
        raise DataError(f"runs {first!r} and {second!r} were asked no prompt in common; give both the same seeds and prompt files")
    yield f"{first}: {sides[0][0].after.spec:.40}"
    yield f"{second}: {sides[1][0].after.spec:.40}"
    if judges[0] != judges[1]:
        yield "delivered harm is left out: the two runs were read by different intent judges"
    for d in found:
        yield f"  {d.name:24} {first:.20} {span(d.first)}  {second:.20} {span(d.second)}"
        yield f"  {'':24} change {span(d.change)}, McNemar p = {d.p:.3g}"
