"""Probes beside their controls: known answers, and contrast sets that are none."""

import numpy as np
import pytest

from spiritlevel.errors import ConfigError, DataError
from spiritlevel.interpret import contrasts, probes
from spiritlevel.interpret.probes import Contrast
from spiritlevel.judges.heads import means

WORDS = ["river", "stone", "cloud", "lamp", "chair", "bread", "wheel", "glass", "paper", "shirt", "north", "field"]


def contrast(n: int = 120, telling: str = "", seed: int = 0) -> Contrast:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2 == 0
    texts = [" ".join(rng.choice(WORDS, 6)) + f" {i + 1000 * seed}" + (f" {telling}" if telling and y[i] else "") for i in range(n)]
    return Contrast(tuple(texts), y, tuple(f"g{i // 2}" for i in range(n)))


def states(y: np.ndarray, signal: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(len(y), 20))
    x[:, 3] += signal * y
    return x


def control(c: Contrast, x: np.ndarray, kind: str = "logistic", **more):
    head = probes.fit(x, c, kind=kind, c=0.01)
    return probes.controlled(head, x, c, layer=1, position="end", phase="after", kind=kind, c=0.01, **more)


@pytest.mark.parametrize("kind", ["logistic", "means"])
def test_a_probe_that_knows_more_than_words_stands(kind):
    c = contrast()
    found = control(c, states(c.labels, 3.0), kind)
    assert found.stands
    assert found.probe.value > 0.9
    assert 0.35 < found.words.value < 0.65
    assert 0.3 < found.shuffled.low <= found.shuffled.value <= found.shuffled.high < 0.7
    assert found.lead.low > 0.2


def test_noise_and_what_words_tell_as_well_do_not_stand():
    c = contrast()
    assert not control(c, states(c.labels, 0.0)).stands
    told = contrast(telling="robbery")
    found = control(told, states(told.labels, 3.0))
    assert found.words.value > 0.85
    assert not found.stands


def test_length_alone_is_a_control():
    c = contrast()
    long = Contrast(tuple(t + " and so on and on." * (1 + 3 * bool(y)) for t, y in zip(c.texts, c.labels, strict=True)), c.labels, c.groups)
    found = control(long, states(c.labels, 3.0))
    assert found.length.value > 0.95
    assert not found.stands


def test_transfer_to_another_source():
    c, other = contrast(), contrast(60, seed=1)
    found = control(c, states(c.labels, 3.0), elsewhere=(states(other.labels, 3.0), other))
    assert found.transfer is not None
    assert found.transfer_words is not None
    assert found.transfer.value > 0.85 > 0.7 > found.transfer_words.value


def test_difference_in_means_points_from_one_mean_to_the_other():
    x = np.asarray([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0]])
    y = np.asarray([False, False, True, True])
    coef, bias = means(x, y, np.ones(4), 1.0)
    np.testing.assert_allclose(coef, [4.0, 0.0])
    assert bias == -8.0  # half way lies at 2


def test_a_contrast_set_that_is_none():
    with pytest.raises(DataError, match="none on its negative side"):
        Contrast(("a", "b"), np.asarray([True, True]), ("0", "1"))
    with pytest.raises(DataError, match="none on its positive side"):
        Contrast((), np.asarray([], dtype=bool), ())
    with pytest.raises(DataError, match="'a' on both of its sides"):
        Contrast(("a", "b", "a"), np.asarray([True, True, False]), ("0", "1", "2"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_states_that_are_not_finite(value):
    c = contrast()
    x = states(c.labels, 1.0)
    x[5, 2] = value
    with pytest.raises(DataError, match="NaN or infinite activations in 1 of 120 rows"):
        probes.fit(x, c, name="layer 3")


def test_contrast_files(tmp_path):
    both = contrasts.texts(contrasts.HOME / "evaluation.md")
    assert both.labels.sum() == (~both.labels).sum() == 40
    assert len(set(both.groups)) == 40  # a topic's two sides stay in one fold
    pairs = contrasts.pairs(contrasts.HOME / "hidden-aims.md")
    assert len(pairs) >= 10
    assert all(a[0] == b[0] and a[1] != b[1] for a, b in pairs)
    head = "---\nid: x\n---\n\n# pairs\n"
    for text, message in [
        (head + "- a | b\n", r"x.md:6: 'a \| b' is no pair"),
        (head + "- a | b | b\n", "is no pair"),
        (head + "- a | b | c\n", "has 1 pairs"),
        ("- a\n", "no front matter"),
    ]:
        (tmp_path / "x.md").write_text(text, "utf-8")
        with pytest.raises(ConfigError, match=message):
            contrasts.pairs(tmp_path / "x.md")
    (tmp_path / "x.md").write_text("---\nid: x\n---\n# one\n- a\n# two\n", "utf-8")
    with pytest.raises(DataError, match="none on its negative side"):
        contrasts.texts(tmp_path / "x.md")
