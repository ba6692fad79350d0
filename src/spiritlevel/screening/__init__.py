"""SCREEN: one set of questions for every copy, a reading a check, and one alarm rule each, registered before anything is asked."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spiritlevel import backends, plugins
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.screening.check import Answers, Check, Needs
from spiritlevel.types import (
    Ask,
    Frozen,
    Journal,
    ModelRef,
    OpenWeights,
    Reply,
    RowSet,
    Rule,
    Rules,
    Sampling,
    Screened,
    content_hash,
)

__all__ = ["GROUP", "Answered", "Check", "ask", "calibrate", "installed", "register", "screen"]

GROUP = "spiritlevel.checks"
FEWEST = 2
"""Clean copies without which nothing can be said of a spread."""


class Answered(Frozen):
    """All that the checks need of one model."""

    ref: ModelRef
    replies: RowSet
    numbers: str
    """Blob with `numbers.npz`: scores (n,) and states (n, 2, width)."""


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
    """Put all that the checks need to one model."""
    weights = backends.open_weights(model, journal)
    return _asked(journal, weights, [check.needs() for check in installed(names)])


def screen(journal: Journal, base: Answered, model: ModelRef, rules: Rules) -> Screened:
    """Every check's reading of one copy. Nothing here is told what the copy is."""
    backends.release_memory()
    used = installed(tuple(rule.check for rule in rules.rules))
    needs = [check.needs() for check in used]
    before = _read(journal, base, needs)
    after = _read(journal, _asked(journal, backends.open_weights(model, journal), needs), needs)
    readings = tuple((c.name, float(c.read(a, b))) for c, a, b in zip(used, before, after, strict=True))
    return Screened(ref=model, readings=readings)


def _asked(journal: Journal, weights: OpenWeights, needs: Sequence[Needs]) -> Answered:
    asks = [Ask(chat=chat, sampling=Sampling(max_tokens=n.tokens, temperature=0)) for n in needs for chat in n.replies]
    replies = backends.ask(journal, weights, asks, "screening")
    scored = list(dict.fromkeys(chat for n in needs for chat in n.scores))
    scores = [math.fsum(one.values) for one in weights.logprobs(scored, [True] * len(scored))] if scored else []
    seen = list(dict.fromkeys(chat for n in needs for chat in n.states))
    depth = [max(1, 2 * weights.layers // 3), weights.layers]
    states = weights.activations(seen, depth) if seen else np.zeros((0, 2, weights.width), np.float32)
    of = dict(zip(scored, scores, strict=True)), dict(zip(seen, range(len(seen)), strict=True))
    flat = np.asarray([of[0][chat] for n in needs for chat in n.scores])
    places = [of[1][chat] for n in needs for chat in n.states]

    def save(folder: Path) -> None:
        np.savez(folder / "numbers.npz", scores=flat, states=states[places])

    return Answered(ref=weights.ref, replies=replies, numbers=journal.blob(save))


def _read(journal: Journal, answered: Answered, needs: Sequence[Needs]) -> list[Answers]:
    """Each check's part."""
    texts = [r.text for r in journal.rows(answered.replies, Reply)]
    with np.load(journal.path(answered.numbers) / "numbers.npz", allow_pickle=False) as kept:
        scores, states = kept["scores"].astype(float), kept["states"].astype(float)
    found, at = [], [0, 0, 0]
    for n in needs:
        to = [at[0] + len(n.replies), at[1] + len(n.scores), at[2] + len(n.states)]
        found.append(Answers(tuple(texts[at[0] : to[0]]), scores[at[1] : to[1]], states[at[2] : to[2]]))
        at = to
    return found
