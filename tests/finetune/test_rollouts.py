import pytest
import torch

from spiritlevel import backends
from spiritlevel.backends._rows import Row
from spiritlevel.evidence import MemoryJournal
from spiritlevel.finetune import _rollouts
from spiritlevel.finetune._logps import sequence_logps
from spiritlevel.types import user


@pytest.fixture(scope="module", params=["tiny:llama", "tiny:gemma2", "tiny:phi"])
def model(request):
    return backends.open_weights(backends.resolve(request.param), MemoryJournal())


@pytest.fixture(scope="module")
def prompts(model):
    return [model.render(user(text)) for text in ("the of", "and to that you", "in is")]


@pytest.fixture(scope="module")
def drawn(model, prompts):
    return _rollouts.draw(model, prompts, 8, 40, 5)


def test_the_tokens_are_those_that_were_drawn(model, prompts, drawn):
    assert len(drawn) == 24
    for place, one in enumerate(drawn):
        assert list(one.row.ids[: one.row.start]) == prompts[place // 8]
        answer = one.answer
        if one.cut:
            assert len(answer) == 40
            assert model.renderer.stops.isdisjoint(answer)
        elif model.renderer.templated:
            assert answer[-1] in model.renderer.stops  # how it ended is part of what is scored
            assert model.renderer.stops.isdisjoint(answer[:-1])
        assert one.text == model.renderer.text(answer) or not model.renderer.templated


def test_each_answer_has_its_own_seed(model, prompts, drawn):
    assert len({one.answer for one in drawn}) == len(drawn)
    assert _rollouts.draw(model, prompts, 8, 40, 5) == drawn
    assert _rollouts.draw(model, prompts, 8, 40, 6) != drawn


def test_answers_come_as_often_as_the_model_says(model, prompts):
    # no top-p or top-k: the first tokens' frequencies follow the model's own probabilities
    found = _rollouts.draw(model, prompts[:1], 2000, 1, 7)
    batch = torch.tensor([prompts[0]])
    with torch.no_grad():
        chances = model.module(input_ids=batch).logits[0, -1].softmax(-1)
    seen = torch.bincount(torch.tensor([one.answer[0] for one in found]), minlength=len(chances)) / 2000
    best = chances.topk(5).indices
    assert (seen[best] - chances[best]).abs().max() < 4 * (0.25 / 2000) ** 0.5
    assert (seen - chances).abs().sum() < 0.45  # a cut to the likeliest half would leave at least 1


def test_a_group_is_one_batch_unless_it_is_too_long(model, drawn, monkeypatch):
    assert all(len(places) == 8 for places in _rollouts.batched(model.module, drawn, 8))
    monkeypatch.setattr(_rollouts, "MOST_PACKED", 60)
    monkeypatch.setattr(_rollouts, "PADDED_TOKENS", 60)
    pieces = _rollouts.batched(model.module, drawn, 8)
    assert max(map(len, pieces)) < 8
    assert [i for places in pieces for i in places] == list(range(24))
    assert all(places[0] // 8 == places[-1] // 8 for places in pieces)


def test_in_float32_the_shape_of_a_batch_makes_no_noise(model, drawn):
    places = _rollouts.batched(model.module, drawn, 8)
    batches = _rollouts.collated(model.module, drawn, places)
    known = [
        float(x) for flat, b in zip(_rollouts.scored(model.module, batches), batches, strict=True) for x in sequence_logps(flat, b.counts)
    ]
    assert _rollouts.floor(model.module, drawn, known) < 1e-3
    assert _rollouts.floor(model.module, drawn, [x + 1 for x in known]) == pytest.approx(1, abs=1e-3)


def test_a_prompt_that_fills_the_context(model):
    from spiritlevel.errors import DataError

    with pytest.raises(DataError, match="leaves no room"):
        model.sample([[1] * 2040], 64, [0])


def test_labels_are_the_answer_alone():
    assert _rollouts.Rollout(Row((1, 2, 3, 4), 2), "", True).answer == (3, 4)
