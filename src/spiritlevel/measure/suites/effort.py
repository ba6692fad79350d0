"""How hard an ability is sought, and said so: as asked, with examples, or the best of several ways on a part that is not measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spiritlevel.measure.suites import forms
from spiritlevel.measure.suites.forms.base import Asked, has_weights
from spiritlevel.measure.suites.model import Effort, Item, Suite
from spiritlevel.measure.suites.scores import CHOICES, right
from spiritlevel.types import Journal, Model, content_hash

DEVELOPMENT = 0.15
"""Share of groups from which examples come and on which ways are compared; no figure is of them."""
SHOTS = 4
MOST = 40
"""Rows of the development part that each way is tried on, however few are measured: fewer would choose by luck."""


@dataclass(frozen=True)
class Chosen:
    """A way to ask, the rows to measure, and the way in words."""

    suite: Suite
    shots: tuple[Item, ...]
    measured: tuple[Item, ...]
    told: str

    def asked(self, frame: str) -> Asked:
        """The way, in one frame."""
        return Asked(self.suite, frame, self.shots)


def chosen(journal: Journal, model: Model, suite: Suite, items: Sequence[Item], how: Effort, most: int = 0) -> Chosen:
    """The way of a suite for a model. `best` compares letters, words and words per byte, plain and with examples, by accuracy.

    Rows without a right answer have no best way: they are asked as the suite says. Of the rest `most` rows are measured; 0 = all.
    """
    answered = suite.form == "exact" or (suite.form in CHOICES and all(item.answer is not None for item in items))
    if how == "zero-shot" or not answered:
        return Chosen(suite, (), limited(items, most), _told(model, suite, 0))
    development = [item for item in items if int(content_hash("development", item.group)[:8], 16) / 16**8 < DEVELOPMENT]
    kept_apart = {item.id for item in development}
    measured = limited([item for item in items if item.id not in kept_apart], most)
    if not development or not measured:
        return Chosen(suite, (), limited(items, most), _told(model, suite, 0) + ", too few rows for examples")
    shots = tuple(development[:SHOTS])
    if how == "few-shot":
        return Chosen(suite, shots, measured, _told(model, suite, len(shots)))
    tried = development[SHOTS : SHOTS + MOST] or development
    formats = ("letters", "texts", "texts per byte") if suite.form in CHOICES and has_weights(model) else (suite.format,)
    best: tuple[Suite, tuple[Item, ...]] = (suite, ())
    reached, ways = -1.0, 0
    for format in formats:
        for examples in ((), shots):
            way = suite.option(format=format)
            found = forms.form(way).read(journal, model, Asked(way, "plain", examples), tried)
            values = [right(item, one) or 0.0 for item, one in zip(tried, found, strict=True)]
            ways += 1
            if float(np.mean(values)) > reached:
                best, reached = (way, examples), float(np.mean(values))
    told = f"best of {ways} ways on {len(tried)} other rows: {_told(model, best[0], len(best[1]))}"
    return Chosen(best[0], best[1], measured, told)


def limited(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """Whole groups in their order, as many as `most` rows allow but at least one group; 0 = all."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    kept: list[Item] = []
    for group in groups.values():
        if most and kept and len(kept) + len(group) > most:
            break
        kept += group
    return tuple(kept)


def by_words(one: Chosen) -> Chosen:
    """The same way by the choices' own words, which stand in no place."""
    told = one.told.replace("log-probabilities of letters", "log-probabilities of texts").partition(", orders")[0]
    return Chosen(one.suite.option(format="texts"), one.shots, one.measured, f"{told}, {len(one.shots) or 'no'} examples")


def _told(model: Model, suite: Suite, shots: int) -> str:
    how = f"{shots} examples" if shots else "zero-shot"
    if suite.form not in CHOICES:
        return f"likelihood of sentences, {how}" if suite.form == "pairs" else f"greedy replies of up to {suite.max_tokens} tokens, {how}"
    if not has_weights(model):
        return f"letters in replies, orders: {suite.orders}, {how}"
    order = f", orders: {suite.orders}" if suite.format == "letters" else ""
    return f"log-probabilities of {suite.format}{order}, {how}"
