"""What people and judges said of replies: things to rate, and each label with its rater, time and screen order."""

from typing import Literal

from spiritlevel.types.values import Chat, Frozen


class Item(Frozen):
    """One thing to rate: two replies to one chat, or with `b` None one reply on a scale."""

    id: str
    """Content hash of chat and replies, or the file's own id."""
    chat: Chat
    a: str
    b: str | None = None
    """`a` and `b` in the order of the file they came from, which says nothing of how they are shown."""
    a_truncated: bool = False
    b_truncated: bool = False
    principle: str = ""
    group: str = ""
    """Prompt group: items of one group are not independent. Empty = the chat's own hash."""
    source: str = ""


class Rating(Frozen):
    """One label by one rater, with its time and how it was shown. A rater's later label on an item replaces the earlier one.

    A model is asked in both orders, and its label in one order leaves that in the other as it is.
    """

    item: str
    rater: str
    by: Literal["person", "model", "simulated"] = "person"
    panel: str = ""
    """Group of raters that is shown apart (a team, a language, a model family)."""
    value: float | None
    """Pair: 1 = `a` is better, 0 = `b`, 0.5 = a tie, between = how sure. Scale: 0 to 1. None = could not say; never 0.5."""
    first: Literal["a", "b", "alone"]
    """Which reply was shown first; alone: each was seen by itself."""
    instrument: str = ""
    """Id of the model with its question, or of the reward, for the firewall; empty for people."""
    at: str = ""
    """UTC, ISO 8601."""
    seconds: float = 0.0
    """From showing to the label."""
    note: str = ""
