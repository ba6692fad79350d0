"""Heads: grouped folds, calibration, clipping, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from spiritlevel.errors import DataError
from spiritlevel.judges.heads import Head, fit_head, folds, platt


def data(n: int = 240, signal: float = 1.5) -> tuple[np.ndarray, list[bool], list[str]]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2 == 0
    x = rng.normal(size=(n, 12))
    x[:, 3] += signal * y
    x[:, 5] *= 2e4  # the residual stream's loud dimension
    return x, y.tolist(), [f"g{i // 2}" for i in range(n)]


def test_fit_finds_the_signal_calibrates_and_survives_saving(tmp_path: Path) -> None:
    x, y, groups = data()
    head = fit_head(x, y, groups)
    assert 0.75 < head.auroc.value < 0.95
    assert head.auroc.n == 120
    p = head.out_of_fold
    assert abs(p.mean() - 0.5) < 0.05
    sure = p > 0.7
    assert abs(np.asarray(y)[sure].mean() - p[sure].mean()) < 0.12
    head.save(tmp_path)
    again = Head.load(tmp_path)
    assert np.array_equal(again.probability(x), head.probability(x))
    assert again.digest == head.digest
    assert fit_head(x, y, groups).digest == head.digest


def test_groups_are_never_split_and_leakage_by_group_does_not_count() -> None:
    rng = np.random.default_rng(1)
    groups = [f"g{i // 8}" for i in range(240)]
    y = np.repeat(rng.integers(0, 2, 30), 8).astype(bool)
    x = np.repeat(rng.normal(size=(30, 20)), 8, axis=0)  # a group is recognisable, its label is chance
    for train, test in folds(y, groups, 0):
        assert not {groups[i] for i in train} & {groups[i] for i in test}
    assert fit_head(x, y.tolist(), groups).auroc.value < 0.75


def test_a_loud_outlier_cannot_move_a_verdict_far() -> None:
    x, y, groups = data()
    head = fit_head(x, y, groups)
    loud = x[:1].copy()
    loud[0, 0] = 1e9
    quiet = x[:1].copy()
    quiet[0, 0] = head.mean[0] + 5 * head.scale[0]
    assert head.probability(loud)[0] == pytest.approx(head.probability(quiet)[0])


def test_platt_of_worse_than_chance_scores_says_nothing() -> None:
    y = np.arange(100) % 2 == 0
    assert platt(-y.astype(float), y, np.ones(100)) == (0.0, 0.0)


def test_a_form_that_goes_with_the_label_is_not_learnt_in_its_place() -> None:
    rng = np.random.default_rng(2)
    y = np.arange(400) % 2 == 0
    order = np.where(rng.random(400) < 0.85, y, ~y)  # 85 % of the harmful are orders, 85 % of the harmless questions
    x = np.stack([rng.normal(size=400) + 1.2 * y, rng.normal(size=400) * 0.1 + order], axis=1)
    groups, forms = [str(i) for i in range(400)], ["order" if o else "question" for o in order]
    plain, fair = fit_head(x, y.tolist(), groups), fit_head(x, y.tolist(), groups, strata=forms)
    share = [abs(h.coef[1]) / abs(h.coef[0]) for h in (plain, fair)]
    assert share[1] < 0.35 < share[0]
    assert plain.auroc.value > fair.auroc.value  # what the form had lent


def test_too_few_groups_is_one_sentence() -> None:
    with pytest.raises(DataError, match="at least 2 prompt groups"):
        fit_head(np.zeros((4, 2)), [True, True, False, False], ["a", "a", "b", "c"])
