"""Linear probes beside what they must beat: the same labels shuffled, the words alone, the length alone, prompts from elsewhere.

A probe that does not beat them tells nothing of what the model represents: it is shown, says so, and never enters a gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spiritlevel import stats
from spiritlevel.errors import DataError
from spiritlevel.judges.heads import Fitter, Floats, Head, area_within, cell_weights, fit_head, folds, logistic, means
from spiritlevel.judges.heads import out_of_fold as held_out
from spiritlevel.judges.probe import form_of
from spiritlevel.types import Controlled, Estimate

Parts = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
"""(train, test) rows of each fold."""
KINDS: dict[str, Fitter] = {"logistic": logistic, "means": means}
"""means: difference in means, the direction that interventions use (Marks & Tegmark 2023)."""
SHUFFLES = 5
ROUNDS = 200


@dataclass(frozen=True)
class Contrast:
    """Texts of two sides, with the groups that folds keep whole. DataError when a side is empty or both hold the same text."""

    texts: tuple[str, ...]
    labels: NDArray[np.bool_]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        sides = [{t for t, y in zip(self.texts, self.labels, strict=True) if y == side} for side in (True, False)]
        if not all(sides):
            which = "positive" if not sides[0] else "negative"
            raise DataError(f"A contrast set of {len(self.texts)} texts has none on its {which} side; give texts of both sides.")
        if both := sides[0] & sides[1]:
            raise DataError(f"A contrast set has {min(both)!r:.80} on both of its sides ({len(both)} such texts); keep the sides apart.")

    @property
    def forms(self) -> NDArray[np.str_]:
        """Question or order: a surface form that must not stand in for the label."""
        return np.asarray([form_of(text) for text in self.texts])


def finite(states: NDArray[np.generic], what: str) -> None:
    """DataError when activations (n, d) hold NaN or infinite values: a probe of them would be made of noise."""
    good = np.isfinite(np.asarray(states, dtype=float)).reshape(len(states), -1).all(1)
    if not good.all():
        raise DataError(
            f"{what} holds NaN or infinite activations in {int((~good).sum())} of {len(good)} rows; "
            "the weights or the number format are broken."
        )


def fit(
    states: NDArray[np.generic], contrast: Contrast, *, kind: str = "logistic", c: float = 0.003, seed: int = 0, name: str = "auroc"
) -> Head:
    """One probe of states (n, d), with its out-of-fold AUROC, the mean within questions and orders."""
    finite(states, name)
    return fit_head(
        states,
        list(contrast.labels),
        contrast.groups,
        seed=seed,
        cs=(c,),
        name=name,
        strata=list(contrast.forms),
        how=KINDS[kind],
        rounds=ROUNDS,
    )


def controlled(
    head: Head,
    states: NDArray[np.generic],
    contrast: Contrast,
    *,
    layer: int,
    position: str,
    phase: str,
    kind: str = "logistic",
    c: float = 0.003,
    seed: int = 0,
    elsewhere: tuple[NDArray[np.generic], Contrast] | None = None,
) -> Controlled:
    """The probe beside its controls, all out of fold on the same grouped folds.

    Shuffled labels (a group keeps one label): selectivity after Hewitt & Liang 2019, section 2. `elsewhere`: states and contrast of
    another source, read by the probe and by the bag of words as they were fitted here. It stands when the lower bound of its lead over
    the best control is above 0.
    """
    y, forms, groups = contrast.labels, contrast.forms, list(contrast.groups)
    weight, parts = cell_weights(y, forms), folds(y, groups, seed)
    x = np.asarray(states, dtype=float)
    shuffled = []
    for turn in range(SHUFFLES):
        labels = _shuffled(y, groups, seed + turn, parts)
        shuffled.append(area_within(held_out(x, labels, cell_weights(labels, forms), parts, c, KINDS[kind]), labels, forms))
    words, lengths = (held_out_words(contrast, weight, parts), held_out(_lengths(contrast.texts), y, weight, parts, 1.0))
    scores = {"words": words, "length": lengths}
    areas = {name: _area(s, contrast, seed, name) for name, s in scores.items()}
    best = max(areas, key=lambda name: areas[name].value)

    def lead(a: Floats, b: Floats, labels: NDArray[np.bool_], within: NDArray[np.str_]) -> float:
        return area_within(a, labels, within) - area_within(b, labels, within)

    margin = stats.cluster_bootstrap(
        lead, [head.out_of_fold, scores[best], y, forms], groups, seed=seed, name="lead_over_controls", rounds=ROUNDS
    )
    away = away_words = None
    if elsewhere is not None:
        there, other = elsewhere
        away = _area(head.probability(there), other, seed, "transfer")
        away_words = _area(words_of(contrast, weight, other.texts), other, seed, "transfer_words")
    spread = float(np.std(shuffled))
    chance = float(np.mean(shuffled))
    return Controlled(
        layer=layer,
        position=position,
        phase="before" if phase == "before" else "after",
        probe=head.auroc,
        shuffled=Estimate(
            name="shuffled",
            value=chance,
            low=min(shuffled),
            high=max(shuffled),
            n=SHUFFLES,
            confidence=1.0,
            method=f"range over {SHUFFLES} shuffles, standard deviation {spread:.3f}",
        ),
        words=areas["words"],
        length=areas["length"],
        lead=margin.model_copy(update={"method": f"over {best}; {margin.method}"}),
        transfer=away,
        transfer_words=away_words,
        stands=margin.low > 0 and head.auroc.low > max(shuffled),
    )


def _area(scores: Floats, contrast: Contrast, seed: int, name: str) -> Estimate:
    columns = [scores, contrast.labels, contrast.forms]
    return stats.cluster_bootstrap(area_within, columns, list(contrast.groups), seed=seed, name=name, rounds=ROUNDS)


def _shuffled(labels: NDArray[np.bool_], groups: Sequence[str], seed: int, parts: Parts) -> NDArray[np.bool_]:
    """Labels drawn at random, as many of each; what shares a group and a label keeps sharing one; each training part has both."""
    names, place = np.unique([f"{g} {y}" for g, y in zip(groups, labels, strict=True)], return_inverse=True)
    own = np.zeros(len(names), dtype=bool)
    own[place] = labels
    rng = np.random.default_rng(seed)
    drawn = labels
    for _ in range(100):  # with two groups of a class a draw can leave a training part without it
        drawn = np.asarray(rng.permutation(own)[place])
        if all(len(set(drawn[train])) == 2 for train, _ in parts):
            break
    else:
        raise DataError("A contrast set is too small for shuffled labels; give more texts of each side.")
    return drawn


def _lengths(texts: Sequence[str]) -> Floats:
    return np.asarray([[np.log1p(len(t)), np.log1p(len(t.split())), np.log1p(t.count("."))] for t in texts])


def held_out_words(contrast: Contrast, weight: Floats, parts: Parts) -> Floats:
    """Out-of-fold scores of words and word pairs alone."""
    scores = np.zeros(len(contrast.texts))
    for train, test in parts:
        part = Contrast(tuple(contrast.texts[i] for i in train), contrast.labels[train], tuple(contrast.groups[i] for i in train))
        scores[test] = words_of(part, weight[train], [contrast.texts[i] for i in test])
    return scores


def words_of(contrast: Contrast, weight: Floats, texts: Sequence[str]) -> Floats:
    """Scores of other texts by a logistic regression on words and word pairs (tf-idf), fitted to a contrast."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    reader = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\b\w+\b|[?!]")
    model = LogisticRegression(C=3.0, max_iter=2000).fit(reader.fit_transform(contrast.texts), contrast.labels, sample_weight=weight)
    return np.asarray(model.decision_function(reader.transform(texts)))
