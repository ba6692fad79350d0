"""A signed verdict: the verdict file, over the head of the project's chain and an inventory of every run's evidence.

runs/NAME/inventory.jsonl          [table, key, hash] of every row, in order
runs/ledger.inventory.jsonl        every row of the ledger that is entered once
runs/NAME/verdict/verdict.json     verdict, model, head of the chain, hash of every inventory
runs/NAME/verdict/verdict.sig      algorithm, fingerprint of the key, signature over verdict.json's bytes
"""

import json
from collections.abc import Mapping
from pathlib import Path

from spiritlevel.errors import EvidenceError
from spiritlevel.evidence import keys
from spiritlevel.evidence.folder import list_runs, open_beside, place
from spiritlevel.evidence.run import Evidence, root_of
from spiritlevel.lineage import Ledger
from spiritlevel.lineage.chain import SIGNED, STOCK, day, removed, sha256
from spiritlevel.types import Frozen, Verdict

INVENTORY = "inventory.jsonl"
LEDGER = "ledger.inventory.jsonl"
VERDICT = "verdict/verdict.json"
SIGNATURE = "verdict/verdict.sig"


class Head(Frozen):
    """A link of the chain that something is signed on: it fixes every link before it."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


class Sealed(Frozen):
    """What verdict.json holds."""

    format: int = 1
    run: str
    model: str
    """ModelRef.key"""
    spec: str
    verdict: Verdict
    signed: str
    """Date and minute, UTC."""
    head: Head
    runs: dict[str, str]
    """Hash of every run's inventory."""
    ledger: str
    """Hash of the ledger's inventory."""


class Signature(Frozen):
    """What verdict.sig holds."""

    algorithm: str
    key: str
    signature: str


def lines(inventory: Mapping[tuple[str, str], str]) -> str:
    """An inventory as text, sorted."""
    return "".join(json.dumps([table, key, digest]) + "\n" for (table, key), digest in sorted(inventory.items()))


def seal(evidence: Evidence, verdict: Verdict, model: str, spec: str, private: bytes) -> Path:
    """Take stock of every run, sign, and write; returns the verdict file. EvidenceError when a run of the chain is gone."""
    home, ledger = evidence.folder.parent, evidence.ledger
    on_disk = {info.name for info in list_runs(home.parent)}
    gone = {link.run for link in ledger.links()} - on_disk - set(removed(ledger.links()))
    if gone:
        name = min(gone)
        raise EvidenceError(
            f"run {name!r} is in the project's chain and its folder is gone; put it back, or record why it went: "
            f"spiritlevel drop {name} --reason WHY"
        )
    hashes = {name: _stock(evidence, name) for name in sorted(on_disk)}
    kept = "".join(text + "\n" for text in sorted(ledger.kept()))
    place(home / LEDGER, kept)
    last = ledger.links()[-1]
    payload = Sealed(
        run=evidence.name,
        model=model,
        spec=spec,
        verdict=verdict,
        signed=day(last.time),
        head=Head(seq=last.seq, hash=last.hash),
        runs=hashes,
        ledger=sha256(kept.encode()),
    )
    text = payload.model_dump_json(indent=1) + "\n"
    name, signature = keys.sign(private, text.encode())
    (evidence.folder / VERDICT).parent.mkdir(exist_ok=True)
    place(evidence.folder / VERDICT, text)
    place(evidence.folder / SIGNATURE, Signature(algorithm="ed25519", key=name, signature=signature).model_dump_json() + "\n")
    ledger.link(evidence.name, SIGNED, sha256(text.encode()))
    return evidence.folder / VERDICT


def _stock(evidence: Evidence, name: str) -> str:
    """Write a run's inventory, with a link where it has grown since its last one; returns the inventory's hash."""
    if name == evidence.name:
        return _written(evidence, evidence.ledger)
    with open_beside(evidence, name) as other:
        return _written(other, evidence.ledger)


def _written(run: Evidence, ledger: Ledger) -> str:
    inventory = run.inventory()
    root, last = root_of(inventory), next((k for k in reversed(ledger.links()) if k.run == run.name and k.what != SIGNED), None)
    if last is None or last.root != root:
        ledger.link(run.name, STOCK, root)
    text = lines(inventory)
    file = run.folder / INVENTORY
    if not file.is_file() or file.read_text("utf-8") != text:
        place(file, text)
    return sha256(text.encode())
