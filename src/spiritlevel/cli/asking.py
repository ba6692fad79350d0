"""Machines rate a set: asked in a run of their own, written beside people's labels."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spiritlevel import backends, constitution
from spiritlevel.cli.progress import bars
from spiritlevel.cli.runs import database
from spiritlevel.errors import DataError
from spiritlevel.evidence import Evidence, open_run
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.judges.reward import open_reward
from spiritlevel.raters.models import Rated, by_model, by_reward
from spiritlevel.raters.shown import scale_of
from spiritlevel.raters.store import Labels, checked
from spiritlevel.types import Item, Rating, content_hash

HOME = Path("runs") / ".raters"
"""What machines were asked lies in runs of its own, which are no runs of the loop."""


def model(home: Path, name: str, spec: str, rater: str, folder: str | None, principle: str, scale: str, quiet: bool) -> Iterator[str]:
    """A language model rates all items of a set that it has not rated. Errors of backends and of the constitution."""
    rater = checked(rater or f"model:{spec}"[:60], "rater")
    labels, law = Labels(home), constitution.load(folder)
    ref, size = backends.resolve(spec), scale_of(scale).name

    def ask(evidence: Evidence, left: tuple[Item, ...]) -> Rated:
        return evidence.step(by_model, ref, left, law, principle, rater, size)

    yield from _rated(labels, name, rater, 2, f"model-{content_hash(name, rater, ref.key)[:16]}", ask, quiet)


def reward(home: Path, name: str, spec: str, rater: str, quiet: bool) -> Iterator[str]:
    """A reward rates all items of a set that it has not rated."""
    rater = checked(rater or f"reward:{spec}"[:60], "rater")
    labels = Labels(home)
    identity = open_reward(spec, MemoryJournal()).identity

    def ask(evidence: Evidence, left: tuple[Item, ...]) -> Rated:
        return evidence.step(by_reward, spec, identity, left, rater)

    yield from _rated(labels, name, rater, 1, f"reward-{content_hash(name, rater, identity.id)[:16]}", ask, quiet)


def _rated(
    labels: Labels, name: str, rater: str, orders: int, run: str, ask: Callable[[Evidence, tuple[Item, ...]], Rated], quiet: bool
) -> Iterator[str]:
    """Ask about what lacks a label, in a run of its own, and write what was said."""
    items, mine = labels.items(name), _own(labels, name, rater)
    left = _left(items, mine, orders)
    if not left:
        yield f"all {len(items)} items are rated by {rater!r} already, and nothing was asked (ask otherwise under another --rater)"
        return
    with bars(quiet) as listener, open_run(HOME, run, content_hash(run), "", url=database(), quiet=quiet, listener=listener) as evidence:
        found = ask(evidence, left)
        ratings = evidence.rows(found.ratings, Rating)
    yield from _kept(labels, name, rater, found, ratings, mine)


def _own(labels: Labels, name: str, rater: str) -> list[Rating]:
    """What this rater has said. DataError: the name is a person's."""
    mine = [r for r in labels.ratings(name) if r.rater == rater]
    if any(r.by != "model" for r in mine):
        raise DataError(f"rater {rater!r} is a person in set {name!r:.60}; give the machine another name with --rater")
    return mine


def _left(items: Sequence[Item], mine: Sequence[Rating], orders: int) -> tuple[Item, ...]:
    """Items that lack a label in some order."""
    said = {(r.item, r.first) for r in mine}
    return tuple(i for i in items if sum((i.id, first) in said for first in ("a", "b", "alone")) < (1 if i.b is None else orders))


def _kept(labels: Labels, name: str, rater: str, found: Rated, ratings: Sequence[Rating], mine: Sequence[Rating]) -> Iterator[str]:
    """Write what is new. DataError, and nothing is written: another instrument has this rater's name."""
    if any(r.instrument != found.instrument.id for r in mine):
        raise DataError(f"rater {rater!r} has rated set {name!r:.60} as another model or by another question; name this one with --rater")
    new = labels.rate(name, ratings)
    yield f"{new} labels by {rater} ({found.instrument.name:.40}, instrument {found.instrument.id[:12]}) in set {name}"
    if found.abstained:
        yield f"note: {found.abstained} of {found.labels + found.abstained} askings had no clear answer: kept as such, and no label"
    yield f"see: spiritlevel raters report {name}"
