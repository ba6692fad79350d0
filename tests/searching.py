"""How hard property tests search. By default they try the same examples each time, so that a failure is the change's own;
`SPIRITLEVEL_HYPOTHESIS=explore` draws anew each time, and ten times as many.
"""

import os
from typing import Any

from hypothesis import settings

PROFILE = os.environ.get("SPIRITLEVEL_HYPOTHESIS", "fixed")
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1_000, print_blob=True)
settings.load_profile(PROFILE)


def examples(n: int, **more: Any) -> settings:
    """`n` examples for a property test, ten times as many when exploring; `more` as in hypothesis.settings."""
    return settings(max_examples=n * (10 if PROFILE == "explore" else 1), **more)
