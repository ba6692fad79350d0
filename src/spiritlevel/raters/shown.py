"""How an item is put before a rater, and what an answer means: order, sides and scales, the same in the terminal and on a sheet."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from spiritlevel.errors import ConfigError
from spiritlevel.types import Item, content_hash


class Scale(NamedTuple):
    """Whole numbers that a single reply is given."""

    low: int
    high: int

    @property
    def name(self) -> str:
        """As the user writes it."""
        return f"{self.low}-{self.high}"

    def value(self, said: int) -> float:
        """On 0 to 1."""
        return (said - self.low) / (self.high - self.low)

    def said(self, value: float | None) -> str:
        """The number that means this value; empty where none does."""
        return next((str(n) for n in range(self.low, self.high + 1) if value is not None and abs(self.value(n) - value) < 1e-9), "")


SCALES = {scale.name: scale for scale in (Scale(1, 5), Scale(0, 9))}


def scale_of(name: str) -> Scale:
    """One of SCALES. ConfigError for another name."""
    if name not in SCALES:
        raise ConfigError(f"there is no scale {name!r:.40}; choose one of {', '.join(SCALES)}")
    return SCALES[name]


def first_of(item: Item, rater: str, seed: int) -> Literal["a", "b", "alone"]:
    """Which reply this rater sees first: a fair coin of seed, rater and item, so that a pause changes nothing."""
    if item.b is None:
        return "alone"
    return "a" if int(content_hash("first", seed, rater, item.id), 16) % 2 else "b"


def ordered(items: Sequence[Item], rater: str, seed: int) -> list[Item]:
    """Items in this rater's own random order."""
    return sorted(items, key=lambda item: content_hash("order", seed, rater, item.id))


def preferred(place: int, first: str) -> float:
    """Value of a pair of which the reply in this place (1 or 2, as shown) is the better one."""
    return float((place == 1) == (first == "a"))


def place_of(value: float | None, first: str) -> str:
    """`1`, `2` or `=` for the value of a pair as it was shown; empty where none of these says it."""
    if value == 0.5:
        return "="
    return "" if value not in (0.0, 1.0) else "1" if (value == 1.0) == (first == "a") else "2"
