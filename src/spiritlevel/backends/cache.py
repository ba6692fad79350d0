"""The cache folder: what can be made again from its source (converted weights, fingerprints, the timed number format)."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def folder() -> Path:
    """`$SPIRITLEVEL_CACHE`, else the user's cache folder of this platform."""
    named = os.environ.get("SPIRITLEVEL_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "spiritlevel"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "spiritlevel"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "spiritlevel"


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The cached folder `name`, filled by `make` the first time: whole or absent, whoever is killed or races."""
    target = folder() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        make(fresh)
        fresh.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was first, with the same content
            fresh.rename(target)
        if not target.is_dir():
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def remembered(name: str, find: Callable[[], str]) -> str:
    """A small text under `name`, found once."""
    file = folder() / name
    if file.is_file():
        return file.read_text()
    text = find()
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    Path(fresh).replace(file)
    return text
