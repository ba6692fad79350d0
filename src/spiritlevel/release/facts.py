"""What is read off the project before deciding: people's words, evidence beside the loop, age, clock, effort, the last release."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from spiritlevel import firewall
from spiritlevel.constitution import Policy
from spiritlevel.errors import EvidenceError
from spiritlevel.evidence import MEASURING, Evidence, list_runs, open_beside, open_existing
from spiritlevel.lineage.chain import day, past, set_back
from spiritlevel.measured import measured
from spiritlevel.release.config import ReleaseConfig
from spiritlevel.types import (
    Beside,
    Circumstances,
    Compared,
    Cost,
    Earlier,
    Inside,
    ModelRef,
    SignOff,
    Tuned,
    Verdict,
    VerdictKind,
)

DECIDING = ("release", "report")
"""Stages whose own cost is left out of the share of effort: they run after it is known."""
BESIDE = (".suites", ".causes")
"""Beside the runs of the loop: those of suites, and of commands that change a model inside."""


def circumstances(evidence: Evidence, policy: Policy, config: ReleaseConfig, tuned: Tuned) -> Circumstances:
    """All that a decision on this run depends on beside its own measurements. Changes only when something of it does."""
    now = time.time()
    words = [s for s in evidence.values("release.signed") if isinstance(s, SignOff)]
    over = [s for s in words if s.excepts and s.until is not None and s.until <= now]
    beside = _wanted(list(_beside(evidence)), policy, tuned.ref.key)
    return Circumstances(
        signed=tuple(s for s in words if s not in over),
        beside=tuple(one for one, _ in beside),
        earlier=_earlier(evidence, tuned) if policy.levels else None,
        aged=_aged([*_dated(evidence), *((one.label, when) for one, when in beside)], policy.max_age_days, now),
        planted=firewall.planted_in(tuned.lineage, evidence.ledger.lookup),
        clock=set_back(evidence.ledger.links(), now, evidence.name),
        safety_share=None if policy.safety_share is None else _share(evidence, config),
        ended=tuple(f"the exception of {s.name} ({s.role}) for {s.excepts} ended on {day(s.until or now)}" for s in over),
    )


def _beside(evidence: Evidence) -> Iterator[tuple[Beside, float]]:
    """What was measured beside the loop, in this run and in runs of its own, with when: each value once for the model that it is of."""
    yield from _measured(evidence)
    for home in (evidence.folder.parent / name for name in BESIDE):
        for info in list_runs(home):
            if info.readable:
                with suppress(EvidenceError), open_existing(home, info.name, url=evidence.url) as other:
                    yield from _measured(other)


def _measured(run: Evidence) -> Iterator[tuple[Beside, float]]:
    last: dict[tuple[str, str, frozenset[str]], tuple[Beside, float]] = {}
    for step in run.steps(every=True):  # one suite comes after another under one label
        value = None
        with suppress(EvidenceError):  # of a class that is no more
            value = run.made_by(step)
        if value is None or isinstance(value, Compared | Inside):
            continue
        if found := tuple(m if m.rows else m.model_copy(update={"rows": (f"step:{step.key}",)}) for m in measured(value)[0]):
            of = getattr(value, "after", None) or getattr(value, "before", None)
            model = of.key if isinstance(of, ModelRef) else step.subject
            one = Beside(label=f"{step.label} of run {run.name}", model=model, measurements=found)
            last[step.label, model, frozenset(m.estimate.name for m in found)] = one, step.finished
    yield from last.values()


def _wanted(found: Sequence[tuple[Beside, float]], policy: Policy, key: str) -> list[tuple[Beside, float]]:
    """What the policy asks about; of other revisions only where nothing of this one is there, so that it can be said."""
    asked = {t.measure for t in policy.conditions} | {level.capability for level in policy.levels}
    own = {m.estimate.name for one, _ in found if one.model == key for m in one.measurements}
    kept = []
    for one, when in found:
        named = asked if one.model == key else asked - own
        if mine := tuple(m for m in one.measurements if m.estimate.name in named and not m.cell):
            kept.append((one.model_copy(update={"measurements": mine}), when))
    return kept


def _dated(evidence: Evidence) -> Iterator[tuple[str, float]]:
    yield from ((s.label, s.finished) for s in evidence.steps() if s.measures)


def _aged(dated: Sequence[tuple[str, float]], days: float | None, now: float) -> str:
    label, when = min(dated, key=lambda one: one[1], default=("", now))
    why = past(when, days, now)
    return f"{label} was {why}" if why else ""


def _earlier(evidence: Evidence, tuned: Tuned) -> Earlier | None:
    """The last approved release before this run's measurements, else the last one decided; of another model."""
    links = evidence.ledger.links()
    mine = next((k.seq for k in links if k.run == evidence.name and k.what.startswith(MEASURING)), math.inf)
    runs = dict.fromkeys(k.run for k in reversed(links) if k.what == "release" and k.run != evidence.name and k.seq < mine)
    last: Earlier | None = None
    for run in runs:
        with suppress(EvidenceError), open_beside(evidence, run) as other:
            verdict = other.value("release")
            theirs = next((p for p in other.parts(verdict) if isinstance(p, Tuned)), None)
            if not isinstance(verdict, Verdict) or (theirs is not None and theirs.ref.key == tuned.ref.key):
                continue
            found = _told(run, verdict)
            if verdict.kind is VerdictKind.APPROVED:
                return found
            last = last or found
    return last


def _told(run: str, verdict: Verdict) -> Earlier:
    checks = (*verdict.checks, *(c for level in verdict.levels for c in level.safeguards))
    return Earlier(
        run=run,
        kind=verdict.kind,
        capabilities=tuple(level.measurement for level in verdict.levels if level.measurement is not None),
        shown=tuple((c.threshold, c.estimate.n, c.power or 0.0) for c in checks if c.estimate is not None),
    )


def _share(evidence: Evidence, config: ReleaseConfig) -> float | None:
    """Share of safety in the project's recorded cost, in whole per cent, rounded down: the lower of its CPU time's and its money's."""
    costs: list[Cost] = []
    for info in list_runs(evidence.folder.parent.parent):
        with suppress(EvidenceError):
            if info.name == evidence.name:
                costs += _costs(evidence)
            elif info.readable:
                with open_beside(evidence, info.name) as other:
                    costs += _costs(other)
    shares = []
    for of, elsewhere in (("cpu_seconds", config.capability_hours * 3600), ("money", 0.0)):
        safe = sum(getattr(c, of) for c in costs if c.tag == "safety")
        whole = sum(getattr(c, of) for c in costs) + elsewhere
        shares += [safe / whole] if whole > 0 else []
    return math.floor(100 * min(shares)) / 100 if shares else None


def _costs(evidence: Evidence) -> list[Cost]:
    return [s.cost for s in evidence.steps() if s.stage not in DECIDING]
