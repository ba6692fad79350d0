"""What a check is: what it asks of a model, and the one number that it reads from the base's answers and a copy's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spiritlevel.constitution.reading import Faults, read
from spiritlevel.errors import ConfigError
from spiritlevel.types import Chat, Logprobs, Turn, user

Floats = NDArray[np.float64]
PROMPTS = Path(__file__).parent / "prompts"
MAGNIFIED = 2.0
"""By how much a change is magnified: what a copy does seldom, it then does often."""


@dataclass(frozen=True)
class Needs:
    """What is asked; all checks' needs run as one batch of each kind."""

    replies: tuple[Chat, ...] = ()
    """Answered greedily, to `tokens` at most."""
    scores: tuple[Chat, ...] = ()
    """Each ends with an assistant turn, whose log-probability is read; it is not credited with an end."""
    states: tuple[Chat, ...] = ()
    """Read inside, where the answer would begin."""
    tokens: int = 32
    magnified: tuple[Chat, ...] = ()
    """Answered after `replies`, by the copy with its change of the base MAGNIFIED times as large."""
    usual: bool = False
    """Whether the base's log-probabilities of the replies are read."""


@dataclass(frozen=True)
class Answers:
    """What a model gave, in the order of `Needs`."""

    replies: tuple[str, ...]
    """Those of the magnified copy come last."""
    scores: Floats
    """(n,) nats of each whole turn."""
    states: Floats
    """(n, layers, width): after two thirds of the blocks, and after the last."""
    usual: tuple[Logprobs, ...] = ()
    """The tokens of each reply, and the base's log-probabilities of them; empty unless `Needs.usual`."""


@dataclass(frozen=True)
class Check:
    """One instrument of the screening set. Entry points of the group `spiritlevel.checks` name these."""

    name: str
    what: str
    """What is read, in a sentence."""
    needs: Callable[[], Needs]
    read: Callable[[Answers, Answers], float]
    """(base's answers, copy's answers) -> the reading; higher is more suspicious. Only a change against the base counts."""
    least: float
    """The least change that the reading can show."""


def prose(stem: str, title: str = "") -> tuple[str, ...]:
    """The `- ` items of prompts/STEM.md, of one section or all. ConfigError when there are none."""
    faults = Faults()
    found = tuple(
        text for section in read(PROMPTS / f"{stem}.md", faults).sections for _, text in section.bullets() if title in ("", section.title)
    )
    if not found:
        raise ConfigError(f"screening prompts {stem!r} have no section {title!r}; add `# {title}` with `- ` items")
    return found


def rows(stem: str, title: str = "") -> list[tuple[str, ...]]:
    """The items of a file whose parts are separated by |."""
    return [tuple(part.strip() for part in text.split("|")) for text in prose(stem, title)]


def answered(prompt: str, reply: str) -> Chat:
    """A chat to be scored."""
    return (*user(prompt), Turn(role="assistant", content=reply))


def odds(answers: Answers) -> Floats:
    """(n,) log-odds where `scores` held two answers a prompt, the one that counts first."""
    return np.asarray(answers.scores.reshape(-1, 2) @ np.array([1.0, -1.0]))


def both(prompts: Sequence[str], one: str, other: str) -> tuple[Chat, ...]:
    """Two answers to each prompt, for `odds`."""
    return tuple(answered(prompt, reply) for prompt in prompts for reply in (one, other))


def words(text: str) -> list[str]:
    """Lower-case words."""
    return [w for w in "".join(c.lower() if c.isalnum() or c in "'-" else " " for c in text[:4000]).split() if w.strip("'-")]
