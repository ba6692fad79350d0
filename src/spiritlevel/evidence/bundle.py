"""A project's evidence to carry to another machine: laid out as the project is, chain as JSON lines, without blobs.

By default without `rows`, that is without anything that was asked or said: their hashes stand in the signed inventories.
"""

from collections.abc import Iterator
from pathlib import Path
from shutil import copy

from pydantic import ValidationError

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence.folder import open_beside
from spiritlevel.evidence.run import Evidence
from spiritlevel.evidence.seal import INVENTORY, LEDGER, SIGNATURE, VERDICT, Sealed
from spiritlevel.lineage.chain import removed
from spiritlevel.types import Frozen

STAMP = "bundle.json"
CHAIN = "chain.jsonl"


class Bundle(Frozen):
    """What a bundle says of itself."""

    format: int = 1
    rows: bool
    """Whether what was asked and said is in it."""


def bundle_of(root: Path) -> Bundle | None:
    """The stamp of a bundle; None for a project. EvidenceError when it cannot be read."""
    file = root / STAMP
    if not file.is_file():
        return None
    try:
        return Bundle.model_validate_json(file.read_bytes())
    except ValidationError as fault:
        raise EvidenceError(f"{str(file)!r} is not the stamp of a bundle; export it again") from fault


def write(evidence: Evidence, out: Path, *, rows: bool) -> int:
    """Fill the new folder `out` from a signed run and all others of its project; returns how many runs are in it."""
    file = evidence.folder / VERDICT
    if not file.is_file() or not (evidence.folder / SIGNATURE).is_file():
        raise EvidenceError(f"run {evidence.name!r} has no signed verdict; run: spiritlevel release --run {evidence.name} with a key")
    sealed = Sealed.model_validate_json(file.read_bytes())
    links = evidence.ledger.links()
    (out / STAMP).write_text(Bundle(rows=rows).model_dump_json() + "\n", "utf-8")
    (out / "runs").mkdir()
    (out / "runs" / CHAIN).write_text("".join(link.model_dump_json() + "\n" for link in links), "utf-8")
    copy(evidence.folder.parent / LEDGER, out / "runs" / LEDGER)
    names = sorted(set(sealed.runs) - set(removed(links)))
    for name in names:
        (out / "runs" / name).mkdir()
        if name == evidence.name:
            _copy(evidence, out / "runs" / name, rows)
        else:
            with open_beside(evidence, name) as other:
                _copy(other, out / "runs" / name, rows)
    return len(names)


def _copy(run: Evidence, folder: Path, rows: bool) -> None:
    run.copy(folder, rows=rows)
    for name in _sealing(run.folder):
        (folder / name).parent.mkdir(exist_ok=True)
        copy(run.folder / name, folder / name)


def _sealing(folder: Path) -> Iterator[str]:
    yield from (name for name in (INVENTORY, VERDICT, SIGNATURE) if (folder / name).is_file())
