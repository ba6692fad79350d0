"""From preferences to principles: what people preferred and the constitution does not predict, put into words that a person may accept.

After inverse constitutional AI (Findeis et al. 2024, section 3): generate, cluster, test. Fitting and testing prompts are apart.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel import firewall, stats
from spiritlevel.constitution import Constitution
from spiritlevel.errors import DataError
from spiritlevel.examine import readings, refits, words
from spiritlevel.examine.readings import Floats
from spiritlevel.examine.values import CAMPAIGN, Evidence, Proposal, Proposals
from spiritlevel.stats.choices import adjusted, conditional_logit
from spiritlevel.types import Estimate, Journal, ModelRef, Preference, content_hash

LEAST = 20
"""Fewest prompts with a preference: half of them test."""
FEW = 3
"""Fewest prompt groups that a proposal rests on."""
NEAR = 0.35
"""Cosine to a cluster's centre from which a proposal is about a request."""
DIRECTIONS, RIDGE = 32, 10.0
"""Principal directions of how replies differ, and the penalty: chosen on a part of HH-harmless that the benchmark leaves out."""
EDIT = 0.45
"""Cosine of a proposal's requests to a principle's words from which it reads as an edit of that principle."""


class Told:
    """Preferences as they are read; all arrays are aligned with `rows`."""

    def __init__(self, law: Constitution, rows: Sequence[Preference]) -> None:
        self.rows = tuple(rows)
        self.asked_for = tuple(words.request(p) for p in rows)
        groups = firewall.clusters(self.asked_for, [p.cluster or asked for p, asked in zip(rows, self.asked_for, strict=True)])
        if (n := len(set(groups))) < LEAST:
            raise DataError(f"proposals need preferences on at least {LEAST} different prompts, got {n}; gather more")
        self.groups = np.asarray(groups)
        people = np.asarray([p.by != CAMPAIGN for p in rows])
        held = np.asarray([refits.fold_of(g, 2) == 0 for g in groups])
        self.test = held & people if people.any() else held
        self.mining = ~held
        self.asked, self.apart, self.margin = _read(law, rows, self.asked_for)
        self.learnt = _learnt(self)


def propose(
    law: Constitution,
    preferences: Sequence[Preference],
    *,
    journal: Journal | None = None,
    model: ModelRef | None = None,
    most: int = 5,
    seed: int = 0,
) -> Proposals:
    """Up to `most` principles mined from the preferences that `law` mispredicts, each tested on prompts that were not mined.

    The constitution predicts the reply that a judge fitted to its teach half finds less violating. A proposal predicts instead, for
    any request or those near what it was mined from, what was preferred among the prompts that were mined. One that would not help
    there, or that changes nothing elsewhere, is dropped. `model` (with `journal`) puts each into words and is tested on them.
    DataError: too few preferences.
    """
    told = Told(law, preferences)
    wrong = np.nonzero(told.mining & (told.margin <= 0))[0]
    found: list[Proposal] = []
    anywhere = np.zeros(len(told.rows), dtype=bool)
    for part in _clusters(told.asked[wrong], told.apart[wrong], most - 1, seed):
        mined = wrong[part]
        if len(set(told.groups[mined])) < FEW:
            continue
        general = len(part) == len(wrong)
        about = np.ones(len(told.rows), dtype=bool) if general else told.asked @ _unit(told.asked[mined].mean(axis=0)) >= NEAR
        before, after = _right(told.margin), _right(np.where(about, told.learnt, told.margin))
        if after[told.mining].mean() <= before[told.mining].mean() or not (after != before)[told.test].any():
            continue
        anywhere |= about
        found.append(_proposal(law, told, mined, about, "any request" if general else "", journal, model))
    doubts = adjusted([p.p for p in found])
    corrected = [p.model_copy(update={"p": float(d)}) for p, d in zip(found, doubts, strict=True)]
    now, together, change, _ = _tested(told, anywhere)
    return Proposals(
        proposals=tuple(sorted(corrected, key=lambda p: (p.p, -p.change.value, p.id))), now=now, together=together, change=change,
        mined=len(set(told.groups[told.mining])),
    )  # fmt: skip


def _right(margin: Floats) -> Floats:
    """1 where what was preferred is predicted, 0 where the other is, one half where neither is."""
    return np.asarray((np.sign(margin) + 1) / 2)


def _learnt(told: Told) -> Floats:
    """(n,) margins by what was preferred in the mined pairs: a logistic regression on how replies differ, with the constitution's word.

    Every mined pair counts, not only what is mispredicted: a direction that mends those alone breaks as many others.
    """
    rows = np.nonzero(told.mining)[0]
    _, size, way = np.linalg.svd(told.apart[rows], full_matrices=False)
    kept = min(DIRECTIONS, len(rows) // 4)
    along = told.apart @ way[:kept].T * (len(rows) ** 0.5 / max(float(size[0]), 1e-9))
    wide = float(np.median(np.abs(told.margin))) or 1.0
    x = np.column_stack([told.margin / wide, along])
    return np.asarray(x @ conditional_logit(np.ones(len(rows)), x[rows], told.groups[rows].tolist(), RIDGE).value)


def _tested(told: Told, about: refits.Mask) -> tuple[Estimate, Estimate, Estimate, float]:
    """Accuracy on the test prompts without and with what was learnt `about` some, the paired change, McNemar's p by prompt group."""
    now, then = (_right(m)[told.test] for m in (told.margin, np.where(about, told.learnt, told.margin)))
    held = list(told.groups[told.test])
    first = np.unique(held, return_index=True)[1]
    return (
        stats.rate(now, held, name="accuracy now"),
        stats.rate(then, held, name="accuracy then"),
        stats.paired_change(now, then, held, name="change"),
        stats.mcnemar(now[first] > then[first], then[first] > now[first]),
    )


def _read(law: Constitution, preferences: Sequence[Preference], asked_for: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """(n, 384) requests, (n, 384) chosen less rejected, (n,) by how much the constitution's judge prefers the chosen one (0: no judge)."""
    from spiritlevel.judges import embedding, heads

    pairs = [(asked, side) for p, asked in zip(preferences, asked_for, strict=True) for side in (p.chosen, p.rejected)]
    made = np.asarray(embedding.features(pairs), dtype=float)
    width = made.shape[1] // 3
    asked, said = made[::2, :width], made[:, width : 2 * width]
    cases = readings.cases_of(law.teach)
    if len(set(cases.violating)) < 2:
        return asked, said[::2] - said[1::2], np.zeros(len(preferences))
    harmful = np.ones(len(asked), dtype=bool)
    if len(set(cases.harmful)) == 2:
        mean, scale = heads.moments(cases.prompts)
        ones = np.ones(len(cases.examples))
        which, bias = heads.logistic(heads.standardised(cases.prompts, mean, scale), cases.harmful, ones, readings.STRENGTH)
        harmful = heads.standardised(asked, mean, scale) @ which + bias > 0
    mean, scale = heads.moments(cases.features)
    weight = readings.weights_of(cases)
    coef, _ = heads.logistic(heads.standardised(cases.features, mean, scale), cases.violating, weight, readings.STRENGTH)
    score = heads.standardised(readings.features_of(made, np.repeat(harmful, 2)), mean, scale) @ coef
    return asked, said[::2] - said[1::2], np.asarray(score[1::2] - score[::2])


def _clusters(asked: Floats, apart: Floats, most: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows of what was mispredicted: all of it, and up to `most` parts by subject and by what was preferred."""
    if len(asked) < FEW:
        return []
    from sklearn.cluster import KMeans

    whole = [np.arange(len(asked))]
    if (k := min(most, len(asked) // 4)) < 2:
        return whole
    labels = KMeans(n_clusters=k, n_init=4, random_state=seed).fit_predict(np.concatenate([asked, apart], axis=1))
    return [*whole, *(np.nonzero(labels == i)[0] for i in range(k))]


def _unit(x: Floats) -> Floats:
    return np.asarray(x / max(float(np.linalg.norm(x)), 1e-9))


def _proposal(
    law: Constitution,
    told: Told,
    mined: NDArray[np.int64],
    about: refits.Mask,
    subject: str,
    journal: Journal | None,
    model: ModelRef | None,
) -> Proposal:
    some = [told.rows[i] for i in mined]
    title, text, rests = words.template(some, told.asked_for, subject)
    share = None
    if journal is not None and model is not None and (written := words.written(journal, model, some)) is not None:
        title, text = written
        near = [int(i) for i in np.nonzero(told.test & about)[0]]
        share = words.predicts(journal, model, law, title, text, [told.rows[i] for i in near], [str(told.groups[i]) for i in near])
    _, then, change, p = _tested(told, about)
    cosine = readings.attraction(law.principles, _unit(told.asked[mined].mean(axis=0))[None, :])
    mean = np.mean([c[0] for c in cosine.values()], axis=0)
    nearest = int(np.argmax(mean))
    edits = law.principles[nearest].id if mean[nearest] >= EDIT and not subject else ""
    before, after = _right(told.margin), _right(np.where(about, told.learnt, told.margin))
    rows = tuple(
        Evidence(
            principle=told.rows[i].principle,
            prompt=told.asked_for[i],
            reply=told.rows[i].chosen,
            says="was preferred; " + ("predicted with the proposal" if after[i] > before[i] else "no longer predicted with it"),
        )
        for i in np.nonzero(told.test & (before != after))[0]
    )
    return Proposal(
        id=content_hash(title, text, *(p.chosen for p in some))[:12], title=title, text=text, rests_on=rests,
        edits=edits, then=then, change=change, p=p, cases=rows, words=share,
    )  # fmt: skip
