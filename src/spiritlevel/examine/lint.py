"""Faults of behaviour in a constitution, each with the rows that show it. `check` is form; this is what judges make of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from spiritlevel.constitution import Constitution, Example
from spiritlevel.errors import DataError
from spiritlevel.examine import apart, labels, readings, wording
from spiritlevel.examine.readings import Cases, Floats, Reader
from spiritlevel.examine.values import Evidence, Finding, Lint
from spiritlevel.types import Judge, OpenWeights


def lint(
    law: Constitution,
    held: Sequence[Example] = (),
    *,
    weights: OpenWeights | None = None,
    judge: Reader | None = None,
    paraphrases: Mapping[str, Sequence[str]] | None = None,
) -> Lint:
    """Examine a constitution by its own examples. Offline judges always read; `weights` add a probe, `judge` a model under any principle.

    `paraphrases`: other wordings, by principle id. Nothing raises for a small constitution: what cannot be examined is noted.
    """
    cases = readings.cases_of([*law.teach, *held])
    notes: list[str] = []
    found = _coverage(law, cases)
    if not cases.examples:
        notes.append("there are no examples, so that only coverage was examined")
        return Lint(findings=tuple(found), judges=(), cases=0, notes=tuple(notes))
    reader = None if judge is None else judge(law.principles)
    told = _readings(cases, weights, reader, notes)
    cosine = readings.attraction(law.principles, cases.prompts, paraphrases)
    pairs, disputed = apart.pulling(law, cases, reader, cosine)
    found += labels.wrong(cases, told, disputed, notes)
    found += [*wording.dead(law, cases, readings.pooled(told, cases) > 0, cosine), *pairs, *wording.uneven(law, cases, cosine, notes)]
    if judge is not None and paraphrases:
        found += wording.turned(law, cases, judge, paraphrases, notes)
    return Lint(
        findings=tuple(found), crowded=apart.crowded(pairs, len(law.principles)), judges=tuple(told), cases=len(cases.examples),
        notes=tuple(notes),
    )  # fmt: skip


def _readings(cases: Cases, weights: OpenWeights | None, judge: Judge | None, notes: list[str]) -> dict[str, Floats]:
    """(n,) log-odds of a violation by each judge."""
    told = {"rules": readings.by_rules(cases)}
    try:
        told["embedding"] = readings.out_of_fold(cases.features, cases)
        told["words"] = readings.by_words(cases)
        if weights is not None:
            told["probe"] = readings.by_states(weights, cases)
    except DataError as error:
        notes.append(f"no judge could be fitted apart from what it reads ({error})")
    if judge is not None:
        name = judge.identity.name
        told[name] = readings.by_judge(judge, cases.examples)
        if unread := int(np.isnan(told[name]).sum()):
            notes.append(f"{name} could not judge {unread} of {len(cases.examples)} examples; they count for and against nothing")
    return told


def _coverage(law: Constitution, cases: Cases) -> list[Finding]:
    """Categories of the policy without a principle, without an example, or without a violating one."""
    of = {p.id: p.category for p in law.principles}
    shown = {(of[e.principle], e.violating) for e in cases.examples if e.principle in of}
    found = []
    for name, category in law.policy.categories.items():
        mine = ", ".join(p.id for p in law.principles if p.category == name)
        if (name, True) not in shown:
            lacks = "no principle is about it" if not mine else "no violating example" if (name, False) in shown else "no example"
            what = f"category {name!r}: {lacks}{' shows it' if mine else ''}"
            row = Evidence(principle=mine, prompt="", says=f"policy.yaml: {category.title} ({category.action})")
            found.append(Finding(fault="coverage", principle=mine, what=what, doubt=0.0, rows=(row,)))
    return found
