"""The project's pair of keys: the public one beside the project, the private one outside of it and readable by its owner alone."""

import os
import stat
from pathlib import Path

from spiritlevel.errors import ConfigError
from spiritlevel.evidence import _ed25519 as ed

PUBLIC = "spiritlevel.pub"
VARIABLE = "SPIRITLEVEL_KEY"
"""Path of the private key, where it is not in its usual place (CI)."""


def new(root: Path, out: Path | None = None) -> tuple[Path, Path]:
    """Make a pair; returns where the private and the public key are. ConfigError: a key is there, or the place is in a repository."""
    public = root / PUBLIC
    if public.exists():
        raise ConfigError(f"{str(public)!r} is there already: this project has a key; move it away first if you mean to change it")
    private_pem, public_pem = ed.pair()
    private = out if out is not None else _home() / f"{ed.fingerprint(public_pem)}.key"
    inside = next((folder for folder in private.resolve().parents if folder == root.resolve() or (folder / ".git").exists()), None)
    if inside is not None:
        raise ConfigError(f"{str(private)!r} lies in {str(inside)!r}, from where it might be published; give --out a place outside of it")
    if private.exists():
        raise ConfigError(f"{str(private)!r} is there already; choose another name")
    try:
        private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(private_pem)
        public.write_bytes(public_pem)
    except OSError as fault:
        raise ConfigError(f"the keys cannot be written ({fault.strerror}: {fault.filename!r}); choose another place") from None
    return private, public


def private(root: Path) -> bytes | None:
    """The private key of this project: SPIRITLEVEL_KEY's file, else that of spiritlevel.pub in its usual place; None when there is none.

    ConfigError when others may read it, or when it is not the one of spiritlevel.pub.
    """
    public = root / PUBLIC
    given = os.environ.get(VARIABLE, "")
    if not given and not public.is_file():
        return None
    file = Path(given) if given else _home() / f"{fingerprint(public)}.key"
    if not file.is_file():
        if given:
            raise ConfigError(f"{VARIABLE} names {given!r}, which does not exist; correct it or unset it")
        return None
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ConfigError(f"the private key {str(file)!r} can be read by others; run: chmod 600 {file}")
    pem = file.read_bytes()
    try:
        own = ed.public_of(pem)
    except ValueError:
        raise ConfigError(f"{str(file)!r} is not a private Ed25519 key; make one with: spiritlevel keys new") from None
    if public.is_file() and ed.fingerprint(own) != fingerprint(public):
        raise ConfigError(f"the private key {str(file)!r} is not that of {str(public)!r}; use the one that is, or a public key that fits")
    return pem


def fingerprint(public: Path) -> str:
    """Short name of a public key. ConfigError when the file is none."""
    try:
        return ed.fingerprint(public.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"there is no public key {str(public)!r}; make one with: spiritlevel keys new, or give --key") from None
    except (ValueError, OSError):
        raise ConfigError(f"{str(public)!r} is not a public Ed25519 key in PEM form; give the project's spiritlevel.pub") from None


def sign(private_pem: bytes, data: bytes) -> tuple[str, str]:
    """(fingerprint, signature in hex)."""
    return ed.fingerprint(ed.public_of(private_pem)), ed.sign(private_pem, data).hex()


def holds(public: Path, signature: str, data: bytes) -> bool:
    """Whether a signature in hex is of this key on these bytes."""
    try:
        return ed.verify(public.read_bytes(), bytes.fromhex(signature), data)
    except ValueError:
        return False


def _home() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "spiritlevel" / "keys"
