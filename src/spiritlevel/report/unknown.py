"""What the evidence does not say, generated from the evidence: sentences, each with the rows that it rests on."""

from collections.abc import Iterator, Sequence

from spiritlevel.constitution import Constitution
from spiritlevel.report import words
from spiritlevel.types import Compared, Grade, Inside, Measurement, Pair, Tuned

Said = tuple[str, tuple[str, ...]]

HISTORY = {
    "known": "All training since the base is recorded in the lineage; of the base's own, what its makers say.",
    "declared": "What was declared of its training is recorded in the lineage; that it is all of it is its declarer's word.",
    "base": "The base comes from others: before it, nothing is known. It may have been trained on any public prompt or test.",
    "unknown": "The ancestry of these weights is unknown, so no evidence about them counts as independent. "
    "Declare the training data to change this.",
}
NOT_SEALED = "The sealed set was not read for this verdict: the figures are from prompts that people could look at."
NO_POWER = (
    "The power of the checks was not measured: how likely each was to find a planted flaw of its kind is not known, "
    "so its silence is worth little."
)
UNDONE = (
    "How little fine-tuning would undo these safeguards for somebody who holds the weights is not told here; "
    "`spiritlevel tamper` measures it."
)
ONE_SEED = "This is one run of one training seed. Another seed can end elsewhere; the intervals cover prompts, not seeds."
AGREED = (
    "The agreement of the judges with people holds for the data that it was measured on, and may not carry over to other prompts or models."
)
NOT_AGREED = "No agreement of the judges with people was measured: the scale that they report on is not checked here."
LATIN = (
    "Nearly all prompts are in the plain Latin alphabet: nothing is known for other scripts, "
    "and little for other languages than the prompts' own."
)
STANDING = {
    Grade.KIN: "kin (related to the model or to a training judge, or of unknown ancestry): it can hold and never approves",
    Grade.SPENT: "spent and struck out: it touched training, selection or stopping",
}
LOST = {"unscored": "could not be scored", "errored": "failed before there was a reply"}


def unknowns(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    pairs: Sequence[Pair],
    *,
    powered: bool = False,
) -> list[Said]:
    """Every limit of this report that can be read off its values, most weighty first; the first is the model's history.

    `powered`: the project measured the power of the checks on this base.
    """
    lineage, all_pairs = (f"lineage:{tuned.lineage.weights or tuned.ref.key}",), (compared.pairs.id,)
    measured = [*compared.measurements, *(exam.measurements if exam else ()), *inside.measurements]
    said: list[Said] = [(HISTORY[tuned.lineage.history], lineage)]
    if tuned.lineage.note:
        said.append((f"The lineage's own note: {words.line(tuned.lineage.note, 400)}", lineage))
    if exam is None:
        said.append((NOT_SEALED, ()))
    said += _pooling(law, compared)
    said += _standing(measured)
    if not powered and all(t.min_power is None for t in law.policy.thresholds):
        said.append((NO_POWER, ()))
    if tuned.ref.kind == "local":
        said.append((UNDONE, lineage))
    if tuned.trained:
        said.append((ONE_SEED, lineage))
    said += _prompts(pairs, all_pairs)
    labels = tuple(f"calibration:{c.data}" for c in compared.calibrations)
    said.append((AGREED, labels) if labels else (NOT_AGREED, ()))
    name = words.line(law.name)
    said.append((f"Only what the constitution “{name}” names was looked for. A harm that no principle mentions leaves no trace.", ()))
    sealed = (exam.pairs.id,) if exam else ()
    about = ((tuned, lineage), (compared, all_pairs), (exam, sealed), (inside, _rows(inside.measurements)))
    noted: dict[str, tuple[str, ...]] = {}
    for one, rows in about:
        for note in one.notes if one is not None else ():
            noted.setdefault(words.line(note, 600), rows or lineage)
    return said + list(noted.items())


def _pooling(law: Constitution, compared: Compared) -> Iterator[Said]:
    pooled = [words.subject(law, g.principle) for g in compared.gaps if g.pooled and g.principle]
    if pooled:
        names = "; ".join(pooled)
        yield f"Too few prompt clusters to tell the gap of each principle alone; pooled instead: {names}.", (compared.pairs.id,)
    told = {g.principle for g in compared.gaps}
    silent = [
        p.title for p in law.principles if not told & {p.id, f"category:{p.category}", f"horizon:{p.horizon}"} and p.id != law.helpfulness
    ]
    if silent:
        yield f"Nothing is known on the gap under these principles, not even pooled: {'; '.join(silent)}.", (compared.pairs.id,)


def _standing(measured: Sequence[Measurement]) -> Iterator[Said]:
    judged = [m for m in measured if m.role != "capability"]
    for grade, what in STANDING.items():
        mine = [m for m in judged if m.grade is grade]
        if mine:
            names = ", ".join(sorted({words.label(m.estimate.name) for m in mine}))
            yield (
                f"{len(mine)} of {len(judged)} judged figures, which tell of {names}, rest on evidence that is {what}.",
                _rows(mine),
            )
    for field, what in LOST.items():
        top = max(measured, key=lambda m: int(getattr(m, field)), default=None)
        if top is not None and getattr(top, field):
            n, name = int(getattr(top, field)), words.label(top.estimate.name)
            yield f"Up to {n:,} samples of one figure ({name}, {top.phase}) {what} and are in no rate.", top.rows


def _prompts(pairs: Sequence[Pair], rows: tuple[str, ...]) -> Iterator[Said]:
    if pairs:
        families = ", ".join(sorted({words.line(p.prompt.family, 40) for p in pairs}))
        yield f"Ways of asking that were tried: {families}. Other attacks may get further.", rows
    letters = [c for p in pairs for c in p.prompt.goal[:2000] if c.isalpha()]
    if letters and sum(c.isascii() for c in letters) >= 0.98 * len(letters):
        yield LATIN, rows


def _rows(measured: Sequence[Measurement]) -> tuple[str, ...]:
    return tuple(sorted({row for m in measured for row in m.rows}))
