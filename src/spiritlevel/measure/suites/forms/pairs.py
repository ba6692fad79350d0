"""Pairs of sentences: which of the two the model finds likelier (Nangia et al. 2020; by the whole sentence, as causal models can)."""

from collections.abc import Mapping, Sequence

from spiritlevel.backends import check_weights, options
from spiritlevel.backends.options import TOO_LONG, Likely
from spiritlevel.measure.suites.forms.base import Asked, Form, no_rows
from spiritlevel.measure.suites.frames import Part, edited
from spiritlevel.measure.suites.model import Item, Reading, Suite
from spiritlevel.types import Frozen, Journal, Model, OpenWeights


class Sentences(Frozen):
    """A unit of scoring: texts that stand alone."""

    texts: tuple[str, ...]


def check(item: Item) -> None:
    """Two sentences, one of which shows the behaviour."""
    if len(item.choices) != 2 or len(item.matching) != 1 or item.choices[0].strip() == item.choices[1].strip():
        raise ValueError("a pair needs two sentences that differ, and one of them in matching")


def read(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    """1 where the sentence that shows the behaviour is likelier, 0.5 where both are equally so. NeedsWeights without weights."""
    check_weights(model.ref, "pairs of sentences need")

    def score(weights: OpenWeights, part: Sequence[Sentences]) -> list[list[float]]:
        return options.after_texts(weights, [""] * len(part), [one.texts for one in part])

    units = [Sentences(texts=tuple(edited(text, asked.frame, item) for text in item.choices)) for item in items]
    rows: list[Likely] = options.kept(journal, model, "sentences", units, score, Likely, asked.suite.name)
    found = []
    for item, row in zip(items, rows, strict=True):
        if not row.values:
            found.append(Reading(item=item.id, frame=asked.frame, error=TOO_LONG))
            continue
        more, less = row.values[item.matching[0]], row.values[1 - item.matching[0]]
        found.append(Reading(item=item.id, frame=asked.frame, value=0.5 + 0.5 * ((more > less) - (more < less))))
    return found


def fixed(suite: Suite, model: Model) -> Mapping[Part, str]:
    """Nothing stands beside a sentence."""
    alone = "a sentence stands alone"
    return {"instruction": alone, "system": alone, "around": alone}


FORM = Form(check, read, no_rows, fixed)
