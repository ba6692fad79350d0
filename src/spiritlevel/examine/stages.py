"""Examinations as steps of a run: what models are asked is kept, and a killed one goes on where it was."""

from spiritlevel import backends
from spiritlevel.constitution import Constitution, Example
from spiritlevel.examine import diff, lint, paraphrases, propose
from spiritlevel.examine.paraphrases import Paraphrase
from spiritlevel.examine.readings import Reader
from spiritlevel.examine.values import Changes, Lint, Proposals
from spiritlevel.judges.model import ModelJudge
from spiritlevel.types import Journal, ModelRef, Preference


def linted(
    journal: Journal,
    law: Constitution,
    held: tuple[Example, ...],
    model: ModelRef | None = None,
    judge: ModelRef | None = None,
    paraphraser: ModelRef | None = None,
    others: tuple[Paraphrase, ...] = (),
) -> Lint:
    """`lint` by the offline judges and those that are named: a probe of `model`, `judge`, and the paraphrases of `paraphraser`."""
    said = [*others, *(paraphrases.written(journal, paraphraser, law) if paraphraser is not None else ())]
    return lint.lint(
        law,
        held,
        weights=None if model is None else backends.open_weights(model, journal),
        judge=_reader(journal, judge),
        paraphrases=paraphrases.by_principle(law, said),
    )


def compared(
    journal: Journal,
    one: Constitution,
    two: Constitution,
    held_one: tuple[Example, ...],
    held_two: tuple[Example, ...],
    judge: ModelRef | None = None,
    reviser: ModelRef | None = None,
) -> Changes:
    """`diff` by the offline judge or `judge`, and with what `reviser` rewrites."""
    model = None if reviser is None else backends.open_model(reviser, journal)
    return diff.diff(one, two, (held_one, held_two), judge=_reader(journal, judge), journal=journal, reviser=model)


def proposed(journal: Journal, law: Constitution, preferences: tuple[Preference, ...], model: ModelRef | None = None) -> Proposals:
    """`propose`, worded by a template or by `model`."""
    return propose.propose(law, preferences, journal=journal, model=model)


def _reader(journal: Journal, ref: ModelRef | None) -> Reader | None:
    if ref is None:
        return None
    model = backends.open_model(ref, journal)
    return lambda principles: ModelJudge(journal, model, principles)
