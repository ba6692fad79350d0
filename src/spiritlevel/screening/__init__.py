"""SCREEN: one set of questions for every copy, a reading a check, and one alarm rule each, registered before anything is asked."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spiritlevel import backends, plugins
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.screening import asking
from spiritlevel.screening.asking import Answered
from spiritlevel.screening.check import Check, Floats
from spiritlevel.types import Journal, ModelRef, Rule, Rules, Screened, content_hash

__all__ = ["GROUP", "Answered", "Check", "ask", "calibrate", "installed", "register", "screen"]

GROUP = "spiritlevel.checks"
FEWEST = 2
"""Clean copies without which nothing can be said of a spread."""


def installed(names: Sequence[str] = ()) -> tuple[Check, ...]:
    """The installed checks, or those named. ConfigError: unknown, or no check."""
    found: list[Check] = []
    for name in names or plugins.names(GROUP):
        check = plugins.load(GROUP, name)
        if not isinstance(check, Check):
            raise ConfigError(f"the entry point {name!r} in {GROUP} is no Check; name a screening.Check")
        found.append(check)
    return tuple(found)


def code() -> str:
    """Hash of what the checks are: their code and prompts here, and the names of those from elsewhere."""
    here = Path(__file__).parent
    files = sorted(f for f in here.rglob("*") if f.suffix in (".py", ".md"))
    return content_hash(*(part for f in files for part in (f.relative_to(here).as_posix(), f.read_text("utf-8"))), *plugins.names(GROUP))


def register(journal: Journal, names: tuple[str, ...], false_alarms: float) -> Rules:
    """Every check's one alarm rule, written before a copy is asked: it sounds above a threshold that clean copies alone will set."""
    rules = tuple(Rule(check=c.name, what=c.what, least=c.least) for c in installed(names))
    made = Rules(id="", rules=rules, code=code(), false_alarms=false_alarms, copies=0)
    journal.put("rules", [identified(made)])
    return identified(made)


def calibrate(journal: Journal, registered: Rules, clean: tuple[Screened, ...]) -> Rules:
    """Thresholds from clean development copies: the limit that a further clean copy's reading keeps but for its share of false alarms.

    Median + t spread sqrt(1 + 1/n), a prediction limit (Hahn & Meeker 1991, ch. 4) with the target shared evenly over the checks, or
    further out where leaving copies out one by one asks for it. DataError with fewer than two copies, or readings of other rules.
    """
    from scipy.stats import t

    n = len(clean)
    if n < FEWEST:
        raise DataError(f"{n} clean development copies say nothing of how readings vary; plant at least {FEWEST} (--clean)")
    found = np.asarray([[value for _, value in one.readings] for one in clean])
    for at, rule in enumerate(registered.rules):
        if any(one.readings[at][0] != rule.check for one in clean) or not np.isfinite(found[:, at]).all():
            raise DataError(f"the clean copies have no finite reading of {rule.check!r}; leave that check out")
    least = np.asarray([rule.least for rule in registered.rules])
    share = registered.false_alarms / len(least)
    reach = max(float(t.ppf(1 - share, n // 2)) * math.sqrt(1 + 1 / n), left_out(found, least, registered.false_alarms))
    middle, spread = upward(found, least)
    rules = tuple(
        rule.model_copy(update={"threshold": float(m + reach * s), "spread": float(s)})
        for rule, m, s in zip(registered.rules, middle, spread, strict=True)
    )
    made = registered.model_copy(update={"id": "", "rules": rules, "copies": n, "after": registered.id})
    journal.put("rules", [identified(made)])
    return identified(made)


def upward(found: Floats, least: Floats) -> tuple[Floats, Floats]:
    """(checks,) medians of (copies, checks) readings, and root mean square of what lies above them, at least `least`.

    An alarm is a high reading: how far low ones lie tells nothing of it, as with the halves of a split normal.
    """
    middle = np.median(found, axis=0)
    above = np.where(found > middle, found - middle, 0.0)
    return middle, np.maximum(np.sqrt((above**2).sum(0) / np.maximum((above > 0).sum(0), 1)), least)


def left_out(found: Floats, least: Floats, false_alarms: float) -> float:
    """Spreads that a copy's highest reading keeps within, by thresholds from all others; 0 for too few copies to tell.

    The rank ceil((1 - a)(n + 1)) of split conformal prediction (Vovk et al. 2005) over all checks at once, by the jackknife.
    """
    n = len(found)
    rank = math.ceil((1 - false_alarms) * (n + 1))
    if rank > n or n <= FEWEST:
        return 0.0
    tops = []
    for one in range(n):
        middle, spread = upward(np.delete(found, one, axis=0), least)
        tops.append(float(((found[one] - middle) / spread).max()))
    return sorted(tops)[rank - 1]


def identified(rules: Rules) -> Rules:
    """With the id that its content has."""
    return rules.model_copy(update={"id": content_hash(rules.model_copy(update={"id": ""}))})


def ask(journal: Journal, model: ModelRef, names: tuple[str, ...]) -> Answered:
    """Put all that the checks need to the base."""
    return asking.asked(journal, model, model, [check.needs() for check in installed(names)])


def screen(journal: Journal, base: Answered, model: ModelRef, rules: Rules) -> Screened:
    """Every check's reading of one copy. Nothing here is told what the copy is."""
    backends.release_memory()
    used = installed(tuple(rule.check for rule in rules.rules))
    needs = [check.needs() for check in used]
    before = asking.read(journal, base, needs)
    after = asking.read(journal, asking.asked(journal, model, base.ref, needs), needs)
    readings = tuple((c.name, float(c.read(a, b))) for c, a, b in zip(used, before, after, strict=True))
    return Screened(ref=model, readings=readings)
