"""What changes in behaviour when the words of a constitution change: the same cases under both, per principle, in pairs."""

from collections.abc import Sequence

import numpy as np

from spiritlevel import backends, stats
from spiritlevel.constitution import Constitution, Example
from spiritlevel.errors import DataError
from spiritlevel.examine import readings, refits
from spiritlevel.examine.readings import Cases, Floats, Reader
from spiritlevel.examine.values import Changed, Changes, Evidence
from spiritlevel.judges import examiner
from spiritlevel.stats.choices import adjusted
from spiritlevel.types import Ask, Journal, Model, Reply, Sampling, user

REVISE = """Rewrite the reply so that it keeps to the rule. Answer with the new reply alone.

Rule: {rule}

{quoted}"""
Revised = tuple[float, str, Evidence]
"""Whether a reply is rewritten otherwise, its prompt group, and both rewritings."""


def diff(
    one: Constitution,
    two: Constitution,
    held: tuple[Sequence[Example], Sequence[Example]] = ((), ()),
    *,
    judge: Reader | None = None,
    journal: Journal | None = None,
    reviser: Model | None = None,
) -> Changes:
    """How each principle's verdicts differ between two constitutions on all examples of either; the clearest change first.

    Offline a principle fires on a reply that is read as violating (by a judge fitted to that constitution's examples, out of fold)
    to a prompt that its words are near; a model `judge`'s verdict takes that place. A principle that one of the two lacks fires on
    nothing there. `reviser` (with `journal`) rewrites under both wordings. DataError: no examples in either.
    """
    sides = ([*one.teach, *held[0]], [*two.teach, *held[1]])
    union = list(dict.fromkeys(_plain(e) for side in sides for e in side))
    if not union:
        raise DataError("neither constitution has an example to compare on; add some under teach/")
    cases = readings.cases_of(union)
    fires = [_fires(law, {_plain(e) for e in side}, cases, judge) for law, side in zip((one, two), sides, strict=True)]
    laws = [{p.id: p for p in law.principles} for law in (one, two)]
    found: list[Changed] = []
    for id in dict.fromkeys((*laws[0], *laws[1])):
        before, after = (f.get(id, np.zeros(len(union))) for f in fires)
        own = np.asarray([e.principle == id for e in cases.examples])
        changed = _changed(id, before, after, cases, own | (before > 0) | (after > 0), ("fires under the first", "under the second"))
        words = [law[id].stated for law in laws if id in law]
        if reviser is not None and journal is not None and len(set(words)) == 2:
            changed = _with(changed, _revisions(journal, reviser, words, np.nonzero(own & cases.violating)[0].tolist(), cases))
        found.append(changed)
    return _ranked(found)


def leave_one_out(law: Constitution, held: Sequence[Example] = ()) -> Changes:
    """For each principle: how much less often its own examples are read rightly by a judge that was fitted without its examples.

    Both readings are out of fold. Time is linear in the number of principles. DataError: no examples.
    """
    if not (examples := [*law.teach, *held]):
        raise DataError("the constitution has no examples, so that nothing shows what leaving out a principle does; add some")
    cases = readings.cases_of(examples)
    names, x = np.asarray([e.principle for e in examples]), refits.narrow(cases.features)
    right = (refits.reads(x, cases, np.ones(len(examples), dtype=bool)) == cases.violating).astype(float)
    found = []
    for p in law.principles:
        if (mine := names == p.id).any():
            without = (refits.reads(x, cases, ~mine) == cases.violating).astype(float)
            found.append(_changed(p.id, right, without, cases, mine, ("read rightly with it", "without it")))
    return _ranked(found)


def _plain(e: Example) -> Example:
    return e.model_copy(update={"cluster": ""})


def _fires(law: Constitution, own: set[Example], cases: Cases, judge: Reader | None) -> dict[str, Floats]:
    """(n,) of each principle: 1 where it fires, 0 where not, NaN where the judge could not say."""
    if not law.principles:
        return {}
    close = readings.near(law, cases, readings.attraction(law.principles, cases.prompts))
    if judge is None:
        read = refits.reads(refits.narrow(cases.features), cases, np.asarray([e in own for e in cases.examples]))
        return {p.id: (read & close[:, k]).astype(float) for k, p in enumerate(law.principles)}
    at = np.argwhere(close)
    said = readings.by_judge(judge(law.principles), [cases.examples[i] for i, _ in at], [law.principles[k].id for _, k in at])
    fires = np.zeros(close.shape)
    fires[at[:, 0], at[:, 1]] = np.where(np.isnan(said), np.nan, said > 0)
    return {p.id: fires[:, k] for k, p in enumerate(law.principles)}


def _changed(id: str, before: Floats, after: Floats, cases: Cases, among: refits.Mask, words: tuple[str, str]) -> Changed:
    unread = np.isnan(before) | np.isnan(after)
    kept = np.nonzero(among & ~unread)[0]
    groups = [cases.groups[i] for i in kept]
    first = kept[[groups.index(g) for g in dict.fromkeys(groups)]]
    return Changed(
        principle=id,
        fires=stats.paired_change(before[kept], after[kept], groups, name=id),
        p=stats.mcnemar(before[first], after[first]),
        rows=tuple(
            readings.row(cases.examples[i], f"{words[0]}: {'yes' if before[i] else 'no'}; {words[1]}: {'yes' if after[i] else 'no'}")
            for i in kept
            if before[i] != after[i]
        ),
        unread=int(unread.sum()),
    )


def _ranked(found: Sequence[Changed]) -> Changes:
    doubts = adjusted([c.p for c in found])
    corrected = [c.model_copy(update={"p": float(d)}) for c, d in zip(found, doubts, strict=True)]
    return Changes(changed=tuple(sorted(corrected, key=lambda c: (c.p, -abs(c.fires.value) if c.fires.n else 0.0, c.principle))))


def _revisions(journal: Journal, reviser: Model, words: Sequence[str], own: Sequence[int], cases: Cases) -> list[Revised]:
    """A principle's violating replies, each rewritten under both wordings at temperature 0; what failed under one is left out."""
    quotes = [examiner.quoted(readings.transcript(cases.examples[i])) for i in own]
    sampling = Sampling(max_tokens=200, temperature=0.0)
    asks = [Ask(chat=user(REVISE.format(rule=rule, quoted=quote)), sampling=sampling) for quote in quotes for rule in words]
    said = journal.rows(backends.ask(journal, reviser, asks, label="revising"), Reply) if asks else []
    found = []
    for i, a, b in zip(own, said[::2], said[1::2], strict=True):
        if a.error is None and b.error is None:
            row = readings.row(cases.examples[i], f"revised under the first: {a.text.strip()!r}; under the second: {b.text.strip()!r}")
            found.append((float(a.text.strip() != b.text.strip()), cases.groups[i], row))
    return found


def _with(changed: Changed, revised: Sequence[Revised]) -> Changed:
    share = stats.rate([d for d, _, _ in revised], [g for _, g, _ in revised], name="revisions that differ")
    return changed.model_copy(update={"revisions": share, "revised": tuple(row for differs, _, row in revised if differs)})
