"""The words of a principle: those that draw none of its own cases (it never fires), and those that draw others than its other words do."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.constitution import Constitution
from spiritlevel.examine import readings
from spiritlevel.examine.readings import Cases, Floats, Reader
from spiritlevel.examine.values import Finding
from spiritlevel.stats.choices import adjusted

ERROR = 0.01
"""Family-wise error of the tests of each kind (Holm 1979)."""
FEW = 5
"""Fewest prompts that show a principle silent: one that fires on every second is silent on 5 in 3 % of cases."""
TELLS = 0.8
"""AUROC from which words tell a principle's prompts from others'."""
POOR, BLIND = 0.75, 0.6
"""Words of an AUROC under BLIND are tried for lying under POOR; parts of the default constitution, read alone, set both."""
TURNS = 0.05
"""Share of a principle's cases whose verdict may turn with a paraphrase; more is tried for being more than chance."""


def dead(law: Constitution, cases: Cases, violation: NDArray[np.bool_], cosine: Mapping[str, Floats]) -> list[Finding]:
    """Never fires: of its own violating replies none is both read as a `violation` and said to a prompt that its words are near."""
    close = readings.near(law, cases, cosine)
    names = np.asarray([e.principle for e in cases.examples])
    found: list[Finding] = []
    for k, p in enumerate(law.principles):
        mine = np.nonzero((names == p.id) & cases.violating)[0]
        n = len({cases.groups[i] for i in mine})
        if (violation & close[:, k])[mine].any() or 0 < n < FEW:
            continue
        rows = tuple(
            readings.row(
                cases.examples[i],
                f"its words are {'near' if close[i, k] else 'far'}; the judges read {'a' if violation[i] else 'no'} violation",
            )
            for i in mine
        )
        near = close[mine, k].any()
        why = "none that its words are near is read as violating" if near else "its words are near none of their prompts"
        elsewhere = int((violation & cases.violating & close[:, k]).sum())
        what = f"it fires on none of its {len(mine)} violating examples: {why}; of other principles' it fires on {elsewhere}"
        silent = "it has no violating example, so that nothing shows it firing"
        found.append(Finding(fault="dead", principle=p.id, what=what if n else silent, doubt=0.5**n if n else 0.0, rows=rows))
    return found


def uneven(law: Constitution, cases: Cases, cosine: Mapping[str, Floats], notes: list[str]) -> list[Finding]:
    """Wordings of one principle that draw different prompts: one tells its own harmful prompts from others' worse than its other words.

    Harmless prompts are no case of it: a look-alike is far from what the principle is about on purpose. Prompts of a group count once.
    """
    names, groups = (np.asarray(x) for x in ([e.principle for e in cases.examples], cases.groups))
    once = np.unique([f"{e.principle}\x1f{e.prompt}" for e in cases.examples], return_index=True)[1]
    once = once[cases.harmful[once]]
    tried: list[Finding] = []
    for k, p in enumerate(law.principles):
        own = names[once] == p.id
        if p.id == law.helpfulness or not own.any() or own.all():
            continue
        areas = {name: stats.area(c[once, k], own) for name, c in cosine.items()}
        best = max(areas, key=areas.__getitem__)
        error = _hanley(POOR, len(set(groups[once[own]])), len(set(groups[once[~own]])))
        for name, area in areas.items():
            chance = NormalDist().cdf((area - POOR) / error) if area < BLIND and areas[best] >= TELLS else 1.0
            far = once[own][np.argsort(cosine[name][once[own], k], kind="stable")]
            rows = tuple(readings.row(cases.examples[i], f"{name!r} is far from this, {best!r} is not") for i in far[: len(far) // 4 + 1])
            what = f"its {name!r} does not tell its own prompts from others' (AUROC {area:.2f}); its {best!r} does ({areas[best]:.2f})"
            tried.append(Finding(fault="wording", principle=p.id, what=what, doubt=chance, rows=rows))
    if not tried:
        notes.append("wording was not examined: that needs two principles with examples")
    return _named(tried)


def turned(law: Constitution, cases: Cases, judge: Reader, paraphrases: Mapping[str, Sequence[str]], notes: list[str]) -> list[Finding]:
    """The same cases under a principle and under each paraphrase of it, by a model judge: verdicts that turn are inconsistent.

    Tried: an exact binomial test against TURNS, a case a prompt group counting once.
    """
    from scipy.stats import binomtest

    tried: list[Finding] = []
    unread = 0
    for p in law.principles:
        mine = [i for i, e in enumerate(cases.examples) if e.principle == p.id]
        if not mine or p.id not in paraphrases:
            continue
        examples = [cases.examples[i] for i in mine]
        plain = readings.by_judge(judge([p]), examples)
        for text in paraphrases[p.id]:
            other = readings.by_judge(judge([p.model_copy(update={"text": text})]), examples)
            unread += int(np.isnan(plain + other).sum())
            both = ~np.isnan(plain + other)
            turns = both & ((plain > 0) != (other > 0))
            first = {cases.groups[i]: bool(t) for i, t, read in reversed(list(zip(mine, turns, both, strict=True))) if read}
            rows = tuple(
                readings.row(e, f"{'a' if was > 0 else 'no'} violation in its own words, {'a' if now > 0 else 'none'} as {text!r}")
                for e, was, now, t in zip(examples, plain, other, turns, strict=True)
                if t
            )
            if rows:
                chance = binomtest(sum(first.values()), len(first), TURNS, alternative="greater").pvalue
                what = f"{len(rows)} of {int(both.sum())} verdicts turn when it is paraphrased as {text!r}"
                tried.append(Finding(fault="wording", principle=p.id, what=what, doubt=float(chance), rows=rows))
    if unread:
        notes.append(f"{unread} cases could not be judged under some wording; they count for and against nothing")
    return _named(tried)


def _named(tried: Sequence[Finding]) -> list[Finding]:
    """Those that stand after Holm's correction, which their doubt then has."""
    doubts = adjusted([f.doubt for f in tried])
    return [f.model_copy(update={"doubt": float(d)}) for f, d in zip(tried, doubts, strict=True) if d <= ERROR]


def _hanley(area: float, positive: int, negative: int) -> float:
    """Standard error of an AUROC (Hanley & McNeil 1982, eq. 1)."""
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positive - 1) * (one - area**2) + (negative - 1) * (two - area**2)
    return float((spread / (positive * negative)) ** 0.5)
