"""Weak-to-strong: a weak supervisor's labels train a strong student (Burns et al. 2023)."""

from typing import Literal

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, RowSet

Part = Literal["supervisor", "student", "test"]
"""What a text is for: to train the supervisor, to train the student, or to test both."""


class LabelledText(Frozen):
    """A text with its true label."""

    text: str
    label: bool
    group: str
    """Texts of one group are never split over parts."""


class Labelling(Frozen):
    """What the models of one seed say of one text: probabilities that its label is true."""

    place: int
    """Of the text in the file, from 0."""
    seed: int
    part: Part
    group: str
    label: bool
    weak: float
    """The supervisor's word. On the student's part this is all that a student is told."""
    ceiling: float | None = None
    """The strong model trained on the true labels of the student's part; on the test part alone, as what follows."""
    plain: float | None = None
    """The student: the same strong model trained on the supervisor's labels."""
    confident: float | None = None
    """The student under the confidence loss."""


class Overseen(Frozen):
    """What was trained on what, and what it said."""

    weak: str
    strong: str
    trained: str
    """What of a model was trained: a head on frozen states, adapters of rank r, or all weights."""
    alpha: float
    """Weight of the student's own answers in the confidence loss."""
    seeds: int
    texts: tuple[int, int, int]
    """Of the supervisor's part, the student's (both in the first seed) and the test part (the same in every seed)."""
    labellings: RowSet
    """Labelling rows, of the student's part and the test part, in every seed."""


class Student(Frozen):
    """A student on the test part."""

    loss: Literal["plain", "confident"]
    accuracy: Estimate
    gained: Estimate
    """Over the supervisor, in pairs."""
    recovered: Estimate | None
    """Performance gap recovered: `gained` over `gap` (Burns 2023, section 3). None where refused."""
    agreement: Estimate
    """How often it says what the supervisor says."""
    on_right: Estimate
    """The same where the supervisor is right."""
    on_errors: Estimate
    """Where the supervisor errs: imitation of its errors."""
    imitation: Estimate
    """`on_errors` less the ceiling's: more than a strong model that never met the supervisor."""


class Oversight(Frozen):
    """How much of what a strong model can do is brought out by a weak supervisor."""

    overseen: Overseen
    weak: Estimate
    """Accuracy of the supervisor."""
    labels: Estimate
    """Accuracy of its labels on the student's part, which are what the student learns from."""
    ceiling: Estimate
    """Accuracy of the strong model trained on true labels."""
    gap: Estimate
    """`ceiling` less `weak`, in pairs."""
    ceiling_on_errors: Estimate
    """How often the ceiling says what the supervisor says where that is wrong."""
    students: tuple[Student, ...]
    refused: str = ""
    """Why no recovered gap is told, in one sentence; empty where it is."""
    notes: tuple[str, ...] = ()
