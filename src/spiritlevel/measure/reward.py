"""A reward model held against preferences that it was not trained on: how often it is right, where, how sure, and beyond what."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel import stats
from spiritlevel.errors import DataError, TooManyFailures
from spiritlevel.judges.reward import Aggregation, aggregate
from spiritlevel.measure import calibrating
from spiritlevel.measure.pairs import group_of, log_words, prompt_of, words
from spiritlevel.types import Baseline, Effect, Estimate, Instrument, Preference, RewardReport, Slice, View

Floats = NDArray[np.float64]

MATCHED = 0.1
"""Pairs count as matched when their lengths in words differ by at most this share of the longer one."""
MOST_UNSCORED = 0.2
"""Share of pairs that may go unscored before the report has failed: what a model cannot score may be what it is wrong about."""


def report(
    reward: Instrument,
    preferences: Sequence[Preference],
    chosen: ArrayLike,
    rejected: ArrayLike,
    *,
    baselines: Mapping[str, ArrayLike] | None = None,
    ceiling: Estimate | None = None,
    sections: Sequence[Slice] = (),
    effects: Sequence[Effect] = (),
    margin: float = 0.0,
    notes: Sequence[str] = (),
    seed: int = 0,
    rounds: int = 1000,
) -> RewardReport:
    """The report from scores (n, heads) of the chosen and of the rejected replies, NaN = could not score.

    `baselines`: each one's margins (n,), chosen less rejected, from a fit that saw none of these pairs. `ceiling`: how often raters
    agree with the label. DataError when no pair is left; TooManyFailures when more than a fifth could not be scored.
    """
    c, r = _table(chosen, len(preferences)), _table(rejected, len(preferences))
    kept, left_out = usable(preferences, c, r)
    pairs = [preferences[i] for i in kept]
    c, r = c[kept], r[kept]
    groups = [group_of(p) for p in pairs]
    margins = aggregate(c) - aggregate(r)
    right = ordered(margins)
    longer = np.asarray([log_words(p.chosen) - log_words(p.rejected) for p in pairs])
    even = [i for i, p in enumerate(pairs) if matched(p)]
    overall = stats.rate(right, groups, name="accuracy")
    return RewardReport(
        reward=reward,
        heads=c.shape[1],
        pairs=len(pairs),
        groups=len(set(groups)),
        left_out=left_out,
        accuracy=overall,
        slices=(
            *slices("principle", [p.principle for p in pairs], right, groups),
            *slices("source", [p.source for p in pairs], right, groups),
        ),
        matched=stats.rate(right[even], [groups[i] for i in even], name="accuracy, length-matched"),
        adjusted=stats.cluster_bootstrap(
            adjusted, [margins, longer], groups, seed=seed, rounds=rounds, name="accuracy, adjusted for length"
        ),
        length=stats.cluster_bootstrap(correlation, [margins, longer], groups, seed=seed, rounds=rounds, name="correlation with length"),
        calibration=calibrating.reliabilities(margins, [p.sure for p in pairs], groups, seed=seed, rounds=rounds),
        views=tuple(_views(c, r, right, groups)),
        baselines=tuple(_baseline(n, np.asarray(m, dtype=float)[kept], right, groups) for n, m in (baselines or {}).items()),
        ceiling=ceiling,
        to_ceiling=None if ceiling is None else apart(ceiling, overall),
        sections=tuple(sections),
        effects=tuple(effects),
        margin=margin,
        notes=(*notes, *_notes(pairs, margins)),
    )


def _table(scores: ArrayLike, n: int) -> Floats:
    found = np.asarray(scores, dtype=float)
    if found.ndim != 2 or len(found) != n or not found.shape[1]:
        raise ValueError(f"scores of shape {found.shape} for {n} pairs; give (pairs, heads)")
    return found


def unfit(p: Preference) -> str:
    """Why a pair can be neither right nor wrong; empty for one that can."""
    return "chosen and rejected are the same" if p.chosen == p.rejected else "undecided label" if p.sure <= 0.5 else ""


def usable(preferences: Sequence[Preference], chosen: Floats, rejected: Floats) -> tuple[list[int], tuple[tuple[str, int], ...]]:
    """Places of the pairs that enter the figures, and (why, how many) of the others."""
    scored = np.isfinite(np.concatenate([chosen, rejected], axis=1)).all(axis=1)
    why = [unfit(p) or ("" if ok else "not scored") for p, ok in zip(preferences, scored, strict=True)]
    count = Counter(w for w in why if w)
    if count["not scored"] > MOST_UNSCORED * len(why):
        raise TooManyFailures(
            f"{count['not scored']} of {len(why)} pairs have a reward that is not a number; train the reward model again, with a lower rate"
        )
    kept = [i for i, w in enumerate(why) if not w]
    some_left(kept, count)
    return kept, tuple(sorted(count.items()))


def some_left(kept: Sequence[object], left_out: Mapping[str, int]) -> None:
    """DataError when no pair is left, with what became of all."""
    if not kept:
        told = ", ".join(f"{n} {w}" for w, n in left_out.items()) or "the file holds none"
        raise DataError(f"no pair is left to report on ({told}); give pairs whose two replies differ and whose label is decided")


def ordered(margins: ArrayLike) -> Floats:
    """1 where the chosen reply scores higher, 0 where lower, 0.5 where equal up to rounding."""
    m = np.asarray(margins, dtype=float)
    near = 1e-9 * float(np.abs(m).max(initial=0.0))
    return np.where(np.abs(m) <= near, 0.5, (m > 0).astype(float))


def matched(p: Preference) -> bool:
    """Whether the two replies' lengths in words differ by at most MATCHED of the longer."""
    a, b = words(p.chosen), words(p.rejected)
    return abs(a - b) <= MATCHED * max(a, b)


def adjusted(margins: Floats, longer: Floats) -> float:
    """Accuracy of margin - slope * longer, where the slope of reward on log length is fitted beside the label's own effect.

    The regression margin ~ 1 + longer has an intercept, so that a reward that is right about longer replies is not taken for one that
    likes length.
    """
    spread = float(np.var(longer))
    slope = float(np.mean((longer - longer.mean()) * (margins - margins.mean()))) / spread if spread > 0 else 0.0
    rest = margins - slope * longer
    near = 1e-9 * max(float(np.abs(margins).max(initial=0.0)), 1e-300)
    return float(np.mean(np.where(np.abs(rest) <= near, 0.5, rest > 0)))


def correlation(margins: Floats, longer: Floats) -> float:
    """Correlation of differences within pairs, taken both ways round (so through the origin); NaN when either is constant."""
    norm = float(np.sqrt(np.sum(margins**2) * np.sum(longer**2)))
    return float(np.sum(margins * longer)) / norm if norm > 0 else float("nan")


def slices(by: str, names: Sequence[str], right: Floats, groups: Sequence[str]) -> list[Slice]:
    """Accuracy by name, in the names' order; pairs without a name are in no slice."""
    found = []
    for name in sorted({n for n in names if n}):
        at = [i for i, n in enumerate(names) if n == name]
        found.append(Slice(by=by, name=name, accuracy=stats.rate(right[at], [groups[i] for i in at], name="accuracy"), pairs=len(at)))
    return found


def apart(first: Estimate, second: Estimate, name: str = "to the ceiling") -> Estimate:
    """First less second of independent samples: square-and-add of their limits (Newcombe 1998, Stat. Med. 17:873, method 10)."""
    d = first.value - second.value
    down = np.hypot(first.value - first.low, second.high - second.value)
    up = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(
        name=name,
        value=d,
        low=d - float(down),
        high=d + float(up),
        n=min(first.n, second.n),
        confidence=second.confidence,
        method="newcombe",
    )


def _views(chosen: Floats, rejected: Floats, right: Floats, groups: Sequence[str]) -> list[View]:
    """Each head, the worst of them, and their mean less its doubt, beside the plain mean; none for a single head."""
    if chosen.shape[1] == 1:
        return []
    read = {f"head {i + 1}": (chosen[:, i], rejected[:, i]) for i in range(chosen.shape[1])}
    ways: tuple[Aggregation, ...] = ("worst", "uncertainty")
    for how in ways:
        read[how] = aggregate(chosen, how), aggregate(rejected, how)
    found = []
    for name, (a, b) in read.items():
        own = ordered(a - b)
        gain = stats.paired_change(right, own, groups, name="gain over the mean")
        found.append(View(name=name, accuracy=stats.rate(own, groups, name="accuracy"), gain=gain))
    return found


def _baseline(name: str, margins: Floats, right: Floats, groups: Sequence[str]) -> Baseline:
    own = ordered(margins)
    gain = stats.paired_change(own, right, groups, name=f"gain over {name}")
    return Baseline(name=name, accuracy=stats.rate(own, groups, name="accuracy"), gain=gain)


def _notes(pairs: Sequence[Preference], margins: Floats) -> list[str]:
    """What a reader has to know of the pairs, a sentence each."""
    found = []
    if not np.abs(margins).max(initial=0.0) > 0:
        found.append("the reward is the same for both replies of every pair: it orders nothing")
    told = {(prompt_of(p), p.chosen, p.rejected) for p in pairs}
    if crossed := sum((at, b, a) in told for at, a, b in told) // 2:
        found.append(f"{crossed} pairs are labelled both ways: no scorer can be right about both")
    if empty := sum(not p.chosen.strip() or not p.rejected.strip() for p in pairs):
        found.append(f"{empty} pairs have an empty reply")
    if not any(p.cluster for p in pairs):
        found.append("the pairs name no groups: those with one and the same prompt count as a group")
    return found
