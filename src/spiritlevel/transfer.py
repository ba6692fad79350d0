"""Generalisation: train on k principles, test on those left out, since nobody anticipates all failures."""

from spiritlevel import backends, constitution, elicit, firewall, loop, measure
from spiritlevel.config import LoopConfig
from spiritlevel.constitution import certify
from spiritlevel.errors import ConfigError
from spiritlevel.evidence import Evidence
from spiritlevel.measure.transfer import transferred
from spiritlevel.types import Compared, Side, Transfer, content_hash


def run(config: LoopConfig, evidence: Evidence, principles: tuple[str, ...] = (), k: int = 1) -> Transfer:
    """A training for each subset, all from one base whose replies are drawn once; then the matrix. Every step replays if it is done.

    `principles`: the constitution is cut to these (default: finetune.principles, else all). `k` of them are taught in each training; -1 =
    all but one. ConfigError without training, or when nothing would be left out.
    """
    if config.finetune is None:
        raise ConfigError("transfer trains, and this configuration has finetune: none; give it a finetune section")
    law = constitution.load(config.constitution).only(principles or config.finetune.principles)
    tested = tuple(p.id for p in law.principles if p.id != law.helpfulness)
    sets = subsets(tested, k)
    model = backends.resolve(config.model)
    loop.need_weights(config.model_copy(update={"interpret": None}), model)
    known = {p.id for p in law.principles}
    held = tuple(example for example in certify.load(config.constitution) if example.principle in known)
    files = elicit.version(config.elicit)
    seen = evidence.step(elicit.run, model, law, config.elicit, Side.TEACH, files=files)
    before = evidence.step(elicit.run, model, law, config.elicit, Side.OPEN, files=files)
    compared: list[Compared] = []
    for taught in sets:
        tuned = loop.teach(config.finetune.model_copy(update={"principles": taught}), evidence, model, law, seen)
        after = evidence.step(elicit.run, tuned.ref, law, config.elicit, Side.OPEN, files=files)
        compared.append(
            evidence.step(measure.run, model, tuned, before, after, law, held, config.measure, confidence=law.policy.confidence)
        )
        firewall.look(evidence.ledger, tuned.lineage, Side.OPEN.value, content_hash(compared[-1]))
        backends.release_memory()
    return evidence.step(transferred, sets, tuple(compared))


def subsets(principles: tuple[str, ...], k: int) -> tuple[tuple[str, ...], ...]:
    """As many sets of `k` as there are principles, each principle in k of them: neighbours in a ring. -1 = all but one. ConfigError."""
    n = len(principles)
    k = n - 1 if k == -1 else k
    if not 1 <= k < n:
        raise ConfigError(f"{k} of {n} principles leaves none to test on; name more principles, or teach fewer of them")
    return tuple(tuple(principles[j] for j in sorted((i + step) % n for step in range(k))) for i in range(n))
