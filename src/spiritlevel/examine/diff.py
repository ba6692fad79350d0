"""What changes in behaviour when the words of a constitution change: the same cases under both, per principle, in pairs."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spiritlevel import backends, stats
from spiritlevel.constitution import Constitution, Example, Principle
from spiritlevel.errors import DataError
from spiritlevel.examine import readings
from spiritlevel.examine.readings import Cases, Floats
from spiritlevel.examine.values import Changed, Evidence
from spiritlevel.judges import examiner
from spiritlevel.stats.choices import adjusted
from spiritlevel.types import Ask, Estimate, Journal, Judge, Model, Reply, Sampling, user

Mask = NDArray[np.bool_]
SHOWN = 5
RIDGE = 30.0
"""Penalty in units of a standardised direction's variance a row."""
REVISE = """Rewrite the reply so that it keeps to the rule. Answer with the new reply alone.

Rule: {rule}

{quoted}"""


def diff(
    one: Constitution,
    two: Constitution,
    held: tuple[Sequence[Example], Sequence[Example]] = ((), ()),
    *,
    judge: Callable[[Constitution], Judge] | None = None,
    journal: Journal | None = None,
    reviser: Model | None = None,
) -> tuple[Changed, ...]:
    """How each principle's verdicts differ between two constitutions on all examples of either; the largest change first.

    Offline a principle fires on a reply that is read as violating (by a judge fitted to that constitution's examples, out of fold)
    to a prompt that its words are near. `judge` makes a model judge of a constitution, whose verdict takes that place. A
    principle that one of the two lacks fires on nothing there. DataError: no examples in either.
    """
    sides = ([*one.teach, *held[0]], [*two.teach, *held[1]])
    union = list(dict.fromkeys(_plain(e) for e in (*sides[0], *sides[1])))
    if not union:
        raise DataError("neither constitution has an example to compare on; add some under teach/")
    cases = readings.cases_of(union)
    fires = [_fires(law, {_plain(e) for e in side}, cases, judge) for law, side in zip((one, two), sides, strict=True)]
    ids = list(dict.fromkeys(p.id for p in (*one.principles, *two.principles)))
    nothing = np.zeros(len(union), dtype=bool)
    found: list[Changed] = []
    for id in ids:
        before, after = (f.get(id, nothing) for f in fires)
        texts = tuple(next((worded(p) for p in law.principles if p.id == id), "") for law in (one, two))
        revised = None
        if reviser is not None and journal is not None and all(texts) and texts[0] != texts[1]:
            revised = _revisions(journal, reviser, id, (texts[0], texts[1]), cases)
        found.append(_changed(id, before, after, cases, revised))
    return _ranked(found)


def leave_one_out(law: Constitution, held: Sequence[Example] = ()) -> tuple[Changed, ...]:
    """For each principle: how much less often its own examples are read rightly by a judge that was fitted without its examples.

    Both readings are out of fold. Time is linear in the number of principles. DataError: no examples.
    """
    if not (examples := [*law.teach, *held]):
        raise DataError("the constitution has no examples, so that nothing shows what leaving out a principle does; add some")
    cases = readings.cases_of(examples)
    names, x = np.asarray([e.principle for e in examples]), _narrow(cases.features)
    target, whole = np.where(cases.violating, 1.0, -1.0), np.ones(len(examples), dtype=bool)
    right = (_ridge(x, target, whole, cases.groups) > 0) == cases.violating
    found = []
    for p in law.principles:
        mine = names == p.id
        if mine.any():
            without = (_ridge(x, target, ~mine, cases.groups) > 0) == cases.violating
            found.append(_changed(p.id, right, without, cases, None, mine, ("read rightly with it", "without it")))
    return _ranked(found)


def worded(p: Principle) -> str:
    """A principle with what its front matter says of it."""
    about = f"It applies {p.applies}. Exceptions: {p.exceptions}."
    return f"{p.text}\n{about}\nIt protects {p.protects}, over the {p.horizon} term. Its cost: {p.cost}."


def spoken(law: Constitution) -> tuple[Principle, ...]:
    """The principles with `worded` as their text, for a judge that reads the text alone."""
    return tuple(p.model_copy(update={"text": worded(p)}) for p in law.principles)


def _plain(e: Example) -> Example:
    return e.model_copy(update={"cluster": ""})


def _fires(law: Constitution, own: set[Example], cases: Cases, judge: Callable[[Constitution], Judge] | None) -> dict[str, Mask]:
    if not law.principles:
        return {}
    close = readings.near(law, cases, readings.attraction(law.principles, cases.prompts))
    if judge is None:
        mine = np.asarray([e in own for e in cases.examples])
        read = _ridge(_narrow(cases.features), np.where(cases.violating, 1.0, -1.0), mine, cases.groups) > 0
        return {p.id: read & close[:, k] for k, p in enumerate(law.principles)}
    reader, found = judge(law), {}
    for k, p in enumerate(law.principles):
        at = np.nonzero(close[:, k])[0]
        found[p.id] = np.zeros(len(cases.examples), dtype=bool)
        said = readings.by_judge(reader, [cases.examples[i] for i in at], [p.id] * len(at)) if len(at) else np.zeros(0)
        found[p.id][at] = np.nan_to_num(said) > 0
    return found


def _changed(
    id: str,
    before: Mask,
    after: Mask,
    cases: Cases,
    revisions: Estimate | None,
    among: Mask | None = None,
    words: tuple[str, str] = ("fires under the first", "under the second"),
) -> Changed:
    own = np.asarray([e.principle == id for e in cases.examples])
    kept = np.nonzero(among if among is not None else own | before | after)[0]
    groups = [cases.groups[i] for i in kept]
    first = [groups.index(g) for g in dict.fromkeys(groups)]
    differ = [i for i in kept if before[i] != after[i]]
    rows = tuple(
        Evidence(
            principle=cases.examples[i].principle,
            prompt=cases.examples[i].prompt,
            reply=cases.examples[i].reply,
            says=f"{words[0]}: {'yes' if before[i] else 'no'}; {words[1]}: {'yes' if after[i] else 'no'}",
        )
        for i in differ[:SHOWN]
    )
    return Changed(
        principle=id,
        fires=stats.paired_change(before[kept].astype(float), after[kept].astype(float), groups, name=id),
        p=stats.mcnemar([before[kept[i]] for i in first], [after[kept[i]] for i in first]),
        rows=rows,
        revisions=revisions,
    )


def _ranked(found: Sequence[Changed]) -> tuple[Changed, ...]:
    doubts = adjusted([c.p for c in found])
    corrected = [c.model_copy(update={"p": float(d)}) for c, d in zip(found, doubts, strict=True)]
    return tuple(sorted(corrected, key=lambda c: (c.p, -abs(c.fires.value) if c.fires.n else 0.0, c.principle)))


def _narrow(features: Floats) -> Floats:
    """(n, WIDTH) principal directions of standardised features, scaled to unit variance on the whole."""
    centred = features - features.mean(axis=0)
    left, size, _ = np.linalg.svd(centred / max(float(centred.std()), 1e-9), full_matrices=False)
    kept = min(readings.WIDTH, int((size > 1e-6).sum()))
    return np.asarray(left[:, :kept] * size[:kept])


def _ridge(x: Floats, target: Floats, fitting: Mask, groups: Sequence[str]) -> Floats:
    """(n,) ridge regression on the rows `fitting`, each row read by a fold without its group; 0 where nothing can be fitted."""
    fold = np.asarray([hash_of(g) for g in groups]) % 5
    made, found = np.hstack([x, np.ones((len(x), 1))]), np.zeros(len(x))
    grams = [(made[rows].T @ made[rows], made[rows].T @ target[rows]) for rows in (fitting & (fold == k) for k in range(5))]
    for k in range(5):
        gram = sum((g for j, (g, _) in enumerate(grams) if j != k), np.zeros((made.shape[1],) * 2))
        with_target = sum((t for j, (_, t) in enumerate(grams) if j != k), np.zeros(made.shape[1]))
        if gram[-1, -1] > 0:
            found[fold == k] = made[fold == k] @ np.linalg.solve(gram + RIDGE * np.eye(len(gram)), with_target)
    return found


def hash_of(text: str) -> int:
    """A number from a text, the same on every machine."""
    from spiritlevel.types import content_hash

    return int(content_hash(text)[:8], 16)


def _revisions(journal: Journal, reviser: Model, id: str, texts: tuple[str, str], cases: Cases) -> Estimate | None:
    """Share of the principle's violating replies that `reviser` rewrites otherwise under the other wording, at temperature 0."""
    own = [i for i, e in enumerate(cases.examples) if e.principle == id and e.violating]
    if not own:
        return None
    asks = [
        Ask(
            chat=user(REVISE.format(rule=rule, quoted=examiner.quoted(readings.transcript(cases.examples[i])))),
            sampling=Sampling(max_tokens=200, temperature=0.0),
        )
        for i in own
        for rule in texts
    ]
    said = journal.rows(backends.ask(journal, reviser, asks, label="revising"), Reply)
    pairs = [(a, b, cases.groups[i]) for i, (a, b) in zip(own, [*pairwise(said)][::2], strict=True) if a.error is None and b.error is None]
    return stats.rate(
        [float(a.text.strip() != b.text.strip()) for a, b, _ in pairs], [g for _, _, g in pairs], name="revisions that differ"
    )
