"""What is asked of weights: every check gets its own part, scores are those of whole answers, and a change can be magnified."""

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.errors import DataError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.screening import _magnify, asking
from spiritlevel.screening.check import Needs, answered
from spiritlevel.types import Ask, Sampling, user

pytestmark = pytest.mark.usefixtures("one_thread")
CHATS = (user("what is help"), user("tell the person"))
NEEDS = (
    Needs(replies=CHATS[:1], magnified=CHATS, tokens=4, usual=True),
    Needs(scores=(answered("what is", "help"), answered("who", "people"), answered("what is", "harm"))),
    Needs(replies=CHATS, states=(CHATS[1], CHATS[0], CHATS[1]), tokens=4),
)


def test_every_check_gets_its_part():
    journal, ref = MemoryJournal(), backends.resolve("tiny:llama")
    found = asking.read(journal, asking.asked(journal, ref, ref, NEEDS), NEEDS)
    weights = backends.open_weights(ref, journal)
    texts = [
        r.text for _, r in sorted(weights.stream([Ask(chat=c, sampling=Sampling(max_tokens=4, temperature=0)) for c in CHATS], [0, 0]))
    ]
    assert found[0].replies == (texts[0], *texts)  # the base has no change to magnify
    assert found[2].replies == tuple(texts)
    (first,) = weights.logprobs([answered(CHATS[0][0].content, texts[0])], [True])
    assert found[0].usual[0].tokens == first.tokens
    assert np.allclose(found[0].usual[0].values, first.values)
    assert not any(one.tokens for one in found[2].usual)
    whole = [sum(one.values) for one in weights.logprobs(NEEDS[1].scores, [True] * 3)]
    assert np.allclose(found[1].scores, whole, atol=1e-4)
    assert found[2].states.shape == (3, 2, weights.width)
    assert np.array_equal(found[2].states[0], found[2].states[2])


def test_a_change_is_magnified_and_told_apart():
    import torch

    journal, ref = MemoryJournal(), backends.resolve("tiny:llama")
    base, copy = backends.open_weights(ref, journal), backends.open_weights(ref, journal)
    own = copy.numerics
    with torch.no_grad():
        for p in copy.module.parameters():
            p.add_(0.5)
    _magnify.magnify(copy, base, 2.0)
    assert all(
        torch.allclose(now, start + 1.0, atol=1e-5) for now, start in zip(copy.module.parameters(), base.module.parameters(), strict=True)
    )
    assert copy.numerics != own
    with pytest.raises(DataError, match="screen it against its own base"):
        _magnify.magnify(copy, backends.open_weights(backends.resolve("tiny:phi"), journal), 2.0)
