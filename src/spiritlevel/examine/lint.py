"""Faults of behaviour in a constitution, each with the rows that show it. `check` is form; this is what judges make of it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.constitution import Constitution, Example
from spiritlevel.errors import DataError
from spiritlevel.examine import readings
from spiritlevel.examine.readings import Cases, Floats
from spiritlevel.examine.values import Evidence, Finding, Lint
from spiritlevel.stats.choices import adjusted
from spiritlevel.types import Judge, OpenWeights

ERROR = 0.01
"""Family-wise error of the tests of each kind (Holm 1979)."""
WRONG_NAMED = 0.005
"""Chance that a named label is right, given what the judges read (local false discovery rate, Efron 2010, ch. 5): a bound for each
name, so that it holds however many examples are looked at."""
SAME = 0.75
"""Cosine of two requests from which they count as one: in the default constitution no two that want opposite replies pass 0.65."""
FEW = 5
"""Fewest prompts that show a principle silent: one that fires on every second is silent on 5 in 3 % of cases."""
SHOWN = 5


def lint(
    law: Constitution,
    held: Sequence[Example] = (),
    *,
    weights: OpenWeights | None = None,
    judge: Judge | None = None,
    paraphrases: Mapping[str, Sequence[str]] | None = None,
) -> Lint:
    """Examine a constitution by its own examples. Offline judges always read; `weights` add a probe, `judge` reads under any principle.

    `paraphrases`: other wordings, by principle id. Nothing raises for a small constitution: what cannot be examined is noted.
    """
    cases = readings.cases_of([*law.teach, *held])
    notes: list[str] = []
    found = _coverage(law, cases)
    told: dict[str, Floats] = {}
    if len(cases.examples):
        told = _readings(cases, weights, judge, notes)
        cosine = readings.attraction(law.principles, cases.prompts, paraphrases)
        apart, disputed = _apart(law, cases, judge, cosine)
        found += [*_labels(cases, told, disputed, notes), *_dead(law, cases, told, cosine), *apart, *_wording(law, cases, cosine, notes)]
        if judge is not None and paraphrases:
            notes.append("paraphrases were read by embedding; the model judge reads a principle in its own words")
    else:
        notes.append("there are no examples, so that only coverage was examined")
    return Lint(findings=tuple(found), judges=tuple(told), cases=len(cases.examples), notes=tuple(notes))


def _readings(cases: Cases, weights: OpenWeights | None, judge: Judge | None, notes: list[str]) -> dict[str, Floats]:
    told = {"rules": readings.by_rules(cases)}
    try:
        told["embedding"] = readings.out_of_fold(cases.features, cases)
        told["words"] = readings.by_words(cases)
        if weights is not None:
            told["probe"] = readings.by_states(weights, cases)
    except DataError as error:
        notes.append(f"no judge could be fitted apart from what it reads ({error})")
    if judge is not None:
        told[judge.identity.name] = readings.by_judge(judge, cases.examples)
        if unread := int(np.isnan(told[judge.identity.name]).sum()):
            notes.append(
                f"{judge.identity.name} could not judge {unread} of {len(cases.examples)} examples; they count for and against nothing"
            )
    return told


def pooled(told: Mapping[str, Floats], cases: Cases) -> Floats:
    """(n,) log-odds of a violation by all judges, by a logistic regression on their words; each row by folds that had not seen it."""
    z = np.nan_to_num(np.stack(list(told.values()), axis=1))
    if len(told) < 2:
        return np.asarray(z[:, 0])
    return _stacked(z, cases)


def _stacked(z: Floats, cases: Cases) -> Floats:
    from sklearn.linear_model import LogisticRegression

    from spiritlevel.judges import heads

    found = np.zeros(len(z))
    for train, test in heads.folds(cases.violating, cases.groups, 1):
        found[test] = LogisticRegression(C=10).fit(z[train], cases.violating[train]).decision_function(z[test])
    return found


def _labels(cases: Cases, told: Mapping[str, Floats], disputed: set[str], notes: list[str]) -> list[Finding]:
    """Labels that every judge is against. Both headings of a prompt swapped is one finding, on the evidence of both replies.

    Prompts on which two principles pull apart are left out: there the labels differ because the principles do.
    """
    if len(told) < 3:
        notes.append("labels were not examined: that needs three judges")
        return []
    sign = np.where(cases.violating, 1.0, -1.0)
    open_to = np.asarray([e.prompt not in disputed for e in cases.examples])
    against = open_to & np.all([np.nan_to_num(v) * sign < 0 for v in told.values()], axis=0)
    right = pooled(told, cases) * sign
    rows: dict[str, list[int]] = {}
    for i, e in enumerate(cases.examples):
        rows.setdefault(f"{e.principle}\x1f{e.prompt}", []).append(i)
    tried: list[tuple[float, tuple[int, ...]]] = [(float(right[i]), (int(i),)) for i in np.nonzero(against)[0]]
    for both in rows.values():
        if len(both) == 2 and open_to[both].all() and len({bool(cases.violating[i]) for i in both}) == 2 and (right[both] < 0).all():
            tried.append((float(right[both].sum()), tuple(both)))
    found: list[Finding] = []
    seen = set[int]()
    for score, where in sorted(tried):
        doubt = float(1 / (1 + np.exp(-score)))
        if seen.isdisjoint(where) and doubt <= WRONG_NAMED:
            seen |= {*where}
            found.append(_label(cases, where, told, doubt))
    return found


def _label(cases: Cases, where: tuple[int, ...], told: Mapping[str, Floats], doubt: float) -> Finding:
    e = cases.examples[where[0]]
    what = (
        "the judges read both replies the other way round; are the headings swapped?"
        if len(where) == 2
        else f"no judge reads the reply as {'violating' if e.violating else 'following'}; is it under the wrong heading?"
    )
    words = [", ".join(f"{name} {1 / (1 + np.exp(-v[i])):.2f}" for name, v in told.items()) for i in where]
    shown = tuple(_row(cases.examples[i], f"P(violating): {w}") for i, w in zip(where, words, strict=True))
    return Finding(fault="label", principle=e.principle, what=what, doubt=doubt, rows=shown)


def _row(e: Example, says: str) -> Evidence:
    return Evidence(principle=e.principle, prompt=e.prompt, reply=e.reply, says=says)


def _coverage(law: Constitution, cases: Cases) -> list[Finding]:
    of = {p.id: p for p in law.principles}
    with_case = {of[e.principle].category for e in cases.examples if e.principle in of}
    violated = {of[e.principle].category for e in cases.examples if e.principle in of and e.violating}
    found = []
    for name, category in law.policy.categories.items():
        mine = [p.id for p in law.principles if p.category == name]
        what = (
            "no principle is about it" if not mine else "no example shows it" if name not in with_case else "no violating example shows it"
        )
        if name not in violated:
            row = Evidence(principle=", ".join(mine), prompt="", says=f"policy.yaml: {category.title} ({category.action})")
            found.append(Finding(fault="coverage", principle=", ".join(mine), what=f"category {name!r}: {what}", doubt=0.0, rows=(row,)))
    return found


def _dead(law: Constitution, cases: Cases, told: Mapping[str, Floats], cosine: Mapping[str, Floats]) -> list[Finding]:
    """Never fires: of its own violating replies none is both read as violating and said to a prompt that its words are near."""
    read, close = pooled(told, cases) > 0, readings.near(law, cases, cosine)
    names = np.asarray([e.principle for e in cases.examples])
    found: list[Finding] = []
    for k, p in enumerate(law.principles):
        mine = np.nonzero((names == p.id) & cases.violating)[0]
        n = len({cases.groups[i] for i in mine})
        if (read & close[:, k])[mine].any() or 0 < n < FEW:
            continue
        if n:
            why = (
                "its words are near none of their prompts"
                if not close[mine, k].any()
                else "none that its words are near is read as violating"
            )
            elsewhere = int((read & cases.violating & close[:, k]).sum())
            what = f"it fires on none of its {len(mine)} violating examples: {why}; of other principles' it fires on {elsewhere}"
        else:
            what = "it has no violating example, so that nothing shows it firing"
        shown = tuple(
            _row(
                cases.examples[i], f"its words are {'near' if close[i, k] else 'far'}; the judges read {'a' if read[i] else 'no'} violation"
            )
            for i in mine[:SHOWN]
        )
        found.append(Finding(fault="dead", principle=p.id, what=what, doubt=0.5**n if n else 0.0, rows=shown))
    return found


def _apart(law: Constitution, cases: Cases, judge: Judge | None, cosine: Mapping[str, Floats]) -> tuple[list[Finding], set[str]]:
    """Pairs that want opposite replies to one prompt, by their own examples or by `judge` under both; and all such prompts."""
    prompts, wants, at = _wanted(cases)
    seen: dict[tuple[str, str], list[Evidence]] = {}
    disputed: set[str] = set()
    if len(at):
        vectors = cases.prompts[at]
        for start in range(0, len(at), 1000):
            close = vectors[start : start + 1000] @ vectors.T
            for i, j in zip(*np.nonzero(close >= SAME), strict=True):
                a, b = int(i) + start, int(j)
                (one, asked), (two, also) = prompts[a], prompts[b]
                if a < b and one != two and wants[a] * wants[b] < 0:
                    said = {1: "refused", -1: "answered"}
                    disputed |= {asked, also}
                    seen.setdefault((min(one, two), max(one, two)), []).append(
                        Evidence(
                            principle=one,
                            prompt=asked,
                            says=f"{one} wants it {said[wants[a]]}; {two} wants {also!r} {said[wants[b]]} (cosine {close[i, j]:.2f})",
                        )
                    )
    if judge is not None:
        for evidence, pair in _both(law, cases, judge, cosine):
            seen.setdefault(pair, []).append(evidence)
    found = []
    for (one, two), rows in sorted(seen.items()):
        distinct = {r.prompt for r in rows}
        first, second = law.principle(one).priority, law.principle(two).priority
        wins = "" if first == second else one if first < second else two
        verdict = f"{wins} goes first by priority" if wins else f"both have priority {first}: nothing decides"
        what = f"{len(distinct)} prompts on which the two want opposite replies; {verdict}"
        found.append(Finding(fault="pulls-apart", principle=one, other=two, wins=wins, what=what, doubt=0.0, rows=tuple(rows[:SHOWN])))
    return found, disputed


def _wanted(cases: Cases) -> tuple[list[tuple[str, str]], list[int], NDArray[np.int64]]:
    """(principle, prompt), +1 where its examples want a refusal and -1 an answer, and a row of each, where that is clear."""
    refused = readings.refusing(cases.examples)
    wish: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for i, e in enumerate(cases.examples):
        if e.principle:
            wish.setdefault((e.principle, e.prompt), []).append(((refused[i] - 0.5) * (-1 if e.violating else 1), i))
    clear = {k: (float(np.mean([w for w, _ in v])), v[0][1]) for k, v in wish.items()}
    kept = {k: v for k, v in clear.items() if abs(v[0]) >= 0.25}
    return list(kept), [1 if w > 0 else -1 for w, _ in kept.values()], np.asarray([i for _, i in kept.values()], dtype=np.int64)


def _both(law: Constitution, cases: Cases, judge: Judge, cosine: Mapping[str, Floats]) -> list[tuple[Evidence, tuple[str, str]]]:
    """Prompts with both replies, judged also under the nearest other principle: the judge finds the followed one a breach of that."""
    mean = np.mean(list(cosine.values()), axis=0)
    ids = [p.id for p in law.principles]
    rows: dict[tuple[str, str], dict[bool, int]] = {}
    for i, e in enumerate(cases.examples):
        rows.setdefault((e.principle, e.prompt), {})[e.violating] = i
    pairs = [v for v in rows.values() if len(v) == 2] if len(ids) > 1 else []
    other = []
    for v in pairs:
        order = np.argsort(-mean[v[True]])
        other.append(next(ids[k] for k in order if ids[k] != cases.examples[v[True]].principle))
    asked = [(cases.examples[v[side]], o) for v, o in zip(pairs, other, strict=True) for side in (True, False)]
    if not asked:
        return []
    said = readings.by_judge(judge, [e for e, _ in asked], [o for _, o in asked]).reshape(-1, 2)
    found = []
    for v, o, (bad, good) in zip(pairs, other, said, strict=True):
        if bad < -1 and good > 1:  # NaN compares false: what could not be judged shows nothing
            e = cases.examples[v[False]]
            says = f"{judge.identity.name} under {o}: the reply that follows {e.principle} violates, the one that violates it does not"
            found.append((_row(e, says), (min(e.principle, o), max(e.principle, o))))
    return found


def _wording(law: Constitution, cases: Cases, cosine: Mapping[str, Floats], notes: list[str]) -> list[Finding]:
    """Wordings of one principle that draw different prompts: one tells its own prompts from others' no better than chance would."""
    names = np.asarray([e.principle for e in cases.examples])
    once = np.unique([f"{e.principle}\x1f{e.prompt}" for e in cases.examples], return_index=True)[1]
    tried: list[tuple[str, str, float, float, Evidence]] = []
    for k, p in enumerate(law.principles):
        own = names[once] == p.id
        if p.id == law.helpfulness or not own.any() or own.all():
            continue
        areas = {name: stats.area(c[once, k], own) for name, c in cosine.items()}
        best = max(areas.values())
        for name, area in areas.items():
            error = _hanley(0.8, int(own.sum()), int((~own).sum()))
            chance = _below((area - 0.8) / error) if area < 0.7 and best >= 0.8 else 1.0
            least = int(once[own][np.argmin(cosine[name][once[own], k])])
            row = _row(cases.examples[least], f"nearest by {max(areas, key=areas.__getitem__)!r}, far from {name!r}")
            tried.append((p.id, name, area, chance, row))
    if not tried:
        notes.append("wording was not examined: that needs two principles with examples")
    doubts = adjusted([t[3] for t in tried])
    return [
        Finding(
            fault="wording",
            principle=id,
            what=f"its {name!r} does not tell its own prompts from others' (AUROC {area:.2f}); its other words do",
            doubt=float(d),
            rows=(row,),
        )
        for (id, name, area, _, row), d in zip(tried, doubts, strict=True)
        if d <= ERROR
    ]


def _hanley(area: float, positive: int, negative: int) -> float:
    """Standard error of an AUROC (Hanley & McNeil 1982, eq. 1)."""
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positive - 1) * (one - area**2) + (negative - 1) * (two - area**2)
    return float((spread / (positive * negative)) ** 0.5)


def _below(z: float) -> float:
    from statistics import NormalDist

    return NormalDist().cdf(z)


def crowded(found: Sequence[Finding], principles: int) -> list[str]:
    """Ids of principles that pull apart from at least half of the others (and from two)."""
    pairs = {(f.principle, f.other) for f in found if f.fault == "pulls-apart"}
    count: dict[str, int] = {}
    for id in (id for pair in pairs for id in pair):
        count[id] = count.get(id, 0) + 1
    return sorted(id for id, n in count.items() if n >= max(2, (principles - 1) / 2))
