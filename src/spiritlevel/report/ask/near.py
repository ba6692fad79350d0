"""What MiniLM adds where it is installed: a word that the lexicon lacks is taken for the nearest that it has, or for filler.

Both floors were set on the development questions (benchmarks/ask_development.jsonl); without the model such a word is not known.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spiritlevel.backends import cache
from spiritlevel.errors import ModelError
from spiritlevel.report.ask.lexicon import Lexicon, Mention, Read, proper
from spiritlevel.types import content_hash

SAME = 0.7
"""Cosine of two words from which they are taken for the same."""
EMPTY = 1.5
"""That cosine and the word's own with the nearest word of filler, where no other is as near, from which it is taken for filler."""
SHORT = 3
"""Letters of a word of filler that means too little to be near."""
IDLE = 0.93
"""Cosine of a question with and without a word from which the word is taken for filler."""


def installed() -> bool:
    """Whether the sentence embeddings can be had."""
    from importlib.util import find_spec

    from spiritlevel.judges._minilm import folder

    try:
        folder()
    except ModelError:
        return False
    return all(find_spec(name) is not None for name in ("torch", "transformers"))


def similar(text: str, others: Sequence[str]) -> list[float]:
    """Cosine of a text with each of the others."""
    from spiritlevel.judges._minilm import embed

    return [float(x) for x in kept(tuple(others)) @ embed([text])[0]]


@lru_cache(maxsize=4)
def kept(texts: tuple[str, ...]) -> NDArray[np.float32]:
    """Embeddings of texts that are searched again and again, made once on a machine."""
    from spiritlevel.judges._minilm import embed, sha256

    found = cache.made(
        f"embeddings/ask-{content_hash(sha256(), *texts)}", lambda folder: np.save(folder / "vectors.npy", embed(list(texts)))
    )
    return np.asarray(np.load(found / "vectors.npy"), dtype=np.float32)


def understood(question: str, read: Read, lexicon: Lexicon) -> Read:
    """The question with each word left over replaced by what it is nearest to; a name, a number and what is near nothing stay."""
    phrases = [(text, meant) for text, meant in lexicon.all() if len(text.split()) == 1]
    mentions, left = list(read.mentions), []
    names = proper(question)
    for word in read.left:
        if word in names:
            left.append(word)
            continue
        cosines = similar(word, [text for text, _ in phrases])
        best = max(range(len(phrases)), key=cosines.__getitem__)
        if cosines[best] >= SAME:
            mentions += [Mention(m.names, word, m.soft) for m in phrases[best][1]]
        elif not _idle(question, word, cosines[best], lexicon):
            left.append(word)
    return Read(tuple(dict.fromkeys(mentions)), tuple(left))


def _idle(question: str, word: str, named: float, lexicon: Lexicon) -> bool:
    """Whether a question means the same without a word, or nearly so and the word is nearer to filler than to what is named."""
    from spiritlevel.judges._minilm import embed

    without = " ".join(part for part in question.split() if word not in part.lower())
    both = embed([question, without or " "])
    same = float(both[0] @ both[1])
    filler = max(similar(word, sorted(w for w in lexicon.filler if len(w) > SHORT)))
    return same >= IDLE or (filler > named and same + filler >= EMPTY)
