"""Labels that the judges are against: examples under the wrong heading."""

from collections.abc import Mapping, Sequence

import numpy as np

from spiritlevel.examine import readings
from spiritlevel.examine.readings import Cases, Floats
from spiritlevel.examine.values import Finding

MISTAKEN = 0.01
"""Share of headings that are taken to be wrong before anything is read: an assumption, about one in a hundred."""
NAMED = 0.2
"""Greatest chance that a named label is right after all (local false discovery rate, Efron 2010, ch. 5): a bound for each name, so that
it holds however many examples are looked at."""
JUDGES = 3
"""Fewest judges on whose word a label is named."""


def wrong(cases: Cases, told: Mapping[str, Floats], disputed: set[str], notes: list[str]) -> list[Finding]:
    """Labels that are more likely wrong than the judges: P(right | readings) under a prior of MISTAKEN, by Bayes's rule.

    The other replies to a prompt are evidence too. Where prompts have a reply of each kind, two under one heading are suspect, and a
    heading that would leave both under one is not. Both headings of a prompt swapped is one mistake, on the evidence of both replies.
    Prompts on which two principles pull apart (`disputed`) are left out: there the labels differ because the principles do.
    """
    if len(told) < JUDGES:
        notes.append(f"labels were not examined: that needs {JUDGES} judges")
        return []
    right = readings.pooled(told, cases) * np.where(cases.violating, 1.0, -1.0)
    prompts: dict[tuple[str, str], list[int]] = {}
    for i, e in enumerate(cases.examples):
        prompts.setdefault((e.principle, e.prompt), []).append(i)
    several = [len(set(cases.violating[rows])) for rows in prompts.values() if len(rows) > 1]
    alike = np.log((several.count(1) + 1) / (len(several) + 2))
    tried: list[tuple[float, tuple[int, ...]]] = []
    for (_, prompt), rows in prompts.items():
        if prompt in disputed:
            continue
        for i in rows:
            others = {bool(cases.violating[j] == cases.violating[i]) for j in rows if j != i}
            tried.append((right[i] + (alike if others == {True} else -alike if others == {False} else 0.0), (i,)))
        if len(rows) == 2 and cases.violating[rows[0]] != cases.violating[rows[1]] and (right[rows] < 0).all():
            tried.append((right[rows].sum(), tuple(rows)))
    found: list[Finding] = []
    seen = set[int]()
    for score, where in sorted(tried):
        doubt = float(1 / (1 + np.exp(-score) * MISTAKEN / (1 - MISTAKEN)))
        if seen.isdisjoint(where) and doubt <= NAMED:
            seen |= {*where}
            found.append(_finding(cases, where, told, doubt))
    return found


def _finding(cases: Cases, where: Sequence[int], told: Mapping[str, Floats], doubt: float) -> Finding:
    e = cases.examples[where[0]]
    what = (
        "the judges read both replies the other way round; are the headings swapped?"
        if len(where) == 2
        else f"the judges read the reply as {'following' if e.violating else 'violating'}; is it under the wrong heading?"
    )
    words = [", ".join(f"{name} {1 / (1 + np.exp(-v[i])):.2f}" for name, v in told.items()) for i in where]
    rows = tuple(readings.row(cases.examples[i], f"P(violating): {w}") for i, w in zip(where, words, strict=True))
    return Finding(fault="label", principle=e.principle, what=what, doubt=doubt, rows=rows)
