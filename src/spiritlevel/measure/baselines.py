"""Scorers that know little, fitted on training pairs alone: what a reward model has to beat."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import DataError
from spiritlevel.measure.calibrating import slope
from spiritlevel.measure.pairs import group_of, log_words
from spiritlevel.types import Preference

Floats = NDArray[np.float64]
Scorer = Callable[[Sequence[Preference]], Floats]
"""Pairs to margins (n,): chosen less rejected."""

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse strengths of regularisation that cross-validation chooses from."""
FOLDS = 5
LEAST = 20


def apart(training: Sequence[Preference], held: Sequence[Preference]) -> list[Preference]:
    """Training pairs of groups that the held-out pairs do not have, with replies that differ and a decided label.

    DataError when fewer than 20 are left.
    """
    met = {group_of(p) for p in held}
    kept = [p for p in training if group_of(p) not in met and p.chosen != p.rejected and p.sure > 0.5]
    if len(kept) < LEAST:
        raise DataError(
            f"{len(kept)} of {len(training)} training pairs share no prompt group with the held-out ones and have a label; "
            f"baselines need at least {LEAST}: give more, or others"
        )
    return kept


def longer(pairs: Sequence[Preference]) -> Floats:
    """Difference in log words, as a (n,) margin: prefers the longer reply; fitted to nothing."""
    return np.asarray([log_words(p.chosen) - log_words(p.rejected) for p in pairs])


def fit_length(training: Sequence[Preference]) -> Scorer:
    """Longer or shorter is better, as the training pairs have it (a logistic regression on the difference in log words)."""
    weight = slope(longer(training), np.asarray([p.sure for p in training]))
    return lambda pairs: (0.0 if np.isnan(weight) else weight) * longer(pairs)


def fit_words(training: Sequence[Preference]) -> Scorer:
    """A logistic regression on the difference of the replies' words and word pairs, tf-idf or log counts.

    Form and strength are chosen by cross-validation over prompt groups. Without intercept, each pair both ways round: no order is
    preferred. Words seen in fewer than two training replies are left out.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    texts = [t for p in training for t in (p.chosen, p.rejected)]
    groups = np.unique([group_of(p) for p in training], return_inverse=True)[1]
    found = []
    for reader in (TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2), CountVectorizer(min_df=2)):
        try:
            reader.fit(texts)
        except ValueError:  # no word is in two replies
            continue
        features = _differences(reader, training)
        found += [(_held_out(features, groups, c), c, reader, features) for c in STRENGTHS]
    if not found:
        return lambda pairs: np.zeros(len(pairs))
    _, c, reader, features = max(found, key=lambda f: f[0])
    weights = _fit(features, c)
    return lambda pairs: np.asarray(_differences(reader, pairs) @ weights)


def _differences(reader: Any, pairs: Sequence[Preference]) -> Any:
    """Sparse (n, words): chosen less rejected, on a log scale."""
    chosen, rejected = (reader.transform([getattr(p, side) for p in pairs]).log1p() for side in ("chosen", "rejected"))
    return (chosen - rejected).tocsr()


def _fit(features: Any, strength: float) -> Floats:
    """Weights (words,) of the regression."""
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    both, labels = vstack([features, -features]).tocsr(), np.repeat([1, 0], features.shape[0])
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=2000).fit(both, labels)
    return np.asarray(model.coef_[0], dtype=float)


def _held_out(features: Any, groups: NDArray[np.int64], strength: float) -> float:
    """Mean log-likelihood of the left-out pairs over folds of whole groups."""
    fold = groups % FOLDS
    total = 0.0
    for k in np.unique(fold):
        margins = features[fold == k] @ _fit(features[fold != k], strength)
        total -= float(np.logaddexp(0, -margins).sum())
    return total / len(groups)
