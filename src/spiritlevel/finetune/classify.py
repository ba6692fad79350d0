"""Classifiers of texts: heads on a bag of words or on a body's frozen states, or the body fine-tuned with a head. Nothing is kept of them
but what they say.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import activations, backends
from spiritlevel.errors import DataError
from spiritlevel.finetune import soft
from spiritlevel.finetune.train import Listener, StepSettings
from spiritlevel.judges.heads import CS, moments, standardised
from spiritlevel.types import Frozen, Journal, LabelledText, ModelRef, content_hash, user

Floats = NDArray[np.float64]
FILE = "states.npy"
WORDS = "bag-of-words"
WORD_CS = (0.1, 1.0, 10.0, 100.0)


class ClassifySettings(StepSettings):
    """How classifiers are trained."""

    epochs: int = Field(4, ge=1)
    lr: float = Field(5e-5, gt=0)
    frozen: bool = True
    """Train the head alone, on the untrained body's states: the cheap form (linear probing). Else the body learns, too."""
    depth: float = Field(0.6, gt=0, le=1)
    """Frozen: how deep the states are read, as a share of the blocks; `first:N` reads its last one. It and the places
    (mean and last token) were chosen on the training parts of ETHICS, never on what is tested."""
    alpha: float = Field(0.5, ge=0, le=1)
    """The confidence loss: weight of the student's own answers once it is warm."""

    @property
    def what(self) -> str:
        """What learns, in words."""
        return "a head" if self.frozen else "all weights" if self.lora_rank is None else f"adapters of rank {self.lora_rank}"


class Learner(Frozen):
    """Who learns: a model, the first blocks of one, or a bag of words (`ref` none)."""

    name: str
    """As it was asked for."""
    ref: ModelRef | None = None
    first: int | None = None
    """How many of its blocks are kept; none = all."""

    @property
    def key(self) -> str:
        """Content of what learns."""
        return WORDS if self.ref is None else f"{self.ref.key} first {self.first}"


class States(Frozen):
    """A body's states on each text: the mean over its tokens, and its last token."""

    blob: str
    layer: int


@dataclass(frozen=True)
class Lesson:
    """What a classifier learns from, and how."""

    places: tuple[int, ...]
    """Of its texts, in the file."""
    texts: Sequence[str]
    targets: Floats
    """Probabilities that the label is true."""
    groups: Sequence[str]
    seed: int
    alpha: float = 0.0
    """Above 0: under the confidence loss."""


def states(journal: Journal, learner: Learner, texts: tuple[LabelledText, ...], depth: float) -> States:
    """Read them once, into a blob: float32 (texts, 2 width). ConfigError when there is no such block."""
    assert learner.ref is not None
    weights = backends.open_weights(learner.ref, journal)
    layer = learner.first or max(1, round(depth * weights.layers))
    names = activations.blocks(weights, [layer])
    chats = [user(one.text) for one in texts]

    def write(folder: Path) -> None:
        found = activations.read(weights, chats, names, ("mean", "last"), spans=activations.asked(weights, chats))
        np.save(folder / FILE, found[names[0]].reshape(len(chats), -1))

    return States(blob=journal.blob(write), layer=layer)


def with_words(lesson: Lesson, read: Sequence[str]) -> Floats:
    """Probabilities of texts by words and word pairs (tf-idf) of the lesson's texts alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\b\w+\b|[?!]")
    try:
        x = reader.fit_transform(lesson.texts).toarray()
    except ValueError:
        raise DataError("no text of the supervisor's part has a word in it; give other texts or another supervisor") from None
    return _headed(lesson, x, reader.transform(read).toarray(), WORD_CS)


def on_states(lesson: Lesson, x: NDArray[np.float32], read: NDArray[np.float32]) -> Floats:
    """Probabilities of (n, d) states by a head on the states `x` of the lesson's texts."""
    mean, scale = moments(np.asarray(x, dtype=float))
    learnt, other = (standardised(np.asarray(part, dtype=float), mean, scale) for part in (x, read))
    return _headed(lesson, learnt, other, CS)


def _headed(lesson: Lesson, x: Floats, read: Floats, cs: Sequence[float]) -> Floats:
    if x.shape[1] > len(x):
        # the penalty knows no direction, so the best coefficients lie in the rows' span: the same fit with fewer numbers
        axes = np.linalg.svd(x, full_matrices=False)[2].T
        x, read = x @ axes, read @ axes
    c = soft.strength(x, lesson.targets, lesson.groups, cs, lesson.seed)
    theta = soft.sure(x, lesson.targets, c, lesson.alpha) if lesson.alpha else soft.fit(x, lesson.targets, c)
    return soft.probabilities(read, theta)


def tuned(
    journal: Journal, learner: Learner, lesson: Lesson, read: Sequence[str], settings: ClassifySettings, listener: Listener | None = None
) -> Floats:
    """Probabilities of texts by the body fine-tuned with a head. Training goes on after a kill from its last saved step."""
    from spiritlevel.finetune import _classify

    assert learner.ref is not None
    folder, adapter = backends.parts(learner.ref, journal)
    scratch = journal.scratch(f"classify-{content_hash(learner.key, hashed(lesson), settings)}")
    found: Floats = _classify.learned(folder, adapter, learner.name, learner.first, lesson, read, settings, scratch, listener)
    shutil.rmtree(scratch, ignore_errors=True)  # a step has many trainings, and each state is some times the size of the weights
    backends.release_memory()
    return found


def hashed(lesson: Lesson) -> str:
    """Content of what is learned, and how."""
    return content_hash(*lesson.texts, lesson.targets.tobytes().hex(), *lesson.groups, lesson.seed, lesson.alpha)
