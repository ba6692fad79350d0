"""Spiritlevel tells you whether training made a language model better at what you meant or only at what you measured.

`loop.run` trains and certifies; `audit.run` certifies what others trained. The folders sort into the loop.
"""

__version__ = "0.1.0"
