"""What raters agree on and where they bend. A lean of the whole panel is told from quality only where quality is given apart from them."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.raters.features import features
from spiritlevel.raters.simulated import POSITION
from spiritlevel.raters.store import latest
from spiritlevel.stats import agreement
from spiritlevel.stats.choices import conditional_logit, holm, strengths
from spiritlevel.types import Bias, Estimate, Item, Panel, PanelSeen, RaterSeen, Rating, content_hash

Floats = NDArray[np.float64]
LEANS = ("length", "flattery", "confident")
"""Features that are tried for every panel, beside position; `keyword` where one is given."""
ERROR = 0.001
"""Chance of naming any bias in a panel without one. Registered before any panel was judged."""
SHOWN = {"a": 1.0, "b": -1.0, "alone": 0.0}
"""Place of `a` as a difference: shown first, shown second, or not shown beside the other."""
WORTH = 10
"""Items named for a second rating."""


def report(
    items: Sequence[Item],
    ratings: Sequence[Rating],
    *,
    quality: Sequence[tuple[float, float]] | None = None,
    keyword: str = "",
    seed: int = 0,
    rounds: int = 400,
    confidence: float = 0.95,
) -> Panel:
    """The panel of all ratings, the later label of a rater on an item counting. `quality`: worth of a and b by another instrument.

    DataError: no ratings, ratings of unknown items, pairs and scales mixed.
    """
    known = {item.id: item for item in items}
    counting = latest(ratings)
    if not counting:
        raise DataError("there are no ratings to report on; rate some first: spiritlevel rate SET --rater NAME")
    strange = next((r.item for r in counting if r.item not in known), None)
    if strange is not None:
        raise DataError(f"a rating names item {strange!r:.80}, which is not in the set; give the items that were rated")
    scale = {known[r.item].b is None for r in counting}
    if len(scale) > 1:
        raise DataError("the set mixes pairs and single replies; report on each kind apart")
    told = [r for r in counting if r.value is not None]
    used = _rated(items, told)
    names = sorted({r.rater for r in told})
    table = _table(used, told, names)
    groups = [group_of(item) for item in used]
    single = scale.pop()
    worth = None if quality is None else {item.id: a - b for item, (a, b) in zip(items, quality, strict=True)}

    def leans(some: Sequence[Rating]) -> tuple[Bias, ...]:
        return () if single or not some else biases(known, some, worth, keyword, confidence)

    sides = {r.rater: r for r in told}
    panels = sorted({r.panel for r in sides.values()})
    apart = tuple(
        PanelSeen(
            panel=panel,
            raters=len(mine := [n for n in names if sides[n].panel == panel]),
            alpha=_alpha(table[:, [names.index(n) for n in mine]], groups, single, seed, rounds, confidence),
            biases=leans([r for r in told if r.panel == panel]),
        )
        for panel in panels
        if len(panels) > 1
    )
    between, between_p = _between(table, names, sides, groups, panels, seed, confidence) if apart and not single else (None, None)
    return Panel(
        items=len(used),
        ratings=len(told),
        could_not_say=len(counting) - len(told),
        scale=single,
        alpha=_alpha(table, groups, single, seed, rounds, confidence),
        kappa=_kappas(table, names),
        ceiling=_ceiling(table, groups, single, confidence),
        biases=leans(told),
        raters=_each(table, names, told, groups, single, confidence, sides),
        panels=apart,
        between=between,
        between_p=between_p,
        second=_second(used, table, single),
        notes=(*_silent(counting), *_notes(used, told, table, names, single)),
    )


def group_of(item: Item) -> str:
    """Items of one prompt are not independent."""
    return item.group or content_hash(*item.chat)


def biases(
    known: dict[str, Item], ratings: Sequence[Rating], worth: dict[str, float] | None, keyword: str, confidence: float
) -> tuple[Bias, ...]:
    """Leans of these ratings of pairs, all in one regression, beside the worth of the replies where that is given."""
    from scipy.stats import t as student

    names = [POSITION, *LEANS, *(["keyword"] if keyword else [])]
    read = {i: (features(known[i].a, keyword), features(known[i].b or "", keyword)) for i in dict.fromkeys(r.item for r in ratings)}
    rows = [
        [SHOWN[r.first], *(a[n] - b[n] for n in names[1:]), *([worth[r.item]] if worth is not None else [])]
        for r in ratings
        for a, b in [read[r.item]]
    ]
    apart = np.asarray(rows, dtype=float).reshape(len(ratings), -1)
    spread = apart.std(axis=0) if len(apart) else np.ones(apart.shape[1])
    spread[0] = 1.0
    found = conditional_logit(
        [r.value or 0.0 for r in ratings], apart / np.where(spread > 0, spread, 1.0), [group_of(known[r.item]) for r in ratings]
    )
    named = holm(found.p[: len(names)], ERROR)
    reach = float(student.ppf(0.5 + confidence / 2, max(found.clusters - 1, 1)))
    method = "conditional logistic regression, jackknife by item group" + ("" if worth is None else ", beside quality")
    return tuple(
        Bias(
            name=name,
            lean=Estimate(
                name=name,
                value=float(value),
                low=float(value - reach * error),
                high=float(value + reach * error),
                n=found.clusters,
                confidence=confidence,
                method=method,
            ),
            p=float(p),
            named=bool(alarm),
        )
        for name, value, error, p, alarm in zip(names, found.value, found.error, found.p, named, strict=False)
    )


def _rated(items: Sequence[Item], told: Sequence[Rating]) -> list[Item]:
    seen = {r.item for r in told}
    return [item for item in items if item.id in seen]


def _table(items: Sequence[Item], told: Sequence[Rating], names: Sequence[str]) -> Floats:
    """(items, raters) values, NaN where there is none. A model whose label turned with the order has a tie."""
    total, count = np.zeros((len(items), len(names))), np.zeros((len(items), len(names)))
    row, column = {item.id: i for i, item in enumerate(items)}, {name: i for i, name in enumerate(names)}
    pairs = {item.id for item in items if item.b is not None}
    for r in told:
        at, value = (row[r.item], column[r.rater]), r.value or 0.0
        # a machine's probability counts by its side: no two of them are equal, so that none would agree
        total[at] += (np.sign(value - 0.5) + 1) / 2 if r.by == "model" and r.item in pairs else value
        count[at] += 1
    with np.errstate(invalid="ignore"):
        table: Floats = total / count
    if not pairs:
        return table
    turned = (count > 1) & (table != 0) & (table != 1)
    return np.where(turned, 0.5, table)


def _alpha(table: Floats, groups: Sequence[str], single: bool, seed: int, rounds: int, confidence: float) -> Estimate:
    kept = (~np.isnan(table)).sum(axis=1) >= 2
    if not kept.any():
        return Estimate(name="alpha", value=float("nan"), low=-1, high=1, n=0, confidence=confidence, method="no item has two ratings")
    level = "interval" if single else "nominal"
    return stats.cluster_bootstrap(
        lambda t: agreement.alpha(t, level),  # type: ignore[arg-type]
        [table[kept]],
        [g for g, k in zip(groups, kept, strict=True) if k],
        seed=seed,
        name="alpha",
        rounds=rounds,
        confidence=confidence,
    )


def _kappas(table: Floats, names: Sequence[str]) -> tuple[tuple[str, str, float, int], ...]:
    found = []
    for i, j in combinations(range(len(names)), 2):
        both = ~np.isnan(table[:, [i, j]]).any(axis=1)
        if both.sum() >= 2:
            found.append((names[i], names[j], float(stats.cohen(table[both, i], table[both, j])), int(both.sum())))
    return tuple(found)


def _others(table: Floats) -> Floats:
    """(items, raters) mean of the other raters' values; NaN where there is none."""
    known = ~np.isnan(table)
    total, count = np.nansum(table, axis=1, keepdims=True), known.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known & (count > 1), (total - np.where(known, table, 0.0)) / (count - 1), np.nan)


def _agreeing(table: Floats, single: bool) -> Floats:
    """(items, raters) 1 where a label is on the side of the others' majority, NaN where either has no side."""
    middle = float(np.nanmedian(table)) if single else 0.5
    others = _others(table)
    sided = ~np.isnan(table) & ~np.isnan(others) & (table != middle) & (others != middle)
    return np.where(sided, ((table > middle) == (others > middle)).astype(float), np.nan)


def _ceiling(table: Floats, groups: Sequence[str], single: bool, confidence: float) -> Estimate:
    agree = _agreeing(table, single)
    rows, columns = np.nonzero(~np.isnan(agree))
    return stats.rate(agree[rows, columns], [groups[int(i)] for i in rows], name="ceiling", confidence=confidence)


def _each(
    table: Floats,
    names: Sequence[str],
    told: Sequence[Rating],
    groups: Sequence[str],
    single: bool,
    confidence: float,
    sides: dict[str, Rating],
) -> tuple[RaterSeen, ...]:
    if not names:
        return ()
    agree = _agreeing(table, single)
    model = None if single else agreement.dawid_skene(np.where(table == 0.5, np.nan, np.round(table)))
    severity = agreement.severities(table)[1] if single else _order(told, names)
    seen = []
    for i, name in enumerate(names):
        rows = np.nonzero(~np.isnan(agree[:, i]))[0]
        decided = [r for r in told if r.rater == name and r.value != 0.5 and r.first != "alone"]
        shown = [((r.value or 0.0) > 0.5) == (r.first == "a") for r in decided]
        right = float("nan") if model is None or len(names) < 2 else float(np.diag(model.confusion[i]) @ [1 - model.share, model.share])
        seen.append(
            RaterSeen(
                rater=name,
                by=sides[name].by,
                panel=sides[name].panel,
                labels=int((~np.isnan(table[:, i])).sum()),
                agrees=stats.rate(agree[rows, i], [groups[int(k)] for k in rows], name="agrees", confidence=confidence),
                first=stats.wilson(sum(shown), len(shown), name="first", confidence=confidence),
                right=right,
                severity=float(severity[i]),
            )
        )
    return tuple(seen)


def _order(told: Sequence[Rating], names: Sequence[str]) -> Floats:
    """Each rater's pull towards the first shown, beside how much better the first reply of each item is."""
    column = {name: i for i, name in enumerate(names)}
    told = [r for r in told if r.first != "alone"]
    pull = np.full(len(names), np.nan)
    if not told:
        return pull
    items = {item: i for i, item in enumerate(dict.fromkeys(r.item for r in told), 1)}
    sides = [(items[r.item], 0) if r.first == "a" else (0, items[r.item]) for r in told]
    won = [(r.value or 0.0) if r.first == "a" else 1 - (r.value or 0.0) for r in told]
    found = strengths([f for f, _ in sides], [s for _, s in sides], won, [column[r.rater] for r in told])[1]
    seen = sorted({column[r.rater] for r in told})
    pull[seen] = found[seen]
    return pull


def _between(
    table: Floats,
    names: Sequence[str],
    sides: dict[str, Rating],
    groups: Sequence[str],
    panels: Sequence[str],
    seed: int,
    confidence: float,
) -> tuple[Estimate | None, float | None]:
    member = np.asarray([sides[n].panel for n in names])
    two = sorted(panels, key=lambda p: (-(member == p).sum(), p))[:2]
    kept = np.isin(member, two)
    values, side = table[:, kept], member[kept] == two[0]

    def means(who: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        with np.errstate(invalid="ignore"):
            parts = [values[:, mask] for mask in (who, ~who)]
            return tuple(np.nansum(p, axis=1) / (~np.isnan(p)).sum(axis=1) for p in parts)

    def apart(who: NDArray[np.bool_]) -> float:
        one, other = means(who)
        return float(np.nanmean((one - other) ** 2)) if (~np.isnan(one - other)).any() else 0.0

    one, other = means(side)
    both = ~np.isnan(one) & ~np.isnan(other) & (one != 0.5) & (other != 0.5)
    if not both.any():
        return None, None
    differ = stats.rate(
        ((one > 0.5) != (other > 0.5))[both].astype(float),
        [g for g, b in zip(groups, both, strict=True) if b],
        name="panels differ",
        confidence=confidence,
    )
    rng, seen = np.random.default_rng([seed, 11]), apart(side)
    drawn = [apart(rng.permutation(side)) >= seen - 1e-12 for _ in range(500)]
    return differ, (1 + sum(drawn)) / 501


def _second(items: Sequence[Item], table: Floats, single: bool) -> tuple[tuple[str, float], ...]:
    """The least settled items: entropy of the consensus; on a scale the spread of the values stands for it."""
    if not items:
        return ()
    if single:
        counts = (~np.isnan(table)).sum(axis=1)
        doubt = np.where(counts > 1, np.nan_to_num(np.nanstd(table, axis=1)), 1.0)
    else:
        p = np.clip(agreement.dawid_skene(np.where(table == 0.5, np.nan, np.round(table))).chance, 1e-9, 1 - 1e-9)
        doubt = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    order = sorted(range(len(items)), key=lambda i: (-doubt[i], items[i].id))[:WORTH]
    return tuple((items[i].id, float(doubt[i])) for i in order if doubt[i] > 0)


def _silent(counting: Sequence[Rating]) -> list[str]:
    """Raters none of whose answers is a label, or fewer than half."""
    notes = []
    for name in sorted({r.rater for r in counting}):
        mine = [r.value is None for r in counting if r.rater == name]
        if 2 * sum(mine) > len(mine):
            notes.append(f"rater {name!r:.40} could not say in {sum(mine)} of {len(mine)} answers: what is left speaks for those alone")
    return notes


def _notes(items: Sequence[Item], told: Sequence[Rating], table: Floats, names: Sequence[str], single: bool) -> list[str]:
    """What is odd about single raters, and labels that run in a cycle."""
    notes = []
    for i, name in enumerate(names):
        values = table[~np.isnan(table[:, i]), i]
        machine = any(r.by == "model" for r in told if r.rater == name)
        if len(values) == 1:
            notes.append(f"rater {name!r:.40} gave one label: nothing can be said of their agreement")
        elif len(values) >= 5 and len(set(values)) == 1 and not (machine and values[0] == 0.5):
            notes.append(f"rater {name!r:.40} gave the same label to all {len(values)} items; ask whether they read them")
        else:
            mine = [r for r in told if r.rater == name and r.value != 0.5 and r.first != "alone"]
            placed = {((r.value or 0.0) > 0.5) == (r.first == "a") for r in mine}
            if len(mine) >= 10 and len(placed) == 1:
                where = "first" if placed.pop() else "second"
                notes.append(
                    f"rater {name!r:.40} always preferred the {where} reply shown" + ("" if machine else "; ask whether they read both")
                )
    if single:
        return notes
    looped = 0
    by_chat: dict[str, dict[str, int]] = {}
    for item in items:
        replies = by_chat.setdefault(content_hash(*item.chat), {})
        for text in (item.a, item.b or ""):
            replies.setdefault(text, len(replies))
    for chat, replies in by_chat.items():
        if len(replies) < 3:
            continue
        won, seen = np.zeros((len(replies), len(replies))), np.zeros((len(replies), len(replies)))
        for item, row in zip(items, table, strict=True):
            if content_hash(*item.chat) == chat and (~np.isnan(row)).any():
                a, b, mean = replies[item.a], replies[item.b or ""], float(np.nanmean(row))
                won[a, b] += mean
                won[b, a] += 1 - mean
                seen[a, b] += 1
                seen[b, a] += 1
        looped += agreement.cycles(np.where(seen > 0, won / np.maximum(seen, 1), np.nan))
    if looped:
        notes.append(f"{looped} triads of replies are preferred in a circle: no ranking fits all labels")
    return notes
