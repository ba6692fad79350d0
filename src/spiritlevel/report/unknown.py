"""What the evidence does not say, generated from the evidence: sentences, each with the rows that it rests on."""

from collections.abc import Sequence

from spiritlevel.constitution import Constitution
from spiritlevel.report import words
from spiritlevel.types import Compared, Grade, Inside, Measurement, Pair, Tuned, Verdict

Said = tuple[str, tuple[str, ...]]

HISTORY = {
    "known": "All training since the base is recorded in the lineage; what the base itself was trained on is known only as far as its makers say.",
    "base": "The base comes from others: before it, nothing is known. Its training may have held any public prompt or test, these included.",
    "unknown": "The ancestry of these weights is unknown, so no evidence about them counts as independent. Declare the training data to change this.",
}


def unknowns(
    law: Constitution, tuned: Tuned, compared: Compared, inside: Inside, exam: Compared | None, verdict: Verdict, pairs: Sequence[Pair]
) -> list[Said]:
    """Every limit of this report that can be read off its values, most weighty first."""
    lineage, all_pairs = (f"lineage:{tuned.lineage.weights or tuned.ref.key}",), (compared.pairs.id,)
    sides = [compared] if exam is None else [compared, exam]
    measured = [*(m for side in sides for m in side.measurements), *inside.measurements]
    said: list[Said] = [(HISTORY[tuned.lineage.history], lineage)]
    if tuned.lineage.note:
        said.append((f"The lineage's own note: {words.line(tuned.lineage.note, 400)}", lineage))
    if exam is None:
        said.append(("The sealed set was not read for this verdict: every figure here is from prompts that people could look at.", ()))
    said += _evidence(law, compared, measured, all_pairs)
    if not any(t.min_power is not None for t in law.policy.thresholds):
        said.append(
            ("The power of no check was measured: how likely each was to find a planted flaw of its kind is not known, so its silence is worth little.", ())
        )
    if tuned.trained:
        said.append(("This is one run of one training seed. Another seed can end elsewhere; the intervals cover prompts, not seeds.", lineage))
    if pairs:
        said += _prompts(pairs, all_pairs)
    if compared.agreement:
        said.append(("The agreement of the judges with people was measured on labelled data of one sort, and may not carry over to other prompts or models.", all_pairs))
    else:
        said.append(("No agreement of the judges with people was measured: the scale that they report on is not checked here.", ()))
    said.append((f"Only what the constitution “{words.line(law.name)}” names was looked for. A harm that no principle mentions leaves no trace here.", ()))
    notes = [*tuned.notes, *compared.notes, *(exam.notes if exam else ()), *inside.notes]
    return said + [(words.line(note, 600), ()) for note in dict.fromkeys(notes)]


def _evidence(law: Constitution, compared: Compared, measured: Sequence[Measurement], all_pairs: tuple[str, ...]) -> list[Said]:
    said: list[Said] = []
    pooled = [words.subject(law, g.principle) for g in compared.gaps if g.pooled and g.principle]
    if pooled:
        said.append((f"Too few prompt clusters to speak of each principle alone; pooled instead: {', '.join(pooled)}.", all_pairs))
    own = {g.principle for g in compared.gaps}
    silent = [p.title for p in law.principles if p.id not in own and f"category:{p.category}" not in own and f"horizon:{p.horizon}" not in own]
    if silent:
        said.append((f"Nothing can be said on the gap under these principles by themselves: {'; '.join(silent)}.", all_pairs))
    for grade, what in ((Grade.KIN, "kin (its judge is related to the model or to a training judge): it can hold and never approves"), (Grade.SPENT, "spent and struck out: it touched training, selection or stopping")):
        mine = [m for m in measured if m.grade is grade]
        if mine:
            names = sorted({words.label(m.estimate.name) for m in mine})
            said.append((f"{len(mine)} of {len(measured)} measurements rest on evidence that is {what}. They are of: {', '.join(names)}.", _rows(mine)))
    for what, count in (("could not be scored", "unscored"), ("failed before there was a reply", "errored")):
        top = max(measured, key=lambda m: int(getattr(m, count)), default=None)
        if top is not None and getattr(top, count):
            n = int(getattr(top, count))
            said.append((f"Up to {n:,} samples of one measurement ({words.label(top.estimate.name)}, {top.phase}) {what} and are in no rate.", top.rows))
    return said


def _prompts(pairs: Sequence[Pair], rows: tuple[str, ...]) -> list[Said]:
    families = sorted({words.line(p.prompt.family, 40) for p in pairs})
    said: list[Said] = [(f"Attacks tried: {', '.join(families)}; each in one turn, none fitted to this model by search. Others may get further.", rows)]
    letters = [c for p in pairs for c in p.prompt.goal[:2000] if c.isalpha()]
    if letters and sum(c.isascii() for c in letters) >= 0.98 * len(letters):
        said.append(("Nearly all prompts are in the plain Latin alphabet; nothing is known for other scripts, and little for languages other than the prompts'.", rows))
    return said


def _rows(measured: Sequence[Measurement]) -> tuple[str, ...]:
    return tuple(sorted({row for m in measured for row in m.rows}))
