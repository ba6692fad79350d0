"""Suites: what is asked beside the constitution's own prompts. A suite is a file of data; its form is a file of code.

declared   a suite's file, where suites lie         forms      how each form is asked and read
rows       rows from files, the Hub, own prose      frames     the same question put otherwise
scores     what is counted                          estimates  with intervals, by group
effort     how hard an ability is sought            robust     how far a measure moves
running    all of it, as a step                     slope      capability against alignment
"""

from spiritlevel.measure.suites.declared import declaration, files, find, known, measures, places
from spiritlevel.measure.suites.model import Item, Reading, Settings, Suite, Suited
from spiritlevel.measure.suites.rows import load
from spiritlevel.measure.suites.running import joined, of_config, run

__all__ = [
    "Item",
    "Reading",
    "Settings",
    "Suite",
    "Suited",
    "declaration",
    "files",
    "find",
    "joined",
    "known",
    "load",
    "measures",
    "of_config",
    "places",
    "run",
]
