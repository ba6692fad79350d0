"""Big things on disk: a folder under its own hash, written whole or not at all."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence.faults import telling

TEMPORARY = ".tmp-"


def tree_hash(folder: Path) -> str:
    """SHA-256 (first 32 hex digits) over sorted relative paths and file contents; times and modes do not count."""
    digest = hashlib.sha256()
    for file in sorted((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.relative_to(folder).as_posix()):
        name = file.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        digest.update(len(name).to_bytes(8, "little") + name + content)
    return digest.hexdigest()[:32]


def write_blob(home: Path, write: Callable[[Path], None]) -> str:
    """Let `write` fill a temporary folder in `home`, flush it, and rename it to its hash. A failed write leaves nothing."""
    folder = home / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        with telling("the blob folder", home):
            folder.mkdir(parents=True)
            write(folder)
            _flush(folder)
            name = tree_hash(folder)
            if not (home / name).is_dir():
                folder.rename(home / name)
                _flush_folder(home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return name


def write_folder(folder: Path, write: Callable[[Path], None], what: str) -> None:
    """Let `write` fill a folder that appears under its name whole or not at all. EvidenceError when it exists, or the disk is full."""
    if folder.exists():
        raise EvidenceError(f"{str(folder)!r} exists already; choose another folder or remove it")
    partial = folder.with_name(f"{TEMPORARY}{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        with telling(what, folder.parent):
            partial.mkdir(parents=True)
            write(partial)
            _flush(partial)
            partial.rename(folder)
            _flush_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sweep(home: Path, known: Iterable[str]) -> list[str]:
    """Remove half-written blobs and those without a row (killed between rename and row). Returns their names."""
    kept = set(known)
    gone = [f for f in sorted(home.glob("*")) if f.is_dir() and f.name not in kept] if home.is_dir() else []
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return [folder.name for folder in gone]


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            _flush_folder(path)
        else:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
