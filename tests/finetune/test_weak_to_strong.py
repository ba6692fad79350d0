import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.finetune import classify, weak_to_strong
from spiritlevel.finetune.classify import ClassifySettings, Learner, Lesson
from spiritlevel.types import LabelledText, Labelling

THINGS = ["bank", "school", "river", "garden", "window", "letter", "train", "market", "hotel", "bridge", "harbour", "tower"]
TEXTS = tuple(
    LabelledText(text=f"the {thing} number {n} is {'safe' if (n + k) % 2 else 'harm'}", label=bool((n + k) % 2), group=f"{thing} {n // 2}")
    for k, thing in enumerate(THINGS)
    for n in range(12)
)
WORDS = Learner(name="bag-of-words")
FAST = ClassifySettings(frozen=False, epochs=3, lr=3e-3, batch_tokens=400, save_every=1, alpha=0.75)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tiny():
    return Learner(name="tiny:llama", ref=backends.resolve("tiny:llama"))


def test_parts_are_disjoint_whole_groups_and_the_test_part_is_always_the_same():
    cuts = [weak_to_strong.parts(TEXTS, seed) for seed in range(3)]
    for cut in cuts:
        assert sorted(cut.supervisor + cut.student + cut.test) == list(range(len(TEXTS)))
        named = [{TEXTS[i].group for i in part} for part in (cut.supervisor, cut.student, cut.test)]
        assert not named[0] & named[1]
        assert not named[0] & named[2]
        assert not named[1] & named[2]
        assert min(map(len, (cut.supervisor, cut.student, cut.test))) > len(TEXTS) / 4
    assert len({cut.test for cut in cuts}) == 1
    assert len({cut.student for cut in cuts}) == 3
    turned = weak_to_strong.parts(TEXTS[::-1], 0)
    assert {TEXTS[i].text for i in cuts[0].test} == {TEXTS[::-1][i].text for i in turned.test}  # the file's order is no matter


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([t for t in TEXTS if t.label], "label 1, so there is nothing to tell apart"),
        ([t for t in TEXTS if not t.label], "label 0, so there is nothing"),
        (TEXTS[:20], "10 groups have a text labelled 1, too few for three parts; give at least 12"),
        ([t for t in TEXTS if not t.label] + [t for t in TEXTS if t.label][:4], "groups have a text labelled 1, too few"),
    ],
)
def test_texts_that_cannot_be_cut(texts, told):
    with pytest.raises(DataError, match=told):
        weak_to_strong.parts(texts, 0)


def test_one_group_that_holds_most_texts():
    texts = [LabelledText(text=f"{i}", label=i % 2 == 0, group="all" if i > 40 else str(i)) for i in range(400)]
    with pytest.raises(DataError, match="has one label only; give more groups, and smaller ones"):
        weak_to_strong.parts(texts, 0)


def test_words_learn_what_words_tell():
    cut = weak_to_strong.parts(TEXTS, 0)
    lesson = of(cut.supervisor)
    said = classify.with_words(lesson, [TEXTS[i].text for i in cut.test])
    assert ((said > 0.5) == [TEXTS[i].label for i in cut.test]).mean() > 0.95
    with pytest.raises(DataError, match="has a word in it"):
        classify.with_words(Lesson(cut.supervisor, ["..."] * len(lesson.texts), lesson.targets, lesson.groups, 0), ["a"])


def of(places, targets=None, alpha=0.0):
    given = [TEXTS[i].label for i in places] if targets is None else targets
    return Lesson(places, [TEXTS[i].text for i in places], np.asarray(given, dtype=float), [TEXTS[i].group for i in places], 0, alpha)


def test_more_features_than_texts_are_fitted_in_the_rows_span():
    from spiritlevel.finetune import soft

    rng = np.random.default_rng(0)
    x, read = rng.normal(size=(60, 200)), rng.normal(size=(9, 200))
    y = (x[:, 0] > 0).astype(float)
    lesson = Lesson(tuple(range(60)), [""] * 60, y, [str(i) for i in range(60)], 0)
    c = soft.strength(x, y, lesson.groups, (0.1,), 0)
    assert classify._headed(lesson, x, read, (0.1,)) == pytest.approx(soft.probabilities(read, soft.fit(x, y, c)), abs=1e-3)


@pytest.mark.parametrize(("first", "lora_rank", "alpha"), [(None, None, 0.0), (1, None, 0.75), (None, 4, 0.75)])
def test_a_body_learns_what_its_targets_say(tiny, first, lora_rank, alpha):
    cut = weak_to_strong.parts(TEXTS, 0)
    learner = tiny.model_copy(update={"first": first})
    settings = FAST.model_copy(update={"lora_rank": lora_rank, "lr": 3e-3 if lora_rank is None else 2e-2})
    said = classify.tuned(MemoryJournal(), learner, of(cut.supervisor, alpha=alpha), [TEXTS[i].text for i in cut.test], settings)
    assert said.shape == (len(cut.test),)
    assert ((said > 0.5) == [TEXTS[i].label for i in cut.test]).mean() > 0.9


def test_a_training_that_was_stopped_goes_on_to_the_same_end(tiny):
    cut, read = weak_to_strong.parts(TEXTS, 0), [t.text for t in TEXTS[:20]]
    lesson, whole, broken = of(cut.supervisor, alpha=0.75), MemoryJournal(), MemoryJournal()
    expected = classify.tuned(whole, tiny, lesson, read, FAST)
    steps = []

    def stop(point, total):
        steps.append(point.step)
        if point.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify.tuned(broken, tiny, lesson, read, FAST, stop)
    again = classify.tuned(broken, tiny, lesson, read, FAST, lambda point, total: steps.append(point.step))
    assert steps[:4] == [1, 2, 3, 3]  # the third step was not saved yet
    assert steps[3:] == list(range(3, steps[-1] + 1))
    assert np.array_equal(again, expected)
    assert list((broken.folder / "scratch").iterdir()) == []  # its state is not kept once it is done


def test_blocks_that_a_body_lacks_and_a_text_that_is_too_long(tiny):
    cut = weak_to_strong.parts(TEXTS, 0)
    with pytest.raises(ConfigError, match="the first 99 blocks of 2 cannot be taken"):
        classify.tuned(MemoryJournal(), tiny.model_copy(update={"first": 99}), of(cut.supervisor), ["a"], FAST)
    with pytest.raises(DataError, match=r"'harm harm.*tokens, and 2 to 32 can be read; leave it out or shorten it"):
        classify.tuned(MemoryJournal(), tiny, of(cut.supervisor), ["harm " * 60], FAST.model_copy(update={"max_length": 32}))


def test_students_are_told_what_the_supervisor_says_and_nothing_else(tiny, monkeypatch):
    """A supervisor that says the opposite: students learn the opposite, the ceiling does not."""
    monkeypatch.setattr(classify, "with_words", lambda lesson, read: np.asarray([0.9 if t.endswith("harm") else 0.1 for t in read]))
    journal = MemoryJournal()
    read = classify.states(journal, tiny, TEXTS, 1.0)
    made = weak_to_strong.run(journal, TEXTS, WORDS, tiny, 2, ClassifySettings(), None, read)
    rows = journal.rows(made.labellings, Labelling)
    test = [r for r in rows if r.part == "test"]
    assert {r.part for r in rows} == {"student", "test"}
    assert len(test) == 2 * made.texts[2]
    assert all(r.ceiling is None for r in rows if r.part == "student")
    assert np.mean([(r.ceiling > 0.5) == r.label for r in test]) > 0.95
    for who in ("weak", "plain", "confident"):
        assert np.mean([(getattr(r, who) > 0.5) == r.label for r in test]) < 0.05
    assert made.trained == "a head"

    def never(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(classify, "with_words", never)
    monkeypatch.setattr(classify, "on_states", never)
    assert weak_to_strong.run(journal, TEXTS, WORDS, tiny, 2, ClassifySettings(), None, read) == made


def test_a_supervisor_may_be_the_first_blocks_of_the_student(tiny):
    journal = MemoryJournal()
    first = tiny.model_copy(update={"name": "first:1", "first": 1})
    states = [classify.states(journal, one, TEXTS, 1.0) for one in (first, tiny)]
    assert [s.layer for s in states] == [1, 2]
    made = weak_to_strong.run(journal, TEXTS, first, tiny, 1, ClassifySettings(), *states)
    assert len(journal.rows(made.labellings, Labelling)) == made.texts[1] + made.texts[2]
    with pytest.raises(ConfigError, match="out of range"):
        classify.states(journal, tiny.model_copy(update={"first": 9}), TEXTS, 1.0)
