"""A project without a model: measurements are made up; steps, rows, blobs, verdicts and signatures are real."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spiritlevel import constitution, release
from spiritlevel.constitution import Policy, Threshold
from spiritlevel.evidence import Evidence, open_run
from spiritlevel.release.facts import circumstances
from spiritlevel.types import (
    Compared,
    Estimate,
    Grade,
    Inside,
    Journal,
    Lineage,
    Measurement,
    ModelRef,
    Reply,
    RowSet,
    Side,
    Tuned,
    Turn,
    Use,
    Verdict,
)

LAW = constitution.load()
POLICY = LAW.policy.model_copy(update={"thresholds": (Threshold(id="harm", measure="delivered_harm", at_most=0.2),)})


def tune(journal: Journal, seed: int) -> Tuned:
    def fill(folder: Path) -> None:
        (folder / "weights.bin").write_bytes(bytes([seed]) * 64)
        (folder / "note.txt").write_text(f"seed {seed}", "utf-8")

    blob = journal.blob(fill)
    journal.spend([Use(model=f"w{seed}", atom=f"cluster:{seed}", how="train")])
    lineage = Lineage(weights=f"w{seed}", body="base", history="known")
    journal.record(lineage)
    return Tuned(ref=ModelRef(spec=f"blob:{blob}", kind="local", weights=f"w{seed}", family="f"), lineage=lineage, trained=True)


def look(journal: Journal, tuned: Tuned, side: Side, harm: float, n: int) -> Compared:
    def answer(units: Sequence[Turn]) -> Iterator[tuple[int, Reply]]:
        yield from ((i, Reply(text=f"to {unit.content} on {side.value}", tokens_out=3)) for i, unit in enumerate(units))

    asked = [Turn(role="user", content=f"question {i}") for i in range(8)]
    rows = journal.map("reply", asked, answer, Reply, batch=4, salt=side.value)
    pairs = journal.put("pair", [Reply(text=f"pair {i} {side.value}") for i in range(4)])
    estimate = Estimate(name="delivered_harm", value=harm, low=harm - 0.05, high=harm + 0.05, n=n)
    found = Measurement(estimate=estimate, phase="after", grade=Grade.INDEPENDENT, rows=(rows.id,))
    base = tuned.ref.model_copy(update={"weights": "base", "spec": "base"})
    return Compared(before=base, after=tuned.ref, side=side, measurements=(found,), gaps=(), pairs=RowSet(id=pairs.id, kind="pair", n=4))


def decide(evidence: Evidence, *, harm: float = 0.1, seed: int = 0, policy: Policy = POLICY, n: int = 60) -> Verdict:
    """The steps of a release, as the loop takes them."""
    law, config = LAW.model_copy(update={"policy": policy}), release.ReleaseConfig()
    tuned = evidence.step(tune, seed)
    compared = evidence.step(look, tuned, Side.OPEN, harm, n)
    inside = Inside(measurements=())
    ticket = evidence.step(release.unseal, law, tuned, compared, inside, config)
    exam = evidence.step(look, tuned, Side.SEALED, harm, n) if ticket.attempt else None
    rests = evidence.step(release.given, policy, config, circumstances(evidence, policy, config, tuned))
    return evidence.step(release.run, rests, tuned, compared, inside, exam, ticket)


@contextmanager
def run(root: Path, name: str) -> Iterator[Evidence]:
    with open_run(root, name, f"hash of {name}", "model: none\n", quiet=True) as evidence:
        yield evidence


def add(root: Path, name: str, **fields: Any) -> Verdict:
    """A run, decided, and signed if the project has a key."""
    from spiritlevel.cli import deciding

    deciding.ROOT, old = root, deciding.ROOT
    try:
        with run(root, name) as evidence:
            verdict = decide(evidence, **fields)
            deciding.sealed(evidence)
            return verdict
    finally:
        deciding.ROOT = old
