"""Opening runs for commands, listing them, and showing one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spiritlevel import config as configuration
from spiritlevel.cli.progress import bars
from spiritlevel.config import LoopConfig
from spiritlevel.errors import EvidenceError, MissingStage
from spiritlevel.evidence import Evidence, list_runs, open_existing, open_run
from spiritlevel.types import Compared, Verdict


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
    try:
        value = evidence.value("release")
    except MissingStage:
        return "unfinished"
    return value.kind.value if isinstance(value, Verdict) else "unfinished"


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
        for label in ("measure:open", "measure", "measure:sealed"):
            try:
                value = evidence.value(label)
            except MissingStage:
                continue
            if isinstance(value, Compared):
                for line in telling.figures(value):
                    echo(line)
        try:
            verdict = evidence.value("release")
        except MissingStage:
            return
        if isinstance(verdict, Verdict):
            for line in telling.decided(verdict):
                echo(line)
