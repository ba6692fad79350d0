"""Tasks of other tools, asked of our models: the tool brings questions and scoring, our backends answer through the journal."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from spiritlevel import backends
from spiritlevel.errors import ConfigError, DataError, MissingExtra
from spiritlevel.measure.suites import licences
from spiritlevel.measure.suites.answered import Answered, measurements
from spiritlevel.measure.suites.model import Settings, Suited
from spiritlevel.measure.suites.running import graded
from spiritlevel.types import Instrument, Journal, Model, ModelRef, content_hash

TOOLS = {"lm-eval": "lm-eval", "inspect": "inspect_ai"}
"""What a name begins with, which is the extra's name too -> the package."""


class Ran(NamedTuple):
    """What a tool made of a model's answers."""

    answered: Answered
    asked: tuple[str, ...]
    """Words of the rows, which training may have met."""
    licence: str
    """As the data set states it; empty where it states none."""
    how: str
    """How questions were put."""
    left_out: tuple[str, ...]
    """Figures that are no mean over rows."""
    version: str


def parts(name: str) -> tuple[str, str]:
    """(tool, the tool's own name of the task). ConfigError for what is not TOOL/TASK."""
    tool, _, task = name.partition("/")
    if tool not in TOOLS or not task.strip():
        raise ConfigError(f"{name!r:.80} names no task; write lm-eval/NAME, lm-eval/FILE.yaml, inspect/FILE.py or inspect/PACKAGE/TASK")
    return tool, task


def run(
    journal: Journal, before: ModelRef, after: ModelRef | None, name: str, settings: Settings, accepted_by: str = "", when: str = ""
) -> Suited:
    """A task on `before` (the base, by a person's word) and, in pairs on the same rows, on `after`.

    What a tool reads is pinned to nothing: `when` it was asked keeps one time apart from another, while answers are kept for all.
    """
    tool, task = parts(name)
    call = _tool(tool)
    refs = [ref for ref in (before, after) if ref is not None]
    models = [backends.open_model(ref, journal) for ref in refs]
    ran = [call(journal, model, task, settings.most) for model in models]
    lineages = [backends.identify(ref, journal, base=i == 0) for i, ref in enumerate(refs)]
    instrument = Instrument(id=content_hash("task", name, ran[0].version), name=f"task {name}", known_ancestry=tool == "lm-eval")
    grade, why = graded(journal, instrument, ran[0].asked, lineages)
    rows = journal.put("task", [reading for one in ran for each in one.answered.values() for _, reading in each]).id
    about = {"grade": grade, "why_grade": why, "instruments": (instrument.id,), "rows": (rows,)}
    found, notes = measurements([one.answered for one in ran], settings, **about)
    if not found and not notes:
        raise DataError(f"the task {name!r:.80} has no figure that is a share of its rows; nothing can be told from it")
    notes += [f"{figure} is no mean over rows, and is not told" for figure in ran[0].left_out]
    notes += _licence(name, ran[0].licence, accepted_by)
    how = tuple((name, f"{ref.spec:.40}: {one.how}") for ref, one in zip(refs, ran, strict=True))
    return Suited(before=before, after=after, measurements=tuple(found), effort=how, notes=tuple(notes))


def _licence(name: str, licence: str, accepted_by: str) -> Sequence[str]:
    if not licence:
        return [f"{name}: the licence of its data is not known; see to it before you publish"]
    return [note] if (note := licences.check(name, licence, accepted_by)) else []


def _tool(tool: str) -> Callable[[Journal, Model, str, int], Ran]:
    """What asks a model a task of this tool, `most` rows of it. MissingExtra where the tool is not installed."""
    try:
        if tool == "inspect":
            from spiritlevel.measure.suites._inspect import answered
        else:
            from spiritlevel.measure.suites._lm_eval import answered
    except ImportError as fault:
        raise MissingExtra(TOOLS[tool], tool) from fault
    return answered
