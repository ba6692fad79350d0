"""The plain request: the control beside which every attack is read."""


def wrap(goal: str, seed: int) -> str:
    """The goal itself."""
    return goal
