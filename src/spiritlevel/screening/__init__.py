"""SCREEN: one set of questions for every copy, a reading a check, and one alarm rule each, registered before anything is asked."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spiritlevel import backends, plugins
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.screening import asking
from spiritlevel.screening.asking import Answered
from spiritlevel.screening.check import Check
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

    A normal prediction limit, mean + t sd sqrt(1 + 1/n) (Hahn & Meeker 1991, ch. 4), with the target shared evenly over the checks.
    DataError with fewer than two copies, or when one's readings are not those of the rules.
    """
    from scipy.stats import t

    n = len(clean)
    if n < FEWEST:
        raise DataError(f"{n} clean development copies say nothing of how readings vary; plant at least {FEWEST} (--clean)")
    share = registered.false_alarms / len(registered.rules)
    reach = float(t.ppf(1 - share, n - 1)) * math.sqrt(1 + 1 / n)
    rules = []
    for at, rule in enumerate(registered.rules):
        values = np.asarray([one.readings[at][1] for one in clean])
        if any(one.readings[at][0] != rule.check for one in clean) or not np.isfinite(values).all():
            raise DataError(f"the clean copies have no finite reading of {rule.check!r}; leave that check out")
        spread = max(float(values.std(ddof=1)), rule.least)
        rules.append(rule.model_copy(update={"threshold": float(values.mean()) + reach * spread, "spread": spread}))
    made = registered.model_copy(update={"id": "", "rules": tuple(rules), "copies": n, "after": registered.id})
    journal.put("rules", [identified(made)])
    return identified(made)


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
