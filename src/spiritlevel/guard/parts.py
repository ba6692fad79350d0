"""A prompt read in parts: its windows, and each of its sentences alone, so that what stands beside a request does not hide it."""

from spiritlevel.guard.reading import Reader
from spiritlevel.judges.words import clean, sentences

WORDS = 4
"""A shorter sentence asks for nothing by itself."""


def pieces(reader: Reader, text: str) -> list[str]:
    """What a guard reads of a prompt: its windows, then once each the sentences of at least WORDS words where there are several."""
    windows = reader.windows(text)
    cut = [sentences(clean(window)) for window in windows]
    if len(windows) == 1 and len(cut[0]) < 2:
        return windows
    return [*windows, *dict.fromkeys(s for some in cut for s in some if len(s.split()) >= WORDS)]
