"""The project's hash chain: one link for every run begun and every step finished, each sealing all before it.

Whoever can write the file can write the chain anew: what makes it hold is a signature over one of its heads (evidence.seal), or a head
that somebody else has noted.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from spiritlevel.types import Frozen

BEGUN, STOCK, SIGNED, DROPPED = "begun", "stock", "signed", "dropped: "
"""What a link can be of, beside a step's label: a run's start, stock taken, a verdict signed, a run removed on purpose (with a reason)."""
DAY = 86400.0
JITTER = 300.0
"""Seconds by which clocks of machines that share a project may differ."""


class Link(Frozen):
    """One link. `hash` covers all of it, `previous` the link before."""

    seq: int
    """From 1."""
    time: float
    """Seconds since 1970, as the machine had it."""
    run: str
    what: str
    root: str
    """Hash over all of the run's evidence at that time (of the verdict file, where one was signed)."""
    previous: str
    hash: str


def sha256(value: object) -> str:
    """SHA-256 of bytes, or of a value's canonical JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(data).hexdigest()


def follow(last: Link | None, time: float, run: str, what: str, root: str) -> Link:
    """The link after `last`."""
    seq, previous = (last.seq + 1, last.hash) if last else (1, "")
    return Link(seq=seq, time=time, run=run, what=what, root=root, previous=previous, hash=_hash(seq, time, run, what, root, previous))


def _hash(*parts: object) -> str:
    return sha256([repr(p) if isinstance(p, float) else p for p in parts])


def broken(links: Sequence[Link]) -> Iterator[str]:
    """Every place at which the chain does not hold, a sentence each."""
    for place, link in enumerate(links, 1):
        before = links[place - 2].hash if place > 1 else ""
        if link.seq != place:
            yield f"link {place} of the chain is numbered {link.seq}: a link was taken out, put in or moved"
        elif link.previous != before:
            yield f"link {place} of the chain ({link.run}, {link.what}) does not follow link {place - 1}"
        if link.hash != _hash(link.seq, link.time, link.run, link.what, link.root, link.previous):
            yield f"link {place} of the chain ({link.run}, {link.what}) was changed"


def set_back(links: Sequence[Link], now: float, run: str = "") -> str:
    """Where the clock was set back since `run` first measured (else its first link, or the chain's), in a clause; else empty."""
    mine = [i for i, link in enumerate(links) if link.run == run]
    begin = next((i for i in mine if links[i].what.startswith("measure")), mine[0] if mine else 0)
    latest: Link | None = None
    for link in links[begin:]:
        if latest is not None and link.time < latest.time - JITTER:
            return f"link {link.seq} of the chain is dated {day(link.time)}, before link {latest.seq} of {day(latest.time)}"
        latest = link if latest is None or link.time > latest.time else latest
    if latest is not None and now < latest.time - JITTER:
        return f"it is {day(now)} by this machine, and link {latest.seq} of the chain is of {day(latest.time)}"
    return ""


def day(time: float) -> str:
    """Date and minute, UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")


def past(when: float, days: float | None, now: float) -> str:
    """A clause where what was made at `when` is older than a policy's limit in days; else empty."""
    if days is None or now - when <= days * DAY:
        return ""
    return f"made on {day(when)}, and the policy asks for evidence of at most {days:g} days"


def removed(links: Sequence[Link]) -> dict[str, str]:
    """Runs that were removed on purpose and not begun again, with the reason."""
    found: dict[str, str] = {}
    for link in links:
        if link.what.startswith(DROPPED):
            found[link.run] = link.what.removeprefix(DROPPED)
        else:
            found.pop(link.run, None)
    return found
