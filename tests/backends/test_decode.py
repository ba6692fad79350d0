import pytest
import torch

from spiritlevel.backends import _decode, _generate
from spiritlevel.types import Ask, Sampling, user

PROMPTS = [[5], [7, 8, 9, 10, 11, 12], [7, 8, 9], [7, 8, 9, 30, 31, 32, 33, 34, 35, 36, 37], [7, 8, 40]]


def greedy(module, prompt, tokens, stops):
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        made = module.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=sorted(stops) or None,
            pad_token_id=0,
        )
    new = made[0, len(prompt) :].tolist()
    return new[:-1] if new[-1] in stops else new


@pytest.mark.parametrize("arch", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("shared", [False, True])
def test_greedy_equals_transformers_token_for_token(tiny, arch, shared):
    module = tiny(arch).module
    assert _decode.knows(module)
    prompts = [[7, 8, 9, 10, *one] for one in PROMPTS] if shared else PROMPTS
    free = [greedy(module, prompt, 24, ()) for prompt in prompts]
    stops = frozenset({free[1][10], free[3][5]})
    rows = [_decode.Row(prompt, 24, 0.0, 1) for prompt in prompts]
    decoder = _decode.Decoder(module)
    assert [new for new, _ in decoder.generate(rows, frozenset())] == free
    made = decoder.generate(rows, stops)
    assert [new for new, _ in made] == [greedy(module, prompt, 24, stops) for prompt in prompts]
    assert not made[1][1]
    assert not made[3][1]


@pytest.mark.parametrize("arch", ["gemma2", "gemma3", "phi", "phi3"])
def test_other_architectures_fall_back_and_equal_transformers(tiny, arch):
    module = tiny(arch).module
    assert not _decode.knows(module)
    made = _generate.generate(module, [_decode.Row(prompt, 12, 0.0, 1) for prompt in PROMPTS], frozenset())
    # a padded batch of `generate` itself may differ from its single rows in phi's rotary part, but not in float32 here
    assert [new for new, _ in made] == [greedy(module, prompt, 12, ()) for prompt in PROMPTS]
    assert all(cut for _, cut in made)


def test_a_sliding_window_goes_to_transformers_when_it_matters(tiny):
    model = tiny("mistral")
    model.module.config.sliding_window = 8
    model.refresh()
    ask = Ask(chat=user("a longer question than the window"), sampling=Sampling(max_tokens=6, temperature=0))
    prompt = model.render(ask.chat)
    expected = greedy(model.module, prompt, 6, model.renderer.stops)
    assert dict(model.stream([ask], [1]))[0].text == model.renderer.text(expected)


@pytest.mark.parametrize("arch", ["llama", "gemma2"])
def test_a_row_depends_on_its_own_seed_alone(tiny, arch):
    model = tiny(arch)
    asks = [Ask(chat=user("hello " * n), sampling=Sampling(max_tokens=10 + n)) for n in range(6)]
    together = dict(model.stream(asks, range(6)))
    backwards = dict(model.stream(asks[::-1], range(6)[::-1]))
    for place, ask in enumerate(asks):
        assert dict(model.stream([ask], [place]))[0] == together[place] == backwards[5 - place]
    assert dict(model.stream(asks[:1], [99]))[0] != together[0]


def test_sampling_follows_the_softmax():
    logits = torch.linspace(-3, 3, 700).repeat(4000, 1) * torch.tensor([1.0, -1.0]).repeat(2000)[:, None]
    rows = [_decode.Row([1], 1, 0.7, seed) for seed in range(4000)]
    drawn = _decode.Draws(rows, 1, torch.device("cpu")).take(logits, 0)
    p = torch.softmax(torch.linspace(-3, 3, 700) / 0.7, -1)
    mean, spread = (
        float((p * torch.arange(700)).sum()),
        float(((p * torch.arange(700) ** 2).sum() - (p * torch.arange(700)).sum() ** 2) ** 0.5),
    )
    assert abs(float(drawn[0::2].float().mean()) - mean) < 4 * spread / 2000**0.5
    assert abs(float(699 - drawn[1::2].float().mean()) - mean) < 4 * spread / 2000**0.5


def test_sampling_never_draws_what_has_no_mass():
    logits = torch.full((500, 600), -torch.inf)
    logits[:, 300:303] = 0.0
    rows = [_decode.Row([1], 1, 1.0, seed) for seed in range(500)]
    drawn = _decode.Draws(rows, 1, torch.device("cpu")).take(logits, 0)
    assert set(drawn.tolist()) == {300, 301, 302}


def test_greedy_and_sampled_rows_mix(tiny):
    module = tiny("llama").module
    decoder = _decode.Decoder(module)
    alone = decoder.generate([_decode.Row([7, 8, 9], 8, 0.0, 5)], frozenset())
    mixed = decoder.generate([_decode.Row([7, 8, 9], 8, 1.0, 5), _decode.Row([7, 8, 9], 8, 0.0, 6)], frozenset())
    assert mixed[1] == alone[0]
    assert mixed[0] != alone[0]


def test_limits_and_endings_are_each_rows_own(tiny):
    decoder = _decode.Decoder(tiny("llama").module)
    rows = [_decode.Row([7, 8], n, 1.0, n, (lambda new: len(new) == 2) if n == 5 else None) for n in range(1, 8)]
    made = decoder.generate(rows, frozenset())
    assert [len(new) for new, _ in made] == [1, 2, 3, 4, 2, 6, 7]
    assert [cut for _, cut in made] == [True, True, True, True, False, True, True]


def test_bfloat16_packed_stays_close(journal):
    from spiritlevel import backends

    model = backends.open_weights(backends.resolve("tiny:llama", dtype="bfloat16"), journal)
    assert model.dtype is torch.bfloat16
    made = _decode.Decoder(model.module).generate([_decode.Row(prompt, 8, 0.0, 1) for prompt in PROMPTS], frozenset())
    expected = [greedy(model.module, prompt, 8, ()) for prompt in PROMPTS]
    assert sum(a == b for (new, _), want in zip(made, expected, strict=True) for a, b in zip(new, want, strict=True)) > 30


def test_refresh_sees_trained_weights(tiny):
    model = tiny("llama")
    ask = Ask(chat=user("hello"), sampling=Sampling(max_tokens=8, temperature=0))
    before = dict(model.stream([ask], [1]))[0]
    with torch.no_grad():
        for part in model.module.parameters():
            part.mul_(-1.3)
    model.refresh()
    after = dict(model.stream([ask], [1]))[0]
    assert before.text != after.text
    assert after.text == model.renderer.text(greedy(model.module, model.render(ask.chat), 8, model.renderer.stops))
