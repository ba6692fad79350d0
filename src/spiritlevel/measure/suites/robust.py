"""How far each figure moves when the same is asked in other words: each change in pairs, and the least and greatest over all of them."""

from spiritlevel.measure.suites import forms
from spiritlevel.measure.suites.declared import measure
from spiritlevel.measure.suites.effort import Chosen
from spiritlevel.measure.suites.estimates import Readings, change, extremes
from spiritlevel.measure.suites.frames import FRAMES
from spiritlevel.measure.suites.model import Reading, Settings
from spiritlevel.measure.suites.scores import SCORES
from spiritlevel.types import Estimate, Journal, Model


def moved(journal: Journal, model: Model, chosen: Chosen, own: Readings, settings: Settings) -> tuple[list[Estimate], list[str]]:
    """For each figure its change by each wording, its least and its greatest; and a note on wordings that would change what is asked.

    `own`: readings in the suite's own frames. Each of them is put in the other words, so figures that compare frames move as wholes.
    """
    suite, form = chosen.suite, forms.form(chosen.suite)
    fixed = form.fixed(suite, model)
    every = {name: _read(journal, model, chosen, name) for name in settings.robust if FRAMES[name].part not in fixed}
    found = []
    for name in suite.scores:
        score, called = SCORES[name], measure(suite, name)
        for words, readings in every.items():
            found.append(change(score, f"{called} moved by {words}", chosen.measured, own, readings, settings).estimate)
        if every:
            found += extremes(score, called, chosen.measured, (own, *every.values()), settings)
    why: dict[str, list[str]] = {}
    for name in settings.robust:
        if name not in every:
            why.setdefault(fixed[FRAMES[name].part], []).append(name)
    return found, [f"{suite.name}: not asked in the wordings {', '.join(names)}: {reason}" for reason, names in why.items()]


def _read(journal: Journal, model: Model, chosen: Chosen, words: str) -> Readings:
    """Readings in other words, under the names of the suite's own frames."""
    found: dict[tuple[str, str], Reading] = {}
    for frame in chosen.suite.frames:
        joined = words if frame == "plain" else f"{frame}+{words}"
        for one in forms.form(chosen.suite).read(journal, model, chosen.asked(joined), chosen.measured):
            found[one.item, frame] = one
    return found
