"""Is the evidence what was signed? Every fault in a sentence, of a project or of a bundle of it, offline.

What is checked: the signature by one public key; the chain, link by link; every row of every run against the signed inventory; blobs
against their names; that no run is missing and none was added outside of the chain; that the signed head is in the chain. What was
added since, by links that follow, is not a fault: it is told as not covered.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from spiritlevel.errors import ConfigError, EvidenceError
from spiritlevel.evidence import keys
from spiritlevel.evidence.blobs import tree_hash
from spiritlevel.evidence.bundle import CHAIN, Bundle, bundle_of
from spiritlevel.evidence.folder import list_runs, open_copy, open_existing
from spiritlevel.evidence.run import Evidence, root_of
from spiritlevel.evidence.seal import INVENTORY, LEDGER, SIGNATURE, VERDICT, Head, Sealed, Signature
from spiritlevel.lineage import Ledger, Link
from spiritlevel.lineage.chain import SIGNED, broken, removed, set_back, sha256

FEW = 5
"""Faults of one kind that are named each; the rest are counted."""
Inventory = dict[tuple[str, str], str]


class Verified(NamedTuple):
    """What verification found."""

    sealed: Sealed | None
    """The newest verdict whose signature holds."""
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    head: Head | None = None
    """The chain's last link: who notes it can tell a project that is put back as a whole (`after`)."""


def verify(root: Path, public: Path, *, after: str = "", url: str | None = None) -> Verified:
    """Check the project or bundle in `root` against a public key. `after`: a head that was seen before and must be in the chain.

    ConfigError when there is nothing to verify: no key, no such folder, a head that is no head.
    """
    name = keys.fingerprint(public)
    if not (root / "runs").is_dir():
        raise ConfigError(f"{str(root)!r} holds no runs/; give a project's folder or a bundle (spiritlevel export RUN --to bundle)")
    faults: list[str] = []
    notes: list[str] = []
    try:
        bundle, links = bundle_of(root), _links(root)
    except EvidenceError as fault:
        return Verified(None, (str(fault),), ())
    faults += broken(links)
    seals: list[Sealed] = []
    for file in sorted((root / "runs").glob(f"*/{VERDICT}")):
        found = list(_signed(file, public, name, links))
        faults += [f for f in found if isinstance(f, str)]
        seals += [f for f in found if isinstance(f, Sealed)]
    if not seals and not faults:
        faults.append(f"no verdict in {str(root)!r} is signed; make a key (spiritlevel keys new) and decide again (spiritlevel release)")
    faults += _unmoved(root, links)
    newest = max(seals, key=lambda s: s.head.seq, default=None)
    if newest is not None:
        faults += _everything(root, newest, links, bundle, url, notes)
        if back := set_back(links, links[-1].time if links else 0.0, newest.run):
            faults.append(f"the clock was set back: {back}")
    if after:
        faults += _seen(after, links)
    head = Head(seq=links[-1].seq, hash=links[-1].hash) if links else None
    return Verified(newest, tuple(dict.fromkeys(faults)), tuple(notes), head)


def opened(root: Path, run: str, url: str | None) -> AbstractContextManager[Evidence]:
    """A run of a project or of a bundle, to read."""
    return open_existing(root, run, url=url) if bundle_of(root) is None else open_copy(root / "runs" / run)


def _links(root: Path) -> list[Link]:
    file = root / "runs" / CHAIN
    if not file.is_file():
        return Ledger(root / "runs" / "ledger.db", write=False).links()
    try:
        return [Link.model_validate_json(line) for line in file.read_text("utf-8").splitlines()]
    except (ValueError, ValidationError) as fault:
        raise EvidenceError(f"the chain in {str(file)!r} cannot be read; it was changed") from fault


def _signed(file: Path, public: Path, name: str, links: Sequence[Link]) -> Iterator[str | Sealed]:
    """The verdict in a file if its signature holds, and what is wrong with it."""
    run, data = file.parent.parent.name, file.read_bytes()
    beside = file.parent / Path(SIGNATURE).name
    if not beside.is_file():
        yield f"the verdict of run {run!r} is not signed: verdict.sig is missing"
        return
    try:
        signature = Signature.model_validate_json(beside.read_bytes())
        sealed = Sealed.model_validate_json(data)
    except ValidationError:
        yield f"the verdict of run {run!r} or its signature is not as it was written; it was changed"
        return
    if signature.key != name:
        yield f"the verdict of run {run!r} is signed by a foreign key {signature.key[:16]!r}, not by {name!r}"
        return
    if signature.algorithm != "ed25519" or not keys.holds(public, signature.signature, data):
        yield f"the signature of run {run!r}'s verdict does not hold: the file was changed, or another key signed it"
        return
    if sealed.run != run:
        yield f"the verdict in run {run!r} is that of run {sealed.run!r}; it was moved"
    if not _holds(links, sealed.head):
        yield f"the chain does not hold link {sealed.head.seq}, on which run {run!r}'s verdict is signed: it was cut or written anew"
    yield sealed


def _holds(links: Sequence[Link], head: Head) -> bool:
    return 1 <= head.seq <= len(links) and links[head.seq - 1].hash == head.hash


def _unmoved(root: Path, links: Sequence[Link]) -> Iterator[str]:
    """Each run's verdict file is the last that the chain says was signed."""
    last = {link.run: link.root for link in links if link.what == SIGNED}
    for run, digest in last.items():
        file = root / "runs" / run / VERDICT
        if run not in removed(links) and file.parent.parent.is_dir() and (not file.is_file() or sha256(file.read_bytes()) != digest):
            yield f"the verdict of run {run!r} is not the one that was signed last: it was taken away or put back to an earlier one"


def _everything(
    root: Path, sealed: Sealed, links: Sequence[Link], bundle: Bundle | None, url: str | None, notes: list[str]
) -> Iterator[str]:
    """Every run, and the ledger, against what was signed."""
    home, gone = root / "runs", removed(links)
    there = {info.name for info in list_runs(root)} | {f.parent.name for f in home.glob("*/evidence.db")}
    chained = {link.run for link in links}
    for run in sorted((chained | set(sealed.runs)) - there):
        if run in gone:
            notes.append(f"run {run!r} was removed on purpose: {gone[run]}")
        else:
            yield f"run {run!r} is missing"
    for run in sorted(there - chained):
        yield f"run {run!r} is in no link of the chain; it was put there from outside"
    for run in sorted(there & chained):
        try:
            with opened(root, run, url) as evidence:
                yield from _run(evidence, sealed, links, bundle, notes)
        except EvidenceError as fault:
            yield f"run {run!r} cannot be read: {fault}"
    yield from _ledger(home, sealed, bundle)


def _run(evidence: Evidence, sealed: Sealed, links: Sequence[Link], bundle: Bundle | None, notes: list[str]) -> Iterator[str]:
    name, now = evidence.name, evidence.inventory()
    last = next(link for link in reversed(links) if link.run == name and link.what != SIGNED)
    if name not in sealed.runs:
        notes.append(f"run {name!r} was begun after the verdict was signed and is not covered by it")
        if bundle is None and root_of(now) != last.root:
            yield f"run {name!r} is not as its last link of the chain ({last.what}) left it"
        return
    file = evidence.folder / INVENTORY
    text = file.read_bytes() if file.is_file() else b""
    if sha256(text) != sealed.runs[name]:
        yield f"the inventory of run {name!r} is not the one that was signed"
        return
    listed: Inventory = {(table, key): digest for table, key, digest in map(json.loads, text.decode().splitlines())}
    withheld = {k for k in listed if k[0] == "rows" and bundle is not None and not bundle.rows}
    if withheld:
        notes.append(f"run {name!r}: {len(withheld)} rows are not in the bundle; their hashes are signed")
        now |= {k: listed[k] for k in withheld}
    faults = [f"{_named(k)} of run {name!r} is missing" for k in listed if k not in now]
    faults += [f"{_named(k)} of run {name!r} was changed" for k in listed if k in now and now[k] != listed[k]]
    added = [k for k in now if k not in listed]
    if not faults and added and (last.seq <= sealed.head.seq or root_of(now) != last.root):
        faults += [f"{_named(k)} of run {name!r} was added, and no link of the chain covers it" for k in added]
    elif added and not faults:
        notes.append(f"run {name!r} has {len(added)} entries made since the verdict was signed, which it does not cover")
    yield from _few(faults)
    if bundle is None:
        yield from _few([f for key in listed if key[0] == "blobs" and (f := _blob(evidence, key[1]))])


def _blob(evidence: Evidence, name: str) -> str:
    folder = evidence.folder / "blobs" / name
    if not folder.is_dir():
        return f"blob {name[:16]!r} of run {evidence.name!r} is missing"
    return "" if tree_hash(folder) == name else f"blob {name[:16]!r} of run {evidence.name!r} was changed"


def _ledger(home: Path, sealed: Sealed, bundle: Bundle | None) -> Iterator[str]:
    file = home / LEDGER
    text = file.read_bytes() if file.is_file() else b""
    if sha256(text) != sealed.ledger:
        yield "the inventory of the ledger is not the one that was signed"
        return
    if bundle is None:
        now = Ledger(home / "ledger.db", write=False).kept()
        yield from _few(
            [f"an entry of the ledger is missing or was changed: {line[:120]}" for line in text.decode().splitlines() if line not in now]
        )


def _seen(after: str, links: Sequence[Link]) -> Iterator[str]:
    """The head that somebody has seen must still be there: a project that was put back as a whole lacks it."""
    seq, colon, digest = after.partition(":")
    if not colon or not seq.isdigit():
        raise ConfigError(f"{after!r} is not a head; give NUMBER:HASH as an earlier verify printed it")
    if not _holds(links, Head(seq=int(seq), hash=digest)):
        yield f"the chain does not hold link {seq}, which was seen before: the project was rolled back or written anew"


def _named(key: tuple[str, str]) -> str:
    table, name = key
    words = {"rows": "row", "row_sets": "row set", "steps": "step", "manifest": "entry", "costs": "cost", "file": "file"}
    return f"{words.get(table, table.rstrip('s'))} {name[:48]!r}"


def _few(faults: Sequence[str]) -> Iterator[str]:
    yield from faults[:FEW]
    if len(faults) > FEW:
        yield f"and {len(faults) - FEW} more like the last"
