"""`spiritlevel export`: a run's evidence in a form that another tool reads, written whole or not at all."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from spiritlevel.cli.runs import database
from spiritlevel.errors import ConfigError, MissingStage
from spiritlevel.evidence import bundle, open_existing
from spiritlevel.report.exports import Material, gather, hub, inspect, jsonl, junit

R = TypeVar("R")


def export(root: Path, name: str | None, form: str, out: Path, *, rows: bool = False) -> str:
    """Write and say what was written. ConfigError when `out` is there already."""
    if out.exists():
        raise ConfigError(f"{str(out)!r} is there already; choose another name")
    if rows and form != "bundle":
        raise ConfigError(f"--rows is for --to bundle, not for {form!r}; leave it out")
    if form == "bundle":
        with open_existing(root, name, url=database()) as evidence:
            many = _filled(out, lambda part: bundle.write(evidence, part, rows=rows))
        what = f"{many} run{'s' * (many != 1)}, {'with' if rows else 'without'} what was said"
        return f"{what} -> {out}; check: spiritlevel verify {out} --key KEY"
    with open_existing(root, name, url=database()) as evidence:
        material = gather(evidence)
    if form == "jsonl":
        return _file(out, jsonl.text(material), f"{len(material.read)} transcripts")
    if form == "junit":
        cases = _cases(material)
        return _file(out, [junit.text(material.run, cases)], f"{len(cases)} checks, {sum(bool(c.failed) for c in cases)} failed")
    if form == "hub":
        files = hub.files(material)
        return _folder(out, files, f"{len(material.lessons)} lessons, {len(material.preferences)} preferences")
    files = inspect.files(material)
    return _folder(
        out, files, f"{files[inspect.SUITE].count(chr(10))} prompts; run: inspect eval {out / inspect.TASK} --model PROVIDER/NAME"
    )


def _cases(material: Material) -> list[junit.Case]:
    if material.verdict is None:
        raise MissingStage(f"run {material.run!r} has no 'release' yet; run: spiritlevel release --run {material.run}")
    return junit.checks(material.verdict)


def _file(out: Path, texts: Iterable[str], what: str) -> str:
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(texts)
        part.replace(out)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{str(out)!r} cannot be written ({fault.strerror}); choose another place") from None
    return f"{what} -> {out}"


def _folder(out: Path, files: dict[str, str], what: str) -> str:
    def write(part: Path) -> None:
        for name, text in files.items():
            (part / name).write_text(text, "utf-8", newline="\n")

    _filled(out, write)
    return f"{what} -> {out}"


def _filled(out: Path, write: Callable[[Path], R]) -> R:
    """A new folder, filled whole or not at all."""
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir()
        done = write(part)
        part.replace(out)
    except OSError as fault:
        raise ConfigError(f"{str(out)!r} cannot be written ({fault.strerror}); choose another place") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return done
