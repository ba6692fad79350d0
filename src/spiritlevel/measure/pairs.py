"""Preference pairs as the statistics see them: their group, their prompt, the length of a reply."""

import math

from spiritlevel import firewall
from spiritlevel.types import Instrument, Preference, Prompt, content_hash


def prompt_of(p: Preference) -> str:
    """Hash of the chat that both replies answer."""
    return content_hash(*p.chat)


def group_of(p: Preference) -> str:
    """The pair's cluster; without one, its prompt."""
    return p.cluster or prompt_of(p)


def words(text: str) -> int:
    """Length of a reply in words."""
    return len(text.split())


def log_words(text: str) -> float:
    """log(1 + words): the scale on which lengths are compared."""
    return math.log1p(words(text))


def trained_on(reward: Instrument, p: Preference) -> bool:
    """Whether the reward model's history names the pair's prompt cluster."""
    goal = next((turn.content for turn in reversed(p.chat) if turn.role == "user"), "")
    asked = Prompt(id="", text=goal, goal=goal, principle=p.principle, cluster=p.cluster)
    return not set(firewall.atoms_of([asked])).isdisjoint(reward.made_of)
