import numpy as np
import pytest

from spiritlevel.errors import ConfigError, DataError
from spiritlevel.raters.features import features
from spiritlevel.raters.report import report
from spiritlevel.raters.simulated import rate
from spiritlevel.types import Item, Rating, user

WORDS = ["yes", "no", "go", "on", "and", "then", "see", "it", "there", "now"]


def pairs(n, seed=0):
    """Pairs with natural differences of length, and praise or certainty in some replies."""
    rng = np.random.default_rng([seed, 99])

    def text():
        said = " ".join(rng.choice(WORDS, size=int(rng.integers(3, 20))))
        said = f"Great question! {said}" if rng.random() < 0.4 else said
        return f"{said}, absolutely." if rng.random() < 0.4 else said

    return [Item(id=f"i{i}", chat=user(f"q{i}"), a=text(), b=text()) for i in range(n)]


def worths(n, seed=0):
    return [tuple(row) for row in np.random.default_rng([seed, 5]).normal(size=(n, 2)) * 2]


def test_features_of_a_text():
    found = features("Great question! It is CERTAINLY so.\n- one\n- two\nMaybe research.", "research")
    assert (found["flattery"], found["confident"], found["hedging"], found["lists"], found["keyword"]) == (1, 1, 1, 2, 1)
    assert features("") == {"length": 0, "lists": 0, "flattery": 0, "confident": 0, "hedging": 0}


@pytest.mark.parametrize("name", ["position", "length", "flattery", "confident"])
def test_a_planted_lean_is_named_and_no_other(name):
    items = pairs(200)
    found = report(items, rate(items, worths(200), raters=4, biases={name: 2.0}, seed=3), rounds=100)
    assert [b.name for b in found.biases if b.named] == [name]
    (bias,) = (b for b in found.biases if b.named)
    assert bias.lean.low > 0.3


def test_nothing_planted_nothing_named():
    for seed in range(8):
        items = pairs(80, seed)
        assert not any(b.named for b in report(items, rate(items, worths(80, seed), raters=4, seed=seed), rounds=100).biases)


def test_quality_from_elsewhere_takes_away_what_only_looks_like_a_lean():
    items = pairs(150)
    longer = [(len(i.a) / 15, len(i.b) / 15) for i in items]
    ratings = rate(items, longer, raters=4, seed=1)
    assert {b.name for b in report(items, ratings, rounds=100).biases if b.named} == {"length"}
    assert not any(b.named for b in report(items, ratings, quality=longer, rounds=100).biases)


def test_a_careless_rater_is_told_from_careful_ones():
    items = pairs(150)
    ratings = rate(items, worths(150), raters=4, seed=1) + rate(items, worths(150), noise=0.5, panel="x", seed=9)
    found = report(items, ratings, rounds=100)
    by = {r.rater: r for r in found.raters}
    assert by["x1"].right < min(by[str(i)].right for i in range(1, 5))
    assert by["x1"].agrees.value < 0.65 < found.ceiling.value
    assert 0 < found.alpha.low < found.alpha.value < found.alpha.high < 1
    assert len(found.kappa) == 10
    assert found.second[0][1] > 0.5


def test_groups_that_differ_are_shown_apart():
    items = pairs(100)
    one, other = worths(100), [(b, a) for a, b in worths(100)]
    apart = report(items, rate(items, one, raters=6, panel="A", seed=1) + rate(items, other, raters=6, panel="B", seed=2), rounds=100)
    assert [p.panel for p in apart.panels] == ["A", "B"]
    assert apart.panels[0].alpha.low > apart.alpha.high
    assert apart.between.value > 0.8
    assert apart.between_p < 0.02
    alike = report(items, rate(items, one, raters=6, panel="A", seed=1) + rate(items, one, raters=6, panel="B", seed=2), rounds=100)
    assert alike.between.value < 0.3
    assert alike.between_p > 0.05


def test_odd_raters_are_named():
    items = pairs(20)
    ratings = [
        Rating(item="i0", rater="once", value=1, first="a"),
        *(Rating(item=i.id, rater="same", value=1, first="ab"[n % 2]) for n, i in enumerate(items)),
        *(Rating(item=i.id, rater="left", value=float(n % 2), first="ba"[n % 2]) for n, i in enumerate(items)),
        Rating(item="i3", rater="silent", value=None, first="a"),
    ]
    found = report(items, ratings, rounds=100)
    told = " ".join(found.notes)
    assert "'once' gave one label" in told
    assert "'same' gave the same label" in told
    assert "'left' always preferred the first" in told
    assert found.could_not_say == 1


def test_labels_in_a_circle_are_counted():
    items = [Item(id=x + y, chat=user("q"), a=x, b=y) for x, y in ("pq", "qr", "rp")]
    found = report(items, [Rating(item=i.id, rater="r", value=1, first="a") for i in items], rounds=100)
    assert "1 triads of replies are preferred in a circle" in found.notes[-1]


def test_a_scale_has_severities():
    items = [Item(id=f"i{i}", chat=user(f"q{i}"), a="x") for i in range(30)]
    ratings = [
        Rating(item=f"i{i}", rater=name, value=min(max(i / 30 - severe, 0), 1), first="alone")
        for i in range(30)
        for name, severe in (("mild", -0.1), ("hard", 0.1))
    ]
    found = report(items, ratings, rounds=100)
    assert found.scale
    assert not found.biases
    assert {r.rater: round(r.severity, 1) for r in found.raters} == {"mild": -0.1, "hard": 0.1}


def test_the_last_label_counts_and_strange_ones_are_refused():
    items = pairs(5)
    twice = [Rating(item="i0", rater="r", value=0, first="a"), Rating(item="i0", rater="r", value=1, first="a")]
    assert report(items, twice, rounds=100).ratings == 1
    with pytest.raises(DataError, match="no ratings"):
        report(items, [])
    with pytest.raises(DataError, match="not in the set"):
        report(items, [Rating(item="other", rater="r", value=1, first="a")])
    mixed, alone = [*items, Item(id="s", chat=user("q"), a="x")], Rating(item="s", rater="r", value=1, first="alone")
    with pytest.raises(DataError, match="mixes pairs"):
        report(mixed, [*twice, alone])
    with pytest.raises(ConfigError, match="cannot lean to 'smell'"):
        rate(items, worths(5), biases={"smell": 1})
