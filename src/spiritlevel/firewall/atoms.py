"""Atoms (what a number can owe itself to), and the counted looks at the open side."""

from collections.abc import Iterable

from spiritlevel.firewall.clusters import normalise
from spiritlevel.lineage import Ledger, ancestry
from spiritlevel.types import Instrument, Lineage, Prompt, content_hash

DIRECT = "direct"
"""The plain request is no attack: asking it teaches no family, so it is no atom."""
STACK = "+"
"""Between the attacks of a stack, the first applied first."""
PLANTED = "planted:"
"""What is made of such an atom is a copy that an audit of its own checks made: never a candidate for release."""
DRAWS = {"encoding": ("base64", "rot13", "leetspeak")}
"""Attacks that draw one of several others; whoever learnt them learnt each."""


def cluster(cluster_id: str) -> str:
    """Atom of a prompt cluster."""
    return f"cluster:{cluster_id}"


def family(definition: str) -> str:
    """Atom of an attack family, by the hash of its definition (or of its name, where that is all there is)."""
    return f"family:{content_hash(definition)}"


def families(name: str) -> tuple[str, ...]:
    """Atoms of an attack: its own, and where it is stacked (`role-play+base64`) those of its parts, since each of them is learnt."""
    parts = name.split(STACK)
    return tuple(family(part) for part in dict.fromkeys((name, *parts, *(one for part in parts for one in DRAWS.get(part, ())))))


def labels(label_set: str) -> str:
    """Atom of a set of human labels, or of one cluster of it."""
    return f"labels:{label_set}"


def opening(text: str) -> str:
    """Atom of an opening used as a training target; case, punctuation and spacing do not hide it."""
    return f"opening:{content_hash(normalise(text))}"


def judge(instrument_id: str) -> str:
    """Atom of a judge, by its id."""
    return f"judge:{instrument_id}"


def body(weights: str) -> str:
    """Atom of a body, by its weights. Sharing one makes kin, never spent."""
    return f"body:{weights}"


def planted(flaw: str) -> str:
    """Atom of a flaw that was planted on purpose, by its id."""
    return f"{PLANTED}{flaw}"


def atoms_of(prompts: Iterable[Prompt]) -> tuple[str, ...]:
    """Atoms of prompts: cluster, attack family, and each goal's own hash.

    The own hash counts because a cluster's id is that of its least member, which another run may not have among its prompts.
    """
    found: set[str] = set()
    for prompt in prompts:
        found.add(cluster(content_hash(normalise(prompt.goal or prompt.text))))
        if prompt.cluster:
            found.add(cluster(prompt.cluster))
        if prompt.family != DIRECT:
            found.update(families(prompt.family))
    return tuple(sorted(found))


def measured_on(instrument: Instrument, prompts: Iterable[Prompt]) -> Instrument:
    """The instrument of one measurement: the judge together with the prompts that it is read on; the id stays the judge's."""
    return instrument.model_copy(update={"made_of": tuple(sorted({*instrument.made_of, *atoms_of(prompts)}))})


def look(ledger: Ledger, model: Lineage, what: str, seen: str) -> int:
    """Count a look at these results (`seen`, an id) of this model on an open set; returns how many of those there are now."""
    return ledger.look(model.weights, what, seen)


def looks(ledger: Ledger, model: Lineage) -> int:
    """Looks that count as selection for this model: those at its ancestors' open results and its own."""
    return ledger.looks([one.weights for one in ancestry(model, ledger.lookup)])
