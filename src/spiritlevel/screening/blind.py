"""Blind: names that tell nothing, alarms before labels, and a chain of hashes that shows the order afterwards."""

from collections.abc import Sequence

from spiritlevel.errors import EvidenceError
from spiritlevel.types import Alarm, Alarms, Envelope, Journal, Label, Planted, Rules, Screened, content_hash


def seal(journal: Journal, rules: Rules, copies: tuple[Planted, ...]) -> Envelope:
    """Give each copy an opaque name, shuffle by name, and seal its label. It guards against a slip, not against a forger."""
    labelled = sorted(((_label(rules, copy), copy) for copy in copies), key=lambda pair: pair[0].name)
    made = Envelope(
        names=tuple(label.name for label, _ in labelled),
        refs=tuple(copy.ref for _, copy in labelled),
        seals=tuple(content_hash(label) for label, _ in labelled),
    )
    journal.put("envelope", [made])
    return made


def sound(journal: Journal, rules: Rules, envelope: Envelope, screened: tuple[Screened, ...]) -> Alarms:
    """Every rule on every name. This step is given rules, names and readings, and no label: its key proves it."""
    if len({label.check for label in rules.rules}) != len(rules.rules) or any(rule.threshold is None for rule in rules.rules):
        raise EvidenceError("alarms need one rule a check, each with a threshold; run the whole of audit-power")
    found = []
    for name, ref, one in zip(envelope.names, envelope.refs, screened, strict=True):
        if one.ref.key != ref.key:
            raise EvidenceError(f"the readings for {name!r} are of other weights; start again with --fresh")
        for rule, (check, reading) in zip(rules.rules, one.readings, strict=True):
            over = reading > (rule.threshold or 0.0)  # NaN is no alarm: it shows nothing
            found.append(Alarm(name=name, check=check, reading=reading, threshold=rule.threshold or 0.0, raised=over))
    made = Alarms(id="", rules=rules.id, envelope=content_hash(envelope), alarms=tuple(found))
    made = made.model_copy(update={"id": content_hash(made)})
    journal.put("alarms", [made])
    return made


def opened(alarms: Alarms, envelope: Envelope, rules: Rules, copies: Sequence[Planted]) -> tuple[Label, ...]:
    """The labels, in the envelope's order. EvidenceError when anything in the chain was changed after it was written."""
    labels = {label.name: label for label in (_label(rules, copy) for copy in copies)}
    found = tuple(labels[name] for name in envelope.names if name in labels)
    verify(alarms, envelope, rules, found)
    return found


def verify(alarms: Alarms, envelope: Envelope, rules: Rules, labels: Sequence[Label]) -> None:
    """EvidenceError unless labels fit their seals, and the alarms are of this envelope under these rules, unchanged."""
    whole = (
        content_hash(rules.model_copy(update={"id": ""})) == rules.id == alarms.rules,
        content_hash(envelope) == alarms.envelope,
        content_hash(alarms.model_copy(update={"id": ""})) == alarms.id,
        tuple(map(content_hash, labels)) == envelope.seals,
    )
    if not all(whole):
        what = ("the rules are", "the envelope is", "the alarms are", "a label is")[whole.index(False)]
        raise EvidenceError(f"{what} not what was written before the labels were opened; start again with --fresh")


def _label(rules: Rules, copy: Planted) -> Label:
    what = (copy.flaw, copy.clean, copy.strength, copy.seed)
    salt = content_hash("salt", rules.id, copy.ref.key, *what)
    return Label(name=content_hash("name", salt)[:8], salt=salt, flaw=copy.flaw, clean=copy.clean, strength=copy.strength, seed=copy.seed)
