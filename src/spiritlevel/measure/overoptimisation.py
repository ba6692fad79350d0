"""Proxy and intent against distance, for best-of-n over one pool and along the checkpoints of training (Gao, Schulman & Hilton 2022)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spiritlevel.errors import DataError
from spiritlevel.measure import pools
from spiritlevel.measure.pools import Floats, Groups
from spiritlevel.stats import gao
from spiritlevel.stats.clusters import codes_of
from spiritlevel.stats.crossed import percentiles, resampled_means
from spiritlevel.stats.selection import best_of_n_curve, best_of_n_kl, curve_estimates, sizes
from spiritlevel.types import Estimate, Fit, Form, GapCurve, GapPlot, GapPoint, Gauge, IntentIs

SCALE = "Gains on the same prompts over the base policy, in standard deviations of all its samples, each score by its own."
POOL = "KL of best-of-n is log n - (n-1)/n nats, an upper bound where answers repeat or scores tie."
WALKED = "KL to the start is k1 on sampled answers, in nats; what is under its noise floor enters no fit."


class Walk(NamedTuple):
    """Checkpoints of one training, the start first, on the same prompts throughout."""

    labels: tuple[str, ...]
    kl: Floats
    """(checkpoints, prompts) nats to the start: mean of log p - log p_start over a prompt's samples; the start's own are 0."""
    proxy: Floats
    """(checkpoints, prompts, samples); NaN = could not be scored."""
    intent: Floats
    floor: float = 0.0
    """Noise floor of the KL in nats (measure.distance)."""


class _Rules(NamedTuple):
    groups: Groups
    seed: int
    rounds: int
    confidence: float


def best_of_n(
    proxies: Mapping[str, ArrayLike],
    intent: ArrayLike,
    groups: Groups,
    of: IntentIs,
    *,
    ns: Sequence[int] = (),
    title: str = "Best-of-n",
    seed: int = 0,
    rounds: int = 2000,
    confidence: float = 0.95,
) -> GapPlot:
    """A curve for each proxy over one pool of the base policy: scores (prompts, samples), or (seeds, prompts, samples).

    The first proxy is what the others (ensembles, other mitigations) are held against, in pairs. `ns`: default 1, 2, 4, ... and the
    whole pool. A sample that any of the scores lacks (NaN) is left out for all. DataError: no proxy, shapes differ, one prompt group,
    infinite or constant scores, n over the pool, fewer than three n. TooManyFailures: more than MOST_UNSCORED unscored.
    """
    if not proxies:
        raise DataError("no proxy to select by; name at least one")
    meant = pools.seeded("the intent", intent)
    scores = {name: pools.seeded(f"proxy {name!r:.80}", values) for name, values in proxies.items()}
    for name, values in scores.items():
        if values.shape[1:] != meant.shape[1:] or 1 != values.shape[0] != meant.shape[0] != 1:
            raise DataError(f"proxy {name!r:.80} has scores of shape {values.shape}, the intent {meant.shape}; score the same samples")
    rules = _Rules(groups, seed, rounds, confidence)
    clusters = pools.clusters(groups, meant.shape[1])
    known = np.logical_and.reduce([~np.isnan(values).any(axis=0) for values in (meant, *scores.values())])
    lost = pools.lost(known)
    ns = sorted({1, *(ns or sizes(int(known.sum(axis=1).min())))})
    kl = np.broadcast_to(best_of_n_kl(ns), (meant.shape[1], len(ns)))
    meant = pools.standard("the intent", np.where(known, meant, np.nan))
    curves: list[GapCurve] = []
    first: Floats | None = None
    for name, values in scores.items():
        proxy = pools.standard(f"proxy {name!r:.80}", np.where(known, values, np.nan))
        pairs = list(zip(*np.broadcast_arrays(proxy, meant), strict=True))
        own = np.stack([best_of_n_curve(p, p, ns) for p, _ in pairs])
        gained = np.stack([best_of_n_curve(p, m, ns) for p, m in pairs])
        moments = np.stack([pools.moments(p, m) for p, m in pairs])
        own, gained = own - own[..., :1], gained - gained[..., :1]
        curve = _curve(name, "best-of-n", [f"n = {n}" for n in ns], kl, own, gained, moments, rules)
        curves.append(curve if first is None else curve.model_copy(update={"beside": _beside(gained, first, rules)}))
        first = gained if first is None else first
    seeds = max(v.shape[0] for v in (meant, *scores.values()))
    return GapPlot(
        title=title,
        curves=tuple(curves),
        intent=of,
        scale=SCALE,
        distance=POOL,
        prompts=clusters,
        samples=meant.shape[2],
        seeds=seeds,
        unscored=lost,
        notes=tuple(pools.notes(clusters, seeds, lost)),
    )


def along(
    walks: Mapping[str, Walk],
    groups: Groups,
    of: IntentIs,
    *,
    title: str = "Along training",
    seed: int = 0,
    rounds: int = 2000,
    confidence: float = 0.95,
) -> GapPlot:
    """A curve for each training, by its checkpoints; all start from one policy and are sampled on the same prompts.

    Errors as `best_of_n`; DataError also when a walk's arrays do not fit each other, or its start is not at KL 0.
    """
    if not walks:
        raise DataError("no training to follow; name at least one with its checkpoints")
    rules = _Rules(groups, seed, rounds, confidence)
    curves: list[GapCurve] = []
    first: Floats | None = None
    lost = clusters = samples = 0
    for name, walk in walks.items():
        kl, proxy, intent = (np.asarray(x, dtype=float) for x in (walk.kl, walk.proxy, walk.intent))
        if not proxy.shape == intent.shape == (*kl.shape, proxy.shape[-1]) or len(walk.labels) != len(kl):
            raise DataError(
                f"training {name!r:.80} has {len(walk.labels)} labels, KL of shape {kl.shape} and scores of shapes {proxy.shape} and "
                f"{intent.shape}; give (checkpoints, prompts) and (checkpoints, prompts, samples)"
            )
        if not np.isfinite(kl).all() or kl[0].any():
            raise DataError(f"training {name!r:.80} has a KL that is no number, or does not begin at KL 0; put the start first")
        clusters, samples = pools.clusters(groups, kl.shape[1]), proxy.shape[2]
        pools.finite(f"proxy of {name!r:.80}", proxy)
        pools.finite("the intent", intent)
        known = ~(np.isnan(proxy) | np.isnan(intent))
        lost += pools.lost(known.reshape(-1, samples))
        tables = []
        for what, values in ((f"proxy of {name!r:.80}", proxy), ("the intent", intent)):
            seen = np.where(known, values, np.nan)
            centre, spread = pools.base(what, seen[0])
            tables.append((seen - centre) / spread)
        own, gained = (np.nanmean(t, axis=2).T[None] for t in tables)
        moments = pools.moments(tables[0][0], tables[1][0])[None]
        own, gained = own - own[..., :1], gained - gained[..., :1]
        curve = _curve(name, "rl", walk.labels, kl.T, own, gained, moments, rules, walk.floor)
        curves.append(curve if first is None else curve.model_copy(update={"beside": _beside(gained[..., -1:], first[..., -1:], rules)}))
        first = gained if first is None else first
    return GapPlot(
        title=title,
        curves=tuple(curves),
        intent=of,
        scale=SCALE,
        distance=WALKED,
        prompts=clusters,
        samples=samples,
        unscored=lost,
        notes=tuple(pools.notes(clusters, 1, lost)),
    )


def pool_gauges(heads: ArrayLike, lengths: ArrayLike, ns: Sequence[int]) -> tuple[Gauge, ...]:
    """What a stop rule may read of best-of-n: `heads` (prompts, samples, heads) of the proxy, whose mean selects; `lengths` in tokens."""
    table = np.asarray(heads, dtype=float)
    choice, ensemble = table.mean(axis=2), table.shape[2] > 1

    def mean(of: ArrayLike) -> Floats:
        return np.asarray(best_of_n_curve(choice, of, ns).mean(axis=0), dtype=float)

    proxy, spread, length = mean(choice), mean(table.std(axis=2)), mean(lengths)
    return tuple(
        Gauge(kl=float(kl), proxy=float(p), disagreement=float(s) if ensemble else None, length=float(n))
        for kl, p, s, n in zip(best_of_n_kl(ns), proxy, spread, length, strict=True)
    )


def _curve(
    name: str,
    form: Form,
    labels: Sequence[str],
    kl: Floats,
    proxy: Floats,
    intent: Floats,
    moments: Floats,
    rules: _Rules,
    floor: float = 0.0,
) -> GapCurve:
    """From gains (seeds, prompts, K) and KL (prompts, K). All is resampled at once, so that what stands together moves together."""
    seeds, prompts, k = intent.shape
    parts = (np.broadcast_to(kl, intent.shape), np.broadcast_to(proxy, intent.shape), intent, np.broadcast_to(moments, (seeds, prompts, 2)))
    table = np.concatenate(parts, axis=2)
    drawn = resampled_means(table, rules.groups, seed=rules.seed, rounds=rules.rounds, confidence=rules.confidence)
    value, n = table.mean(axis=(0, 1)), len(np.unique(codes_of(rules.groups)))

    def told(what: str, v: Floats, many: Floats) -> list[Estimate]:
        by = f"bootstrap over prompts{f' and {seeds} seeds' if seeds > 1 else ''}, {rules.rounds} rounds"
        return [percentiles(what, float(a), b, n, rules.confidence, by) for a, b in zip(np.atleast_1d(v), many.T, strict=True)]

    def cut(x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """d, proxy, intent and what noise alone would leave of the proxy's gain."""
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = x[..., -2:-1] / x[..., -1:]
        return np.sqrt(np.maximum(x[..., :k], 0)), x[..., k : 2 * k], x[..., 2 * k : 3 * k], slope * x[..., k : 2 * k] + 0.0

    (d, p, i, noise), (many_d, many_p, many_i, many_noise) = cut(value), cut(drawn)
    above = (value[:k] > floor) | (np.arange(k) == 0)
    columns = (told("d", d, many_d), told("proxy", p, many_p), told("intent", i, many_i), told("expected", noise, many_noise))
    fits: list[Fit | None] = [None, None]
    notes = []
    if len(np.unique(d[above & (d > 0)])) >= 3:
        fits = [
            gao.fit(form, d, np.where(above, g, np.nan), many, n=n, drawn_d=many_d, confidence=rules.confidence)
            for g, many in ((p, many_p), (i, many_i))
        ]
    else:
        notes.append("fewer than three distances over 0 and their noise floor: no form is fitted")
    if not above.all():
        notes.append(f"KL is under its noise floor ({floor:.2g} nats) at {', '.join(np.asarray(labels)[~above])}")
    return GapCurve(
        name=name,
        form=form,
        points=tuple(
            GapPoint(label=label, kl=float(kl_), d=a, proxy=b, intent=c, expected=e, above_floor=bool(over))
            for label, kl_, a, b, c, e, over in zip(labels, value[:k], *columns, above, strict=True)
        ),
        turning=gao.observed_turning(d, i, many_i, n=n, drawn_d=many_d, confidence=rules.confidence),
        proxy_fit=fits[0],
        intent_fit=fits[1],
        gap=told("gap", p[-1:] - i[-1:], many_p[:, -1:] - many_i[:, -1:])[0],
        notes=tuple(notes),
    )


def _beside(gained: Floats, first: Floats, rules: _Rules) -> Estimate:
    """Difference of intent's gains at the last point, in pairs by prompt, and by seed where both have as many."""
    several = 1 < len(gained) != len(first) > 1
    a, b = (x.mean(axis=0, keepdims=True) if several else x for x in (gained, first))
    return curve_estimates(
        (a - b)[..., -1:], rules.groups, ["intent beside the first"], seed=rules.seed, rounds=rules.rounds, confidence=rules.confidence
    )[0]
