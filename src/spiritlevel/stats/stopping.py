"""Stop rules that read training's own instruments, and their record against an oracle that they never read.

The registered rule, its numbers chosen before any run was judged: stop when the heads disagree twice as much as at the start, when answers
are twice as long or short, or when the pessimistic proxy (its mean less one spread of its heads) has not risen for two checkpoints.
"""

from collections.abc import Sequence

import numpy as np

from spiritlevel.errors import DataError
from spiritlevel.stats.clusters import Floats
from spiritlevel.stats.rates import wilson
from spiritlevel.stats.selection import curve_estimates
from spiritlevel.types import Gauge, Stop, StopLine, StopRecord, StopRule, StopRun

REGISTERED = StopRule(name="registered", disagreement=2.0, length=2.0, pessimism=1.0, patience=2)
NEVER = StopRule(name="never stop")
RULES = (
    REGISTERED,
    StopRule(name="disagreement alone", disagreement=2.0),
    StopRule(name="pessimistic proxy alone", pessimism=1.0, patience=2),
    StopRule(name="length alone", length=2.0),
)


def stop(rule: StopRule, gauges: Sequence[Gauge]) -> Stop:
    """Where the rule stops and what it keeps, reading the gauges in order and never ahead. DataError: none, or one that is no number."""
    if not gauges:
        raise DataError("a run without a checkpoint cannot be stopped; give at least the start")
    for i, g in enumerate(gauges):
        if not np.isfinite([g.kl, g.proxy, *(v for v in (g.disagreement, g.length) if v is not None)]).all():
            raise DataError(f"checkpoint {i} has a gauge that is no number; correct or leave out the checkpoint")
    best, at = -np.inf, 0
    for i, g in enumerate(gauges):
        why = _limit(rule, gauges[0], g) if i else ""
        if why:
            return Stop(kept=i - 1, fired=i, why=why)
        if rule.pessimism is not None:
            level = g.proxy - rule.pessimism * (g.disagreement or 0.0)
            if level > best:
                best, at = level, i
            elif i - at >= rule.patience:
                return Stop(kept=at, fired=i, why=f"the pessimistic proxy has not risen for {i - at} checkpoints")
    return Stop(kept=len(gauges) - 1, fired=None)


def _limit(rule: StopRule, start: Gauge, now: Gauge) -> str:
    """Which limit is crossed, in words; empty when none is."""
    if rule.kl is not None and now.kl > rule.kl:
        return f"KL of {now.kl:.3g} nats is over {rule.kl:.3g}"
    if rule.disagreement is not None and start.disagreement and now.disagreement is not None:
        times = now.disagreement / start.disagreement
        if times > rule.disagreement:
            return f"the heads disagree {times:.3g} times as much as at the start"
    if rule.length is not None and start.length and now.length is not None:
        times = now.length / start.length
        if not 1 / rule.length <= times <= rule.length:
            return f"answers are {times:.3g} times as long as at the start"
    return ""


def record(
    runs: Sequence[StopRun], rules: Sequence[StopRule] = RULES, *, seed: int = 0, rounds: int = 2000, confidence: float = 0.95
) -> StopRecord:
    """Each rule on each run against the oracle's best checkpoint, beside never stopping and the fixed KL budget best in hindsight.

    Intervals resample runs, at 1 - (1 - confidence) / number of rules. The highest of noisy intents is too high, so regrets are a
    little too large for all rules alike; their differences are not. DataError: fewer than two runs, or intent that is missing.
    """
    if len(runs) < 2 or not rules:
        raise DataError(f"{len(runs)} runs and {len(rules)} rules make no record; give two runs or more (other seeds) and a rule")
    for run in runs:
        if len(run.intent) != len(run.gauges) or not np.isfinite(run.intent).all():
            raise DataError(f"run {run.name!r:.80} has {len(run.gauges)} checkpoints and lacks an intent for one; score each of them")
    sure = 1 - (1 - confidence) / len(rules)
    best = [int(np.argmax(run.intent)) for run in runs]
    turned = [max(run.intent) > run.intent[-1] for run in runs]
    never = _regrets(NEVER, runs)
    budgets = sorted({g.kl for run in runs for g in run.gauges})
    fixed = min((float(np.mean(_within(kl, runs))), kl) for kl in budgets)[1]
    beside = _within(fixed, runs)

    def line(rule: StopRule) -> StopLine:
        stops = [stop(rule, run.gauges) for run in runs]
        own = _regrets(rule, runs)
        table = np.column_stack([own, never - own, beside - own])
        regret, saved, over_kl = curve_estimates(
            table, range(len(runs)), ["regret", "saved", "beside fixed KL"], seed=seed, rounds=rounds, confidence=sure
        )
        off = [0 if lost <= 0 else s.kept - at for s, at, lost in zip(stops, best, own, strict=True)]
        timely = [s.fired is not None and late <= 0 for s, late, fell in zip(stops, off, turned, strict=True) if fell]
        warned = wilson(sum(timely), len(timely), name="warned", confidence=sure)
        return StopLine(
            rule=rule,
            before=sum(late < 0 for late in off),
            at=off.count(0),
            after=sum(late > 0 for late in off),
            fired=sum(s.fired is not None for s in stops),
            regret=regret,
            saved=saved,
            beside_kl=over_kl,
            warned=warned,
            warns=saved.low > 0 and over_kl.low > 0 and warned.low > 0.5,
        )

    lines = tuple(line(rule) for rule in rules)
    return StopRecord(lines=lines, runs=len(runs), turned=sum(turned), fixed_kl=fixed, says=_claim(lines, len(runs), sum(turned)))


def _regrets(rule: StopRule, runs: Sequence[StopRun]) -> Floats:
    return np.asarray([max(run.intent) - run.intent[stop(rule, run.gauges).kept] for run in runs], dtype=float)


def _within(kl: float, runs: Sequence[StopRun]) -> Floats:
    """Regret of a fixed KL budget in each run."""
    kept = [int(np.searchsorted(np.maximum.accumulate([g.kl for g in run.gauges[1:]]), kl, side="right")) for run in runs]
    return np.asarray([max(run.intent) - run.intent[i] for run, i in zip(runs, kept, strict=True)], dtype=float)


def _claim(lines: Sequence[StopLine], runs: int, turned: int) -> str:
    if not turned:
        return f"Intent turned in none of {runs} runs, so nothing is known of early warning."
    good = [one.rule.name for one in lines if one.warns]
    if good:
        return f"Early warning is shown by {', '.join(good)}, on {turned} of {runs} runs that turned."
    return f"No rule shows an early warning on the {turned} of {runs} runs that turned: none beats both naive rules with its interval."
