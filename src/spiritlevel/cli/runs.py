"""Opening runs for commands, listing them, and showing one."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spiritlevel import config as configuration
from spiritlevel.cli.progress import bars
from spiritlevel.config import LoopConfig
from spiritlevel.elicit import taught
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


def configured(root: Path, config: str | None, overrides: dict[str, object] | None = None, findings: Sequence[str] = ()) -> LoopConfig:
    """A configuration file with what the command adds, and each run in `elicit.findings` pinned to what its campaigns found."""
    loaded = configuration.load(config, overrides)
    named = (*loaded.elicit.findings, *findings)
    if not named:
        return loaded
    kept = taught.pinned(named, lambda name: open_existing(root, name, url=database()))
    return loaded.model_copy(update={"elicit": loaded.elicit.model_copy(update={"findings": kept})})


@contextmanager
def reopened(root: Path, config: str | None, name: str | None, *, quiet: bool) -> Iterator[tuple[LoopConfig, Evidence]]:
    """A run and its configuration for one stage: the latest, the one named, or a configuration file's own, begun if need be."""
    if config is not None or not any(run.readable for run in list_runs(root)):
        loaded = configured(root, config)
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
    value = value_of(evidence, "release")
    return value.kind.value if isinstance(value, Verdict) else "unfinished"


def value_of(evidence: Evidence, label: str) -> object:
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
        for side in ("open", "sealed"):
            value = (
                value_of(evidence, f"measure.alone:{side}")
                or value_of(evidence, f"measure.joined:{side}")
                or value_of(evidence, f"measure:{side}")
            )
            if isinstance(value, Compared):
                for line in telling.figures(value):
                    echo(line)
        verdict = value_of(evidence, "release")
        if isinstance(verdict, Verdict):
            for line in telling.decided(verdict):
                echo(line)
