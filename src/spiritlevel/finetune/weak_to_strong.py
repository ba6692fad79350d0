"""Weak-to-strong training (Burns et al. 2023): supervisor and ceiling learn from true labels, the students from the supervisor's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import DataError
from spiritlevel.finetune import classify
from spiritlevel.finetune.classify import ClassifySettings, Learner, Lesson, States, hashed
from spiritlevel.types import Frozen, Journal, LabelledText, Labelling, Overseen, content_hash

LEAST = 12
"""Groups of each label under which no three parts are worth cutting."""
Role = Literal["weak", "ceiling", "plain", "confident"]
WHO: dict[Role, str] = {"weak": "a supervisor", "ceiling": "a ceiling", "plain": "a student", "confident": "a confident student"}
Floats = NDArray[np.float64]


class Training(Frozen):
    """One unit: a model that is trained, and asked of its texts."""

    role: Role
    seed: int
    learner: Learner
    lesson: str
    """Hash of what it learns."""
    settings: ClassifySettings


class Said(Frozen):
    """What it says of the texts that it is asked of, in their order."""

    probabilities: tuple[float, ...]


class Parts(Frozen):
    """Places of the texts of each part, rising; disjoint, and no group in two of them."""

    supervisor: tuple[int, ...]
    student: tuple[int, ...]
    test: tuple[int, ...]


def parts(texts: Sequence[LabelledText], seed: int) -> Parts:
    """Thirds of the texts, by whole groups. The test part is the same for every seed; the rest is dealt out anew by each.

    DataError for one label only, too few groups, or a part that lacks a label.
    """
    groups = {side: {t.group for t in texts if t.label is side} for side in (True, False)}
    for side, found in groups.items():
        if not found:
            raise DataError(f"every text has the label {int(not side)}, so there is nothing to tell apart; give texts of both labels")
        if len(found) < LEAST:
            raise DataError(f"{len(found)} groups have a text labelled {int(side)}, too few for three parts; give at least {LEAST}")
    size: dict[str, int] = {}
    for one in texts:
        size[one.group] = size.get(one.group, 0) + 1
    test = _taken(sorted(size, key=lambda g: content_hash("oversight test", g)), size, len(texts) / 3)
    rest = sorted(size.keys() - test, key=lambda g: content_hash("oversight", seed, g))
    mine = _taken(rest, size, sum(size[g] for g in rest) / 2)
    of = ["test" if t.group in test else "supervisor" if t.group in mine else "student" for t in texts]
    for part in ("supervisor", "student", "test"):
        if len({t.label for t, own in zip(texts, of, strict=True) if own == part}) < 2:
            raise DataError(f"the {part} part of {of.count(part)} texts has one label only; give more groups, and smaller ones")
    return Parts(**{part: tuple(i for i, own in enumerate(of) if own == part) for part in ("supervisor", "student", "test")})


def _taken(groups: Sequence[str], size: dict[str, int], most: float) -> set[str]:
    """The first groups, as long as half of the next one still fits under `most` texts."""
    taken, held = set[str](), 0
    for group in groups:
        if held + size[group] / 2 <= most:
            taken.add(group)
            held += size[group]
    return taken


@dataclass(frozen=True)
class Pupil:
    """Who is trained: all that a training needs beside its lesson."""

    journal: Journal
    texts: Sequence[LabelledText]
    learner: Learner
    states: States | None
    """Of a frozen body."""
    settings: ClassifySettings

    def lesson(self, places: Sequence[int], targets: Floats, seed: int, alpha: float = 0.0) -> Lesson:
        """The texts at `places` with their targets."""
        of = [self.texts[i] for i in places]
        return Lesson(tuple(places), [t.text for t in of], np.asarray(targets, dtype=float), [t.group for t in of], seed, alpha)

    def taught(self, role: Role, lessons: Sequence[Lesson], asked: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """What each lesson's model says of the texts at `asked`. A training that is done is not done again."""
        hashes = [content_hash(hashed(one), *(self.texts[i].text for i in places)) for one, places in zip(lessons, asked, strict=True)]
        units = [
            Training(role=role, seed=one.seed, learner=self.learner, lesson=hash, settings=self.settings)
            for one, hash in zip(lessons, hashes, strict=True)
        ]

        def work(todo: Sequence[Training]) -> Iterator[tuple[int, Said]]:
            for at, unit in enumerate(todo):
                place = units.index(unit)
                yield at, Said(probabilities=tuple(self._one(role, lessons[place], asked[place]).tolist()))

        salt = self.states.blob if self.states else ""
        found = self.journal.map("classifier", units, work, Said, salt=salt, label=f"training {WHO[role]}")
        return [said.probabilities for said in self.journal.rows(found, Said)]

    def _one(self, role: Role, lesson: Lesson, asked: Sequence[int]) -> Floats:
        read = [self.texts[i].text for i in asked]
        if self.learner.ref is None:
            return classify.with_words(lesson, read)
        if self.states is not None:
            known = np.load(self.journal.path(self.states.blob) / classify.FILE)
            return classify.on_states(lesson, known[list(lesson.places)], known[list(asked)])
        label = f"training {WHO[role]}, seed {lesson.seed}"
        return classify.tuned(
            self.journal, self.learner, lesson, read, self.settings, lambda point, total: self.journal.progress(label, point.step, total)
        )


def run(
    journal: Journal,
    texts: tuple[LabelledText, ...],
    weak: Learner,
    strong: Learner,
    seeds: int,
    settings: ClassifySettings,
    weak_states: States | None = None,
    strong_states: States | None = None,
) -> Overseen:
    """Four trainings for each seed, each a unit. `*_states`: of a model whose body stays frozen. DataError as `parts`."""
    cut = [parts(texts, seed) for seed in range(seeds)]
    truth = np.asarray([t.label for t in texts], dtype=float)
    teacher, pupil = (Pupil(journal, texts, learner, read, settings) for learner, read in ((weak, weak_states), (strong, strong_states)))

    def true(of: Pupil, part: Literal["supervisor", "student"]) -> list[Lesson]:
        places = [getattr(p, part) for p in cut]
        return [of.lesson(own, truth[list(own)], seed) for seed, own in enumerate(places)]

    def weakly(alpha: float) -> list[Lesson]:
        return [pupil.lesson(p.student, np.asarray(labels[s][: len(p.student)]), s, alpha) for s, p in enumerate(cut)]

    tests = [p.test for p in cut]
    labels = teacher.taught("weak", true(teacher, "supervisor"), [p.student + p.test for p in cut])
    ceiling = pupil.taught("ceiling", true(pupil, "student"), tests)
    plain, confident = pupil.taught("plain", weakly(0.0), tests), pupil.taught("confident", weakly(settings.alpha), tests)
    rows = [
        Labelling(
            place=place,
            seed=seed,
            part="test" if at >= 0 else "student",
            group=texts[place].group,
            label=texts[place].label,
            weak=said,
            ceiling=ceiling[seed][at] if at >= 0 else None,
            plain=plain[seed][at] if at >= 0 else None,
            confident=confident[seed][at] if at >= 0 else None,
        )
        for seed, part in enumerate(cut)
        for at, (place, said) in enumerate(zip(part.student + part.test, labels[seed], strict=True), -len(part.student))
    ]
    return Overseen(
        weak=weak.name,
        strong=strong.name,
        trained=settings.what,
        alpha=settings.alpha,
        seeds=seeds,
        texts=(len(cut[0].supervisor), len(cut[0].student), len(cut[0].test)),
        labellings=journal.put("labelling", rows),
    )
