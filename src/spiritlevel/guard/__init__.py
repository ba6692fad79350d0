"""The guard: a constitutional classifier of prompts and replies for a deployment, from the teach half and what campaigns found.

Beside open weights it reads the deployed model's own hidden states, half-way up; before an endpoint it reads sentence embeddings. It is
an instrument like any other: it knows what it is made of.

material   what it is fitted on, what is held back     reading    one vector a window of text
fitting    heads, layer, thresholds                    deciding   a probability by principle; block or pass
folder     save and load                               card       README.md
report     figures on other prompts, without its own
"""

from spiritlevel.guard.deciding import Guard, Watch
from spiritlevel.guard.folder import load, save
from spiritlevel.guard.values import About, Decision, Limit

__all__ = ["About", "Decision", "Guard", "Limit", "Watch", "load", "save"]
