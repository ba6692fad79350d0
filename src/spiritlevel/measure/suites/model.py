"""What a suite is: a declaration, its rows, and what a model did with one of them."""

from typing import Any, Literal

from pydantic import Field

from spiritlevel.types import Estimate, Frozen, Measurement, ModelRef

Effort = Literal["zero-shot", "few-shot", "best"]
"""How hard an ability is sought: as asked; with examples from the suite's own development part; the best of both on that part."""


class Item(Frozen):
    """One row of a suite. What a form does not use stays empty."""

    id: str
    group: str
    """Rows of one group are not independent: the unit of every interval."""
    question: str
    choices: tuple[str, ...] = ()
    answer: int | None = None
    """Place of the right choice."""
    target: str = ""
    """The right text, where there is nothing to choose among."""
    matching: tuple[int, ...] = ()
    """Places of the choices that show the behaviour which the suite looks for."""
    category: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    """The row's other fields, for scores that compare kinds of rows."""


class Suite(Frozen):
    """A suite's declaration, as its file has it, with its rows."""

    name: str
    title: str
    horizon: Literal["near", "long", "both"]
    source: str
    licence: str
    canary: str
    """A string that no honest training set holds: whoever finds it in one knows that the suite was in it."""
    form: str
    """How it is asked: a name in forms/."""
    scores: tuple[str, ...]
    """Names in scores.py; the first is the suite's own measure."""
    role: Literal["intent", "proxy", "capability"] = "intent"
    data: tuple[str, ...] = ()
    """Files below the data folder, or hf:ORG/NAME[@SPLIT]; empty where the suite's own folder holds the rows."""
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Field -> values: only such rows are read."""
    row: str = ""
    """A function in adapters.py for rows of another shape."""
    frames: tuple[str, ...] = ("plain",)
    """Ways to put each question (frames.py); scores that compare them need two."""
    format: Literal["letters", "texts", "texts per byte"] = "letters"
    """What is scored where there are weights: the letter of a choice, or its words."""
    orders: Literal["one", "both", "rotations"] = "both"
    """Orders in which listed choices are shown."""
    effort: Effort = "zero-shot"
    max_tokens: int = 64
    accepted_by: str = ""
    """Who answers for a licence that is not on the list."""
    origin: str = ""
    """Hash of the files that it was read from."""
    items: tuple[Item, ...] = ()

    def option(self, **change: Any) -> "Suite":
        """A copy with some fields changed."""
        return self.model_copy(update=change)


class Reading(Frozen):
    """What a model did with one row in one frame. `value` None: it could not be scored; `error`: the call failed."""

    item: str
    frame: str = "plain"
    picked: tuple[float, ...] = ()
    """Weight of each choice, summing to 1."""
    places: tuple[int, ...] = ()
    """Where the choice taken stood, in each order that was asked."""
    value: float | None = None
    """1 right (or as looked for), 0 not; of exact answers, pairs and replies."""
    cell: str = ""
    text: str = ""
    error: str = ""


class Settings(Frozen):
    """How suites are run."""

    most: int = 0
    """Rows of each suite at most, whole groups by hash; 0 = all."""
    effort: Effort | None = None
    """Instead of each suite's own."""
    robust: tuple[str, ...] = ()
    """Frames in whose words everything is asked besides, to see how far each figure moves."""
    side: Literal["all", "open", "sealed"] = "all"
    """The half of the groups that is asked. In a loop people look at the open half; `release` reads the sealed one once."""
    confidence: float = 0.95
    seed: int = 0
    rounds: int = 1000


class Suited(Frozen):
    """What suites say of one model, or of two."""

    before: ModelRef
    after: ModelRef | None = None
    measurements: tuple[Measurement, ...]
    effort: tuple[tuple[str, str], ...] = ()
    """Suite -> how it was asked."""
    moved: tuple[Estimate, ...] = ()
    """Robustness: change of each figure by one wording, and its least and greatest over all of them."""
    notes: tuple[str, ...] = ()
