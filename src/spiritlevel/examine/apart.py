"""Principles that pull apart: pairs that want opposite replies to one prompt, which of the two wins, which is at odds with most."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from spiritlevel.constitution import Constitution, contrasts
from spiritlevel.examine import readings
from spiritlevel.examine.readings import Cases, Floats
from spiritlevel.examine.values import Evidence, Finding
from spiritlevel.types import Judge

SAME = 0.75
"""Cosine of two requests from which they count as one: in the default constitution no two that want opposite replies pass 0.65."""
CLEAR = 0.25
"""Least distance of the mean chance of a refusal from one half, from which a principle's examples want one or the other."""
BLOCK = 1000
Pair = tuple[str, str]


def pulling(law: Constitution, cases: Cases, judge: Judge | None, cosine: Mapping[str, Floats]) -> tuple[list[Finding], set[str]]:
    """Pairs that want opposite replies to one prompt, by their own examples or by `judge` under both; and all prompts of the first kind."""
    seen: dict[Pair, list[Evidence]] = {}
    disputed: set[str] = set()
    for pair, prompts, evidence in _by_examples(cases):
        disputed |= prompts
        seen.setdefault(pair, []).append(evidence)
    if judge is not None:
        for pair, evidence in _by_judge(law, cases, judge, cosine):
            seen.setdefault(pair, []).append(evidence)
    return [_finding(law, pair, rows) for pair, rows in sorted(seen.items())], disputed


def crowded(found: Sequence[Finding], principles: int) -> tuple[str, ...]:
    """Ids of principles that pull apart from at least half of the others (and from two)."""
    ids = [id for f in found for id in (f.principle, f.other)]
    return tuple(sorted(id for id in set(ids) if ids.count(id) >= max(2, (principles - 1) / 2)))


def _finding(law: Constitution, pair: Pair, rows: Sequence[Evidence]) -> Finding:
    one, two = pair
    first, second = law.principle(one).priority, law.principle(two).priority
    wins = "" if first == second else one if first < second else two
    verdict = f"{wins} goes first by priority" if wins else f"both have priority {first}: nothing decides"
    what = f"{len({r.prompt for r in rows})} prompts on which the two want opposite replies; {verdict}"
    return Finding(fault="pulls-apart", principle=one, other=two, wins=wins, what=what, doubt=0.0, rows=tuple(rows))


def _by_examples(cases: Cases) -> Iterator[tuple[Pair, set[str], Evidence]]:
    """Prompts of two principles that count as one, and whose examples want one refused and the other answered."""
    wish = _wishes(cases)
    at = np.asarray([row for *_, row in wish], dtype=np.int64)
    vectors, said = cases.prompts[at], {True: "refused", False: "answered"}
    for start in range(0, len(at), BLOCK):
        close = vectors[start : start + BLOCK] @ vectors.T
        for i, j in np.argwhere(close >= SAME):
            (one, asked, no, _), (two, also, other, _) = wish[start + i], wish[j]
            if start + i < j and one != two and no != other:
                same = "it" if asked == also else f"{also!r} (cosine {close[i, j]:.2f})"
                says = f"{one} wants it {said[no]}; {two} wants {same} {said[other]}"
                yield (min(one, two), max(one, two)), {asked, also}, Evidence(principle=one, prompt=asked, says=says)


def _wishes(cases: Cases) -> list[tuple[str, str, bool, int]]:
    """(principle, prompt, whether its examples want it refused, a row of it), where that is clear."""
    refused = readings.refusing(cases.examples)
    wish: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for i, e in enumerate(cases.examples):
        wish.setdefault((e.principle, e.prompt), []).append(((refused[i] - 0.5) * (-1 if e.violating else 1), i))
    mean = {key: float(np.mean([w for w, _ in rows])) for key, rows in wish.items()}
    return [(*key, mean[key] > 0, rows[0][1]) for key, rows in wish.items() if abs(mean[key]) >= CLEAR]


def _by_judge(law: Constitution, cases: Cases, judge: Judge, cosine: Mapping[str, Floats]) -> Iterator[tuple[Pair, Evidence]]:
    """Prompts with both replies, judged under the nearest other principle too: the followed one is a breach there, the other none."""
    ids = [p.id for p in law.principles]
    pairs = contrasts(cases.examples)
    if len(ids) < 2 or not pairs:
        return
    mean, row = np.mean(list(cosine.values()), axis=0), {e: i for i, e in enumerate(cases.examples)}
    others = [next(ids[k] for k in np.argsort(-mean[row[good]]) if ids[k] != good.principle) for good, _ in pairs]
    asked = [side for pair in pairs for side in pair]
    said = readings.by_judge(judge, asked, np.repeat(others, 2).tolist()).reshape(-1, 2)
    for (kept, _), other, (good, bad) in zip(pairs, others, said, strict=True):
        if bad < -1 and good > 1:  # NaN compares false: what could not be judged shows nothing
            says = f"{judge.identity.name} under {other}: what follows {kept.principle} violates, what violates it does not"
            one, two = sorted((kept.principle, other))
            yield (one, two), readings.row(kept, says)
