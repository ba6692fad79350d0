"""What every form shares: what it is, and how replies are asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spiritlevel import backends
from spiritlevel.errors import DataError
from spiritlevel.measure.suites.frames import Part
from spiritlevel.measure.suites.model import Item, Reading, Suite
from spiritlevel.types import Ask, Chat, Journal, Model, Reply, Sampling, Turn


@dataclass(frozen=True)
class Asked:
    """A suite as it is asked this time: its format, and rows with their answers shown before each question."""

    suite: Suite
    frame: str = "plain"
    shots: tuple[Item, ...] = ()


def free(suite: Suite, model: Model) -> Mapping[Part, str]:
    """For forms of which every part may be put in other words."""
    return {}


@dataclass(frozen=True)
class Form:
    """`check` raises ValueError for a row that is not of this form; `read` gives a reading of each item, in order."""

    check: Callable[[Item], None]
    read: Callable[[Journal, Model, Asked, Sequence[Item]], list[Reading]]
    own_rows: Callable[[Path], tuple[Item, ...]]
    fixed: Callable[[Suite, Model], Mapping[Part, str]] = free
    """Parts of a request that no other wording may touch -> why."""


def no_rows(path: Path) -> tuple[Item, ...]:
    """For forms whose rows always come from data files."""
    raise DataError(f"{path}:2: front matter lacks 'data'; name a file below the data folder, or hf:ORG/NAME")


def has_weights(model: Model) -> bool:
    """Whether log-probabilities are to be had."""
    return model.ref.kind == "local"


def chat(system: str, question: str, shots: Sequence[tuple[str, str]] = ()) -> Chat:
    """Examples as earlier turns, then the question."""
    told = [Turn(role="system", content=system)] if system else []
    for asked, answer in shots:
        told += [Turn(role="user", content=asked), Turn(role="assistant", content=answer)]
    return (*told, Turn(role="user", content=question))


def replies(journal: Journal, model: Model, chats: Sequence[Chat], max_tokens: int, label: str) -> list[Reply]:
    """Greedy replies, one a chat."""
    asks = [Ask(chat=one, sampling=Sampling(max_tokens=max_tokens, temperature=0.0)) for one in chats]
    return journal.rows(backends.ask(journal, model, asks, label), Reply)
