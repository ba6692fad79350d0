"""Spent, kin or independent: what a piece of evidence may do for a model."""

from collections.abc import Callable, Iterable

from spiritlevel.firewall.atoms import PLANTED
from spiritlevel.lineage import ancestry
from spiritlevel.types import Grade, Instrument, Lineage

Lookup = Callable[[str], Lineage | None]
_WORSE = (Grade.SPENT, Grade.KIN, Grade.INDEPENDENT)
_BODY = "body:"


def made_of(instrument: Instrument) -> frozenset[str]:
    """Atoms of an instrument: itself, and all that it was fitted, selected or thresholded on."""
    return frozenset({f"judge:{instrument.id}", *instrument.made_of})


def paths(lineage: Lineage, lookup: Lookup) -> dict[str, str]:
    """Every atom that a model is spent on, with the way it came: `model <- critic <- atom`.

    Uses of the model and of all that it descends or learned from, what its training judges are made of, and what the models
    are spent on whose bodies those judges rest on. Shortest path first.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    queue: list[tuple[Lineage, str]] = [(lineage, "model")]
    for start, way in queue:
        for one in ancestry(start, lookup):
            if one.weights in seen:
                continue
            seen.add(one.weights)
            here = way if one.weights == start.weights else f"{way} <- ancestor {one.weights[:10]}"
            for use in one.uses:
                found.setdefault(use.atom, f"{here} <- {use.how} {use.atom}")
                if use.atom.startswith(_BODY):
                    _learned(use.atom, here, lookup, queue)
            for judge in one.judges:
                found.setdefault(f"judge:{judge.id}", f"{here} <- judge {judge.name}")
                for atom in judge.made_of:
                    found.setdefault(atom, f"{here} <- judge {judge.name} <- {atom}")
                    if atom.startswith(_BODY):
                        _learned(atom, f"{here} <- judge {judge.name}", lookup, queue)
    return found


def _learned(atom: str, way: str, lookup: Lookup, queue: list[tuple[Lineage, str]]) -> None:
    known = lookup(atom.removeprefix(_BODY))
    if known is not None:
        queue.append((known, way))


def spent(lineage: Lineage, lookup: Lookup) -> frozenset[str]:
    """Atoms that touched the model's training, selection or stopping, or that of anything it was made of."""
    return frozenset(paths(lineage, lookup))


def planted_in(lineage: Lineage, lookup: Lookup) -> str:
    """How a planted flaw reached the model, itself or by an ancestor; empty when none did."""
    return next((way for atom, way in sorted(paths(lineage, lookup).items()) if atom.startswith(PLANTED)), "")


def path_of(atom: str, lineage: Lineage, lookup: Lookup) -> str:
    """How an atom reached the model; empty when it did not."""
    return paths(lineage, lookup).get(atom, "")


def grade(instrument: Instrument, lineage: Lineage, lookup: Lookup, *, other: Lineage | None = None) -> tuple[Grade, str]:
    """Grade of a measurement for a model, with its reason in a clause (empty when independent).

    With `other` (the model before, of a pair) the worse side counts.
    """
    found = [_grade(instrument, one, lookup) for one in (lineage, other) if one is not None]
    return worst(found)


def worst(graded: Iterable[tuple[Grade, str]]) -> tuple[Grade, str]:
    """Of several grades with their reasons, the one that allows least; the first of equal ones."""
    return min(graded, key=lambda pair: _WORSE.index(pair[0]))


def _grade(instrument: Instrument, lineage: Lineage, lookup: Lookup) -> tuple[Grade, str]:
    own, touched = made_of(instrument), paths(lineage, lookup)
    met = sorted(atom for atom in own & touched.keys() if not atom.startswith(_BODY))
    if met:
        more = f" and {len(met) - 1} more" if len(met) > 1 else ""
        return Grade.SPENT, f"{instrument.name} owes itself to {met[0]}{more}, which the model was made with: {touched[met[0]]}"
    ancestors = ancestry(lineage, lookup)
    judges = [judge for one in ancestors for judge in one.judges]
    bodies = {f"{_BODY}{weights}" for one in ancestors for weights in (one.weights, one.body) if weights}
    bodies |= {atom for atom in touched if atom.startswith(_BODY)}
    shared = sorted(own & bodies)
    if shared:
        return Grade.KIN, f"{instrument.name} rests on {shared[0]}, a body that the model or one of its training judges shares"
    families = {name for one in ancestors for name in one.families} | {judge.family for judge in judges}
    if instrument.family and instrument.family in families:
        return (
            Grade.KIN,
            f"{instrument.name} is of the family {instrument.family!r}, as the model or one of its training judges is",
        )
    if not instrument.known_ancestry:
        return Grade.KIN, f"what {instrument.name} was made of is unknown"
    blank = next((one for one in ancestors if one.history == "unknown"), None)
    if blank is not None:
        which = "the model" if blank.weights == lineage.weights else f"its ancestor {blank.weights[:10]}"
        return Grade.KIN, f"the training history of {which} is unknown, so nothing can be shown to be independent of it"
    vague = next((judge for judge in judges if not judge.known_ancestry), None)
    if vague is not None:
        return Grade.KIN, f"what the training judge {vague.name} was made of is unknown"
    return Grade.INDEPENDENT, ""
