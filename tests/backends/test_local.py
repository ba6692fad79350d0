import json

import numpy as np
import pytest
import torch

from spiritlevel import backends
from spiritlevel.backends import _device
from spiritlevel.backends import tiny as tiny_backend
from spiritlevel.backends.spec import Spec
from spiritlevel.backends.tiny import ARCHITECTURES
from spiritlevel.errors import ConfigError, ModelError, TooSmall
from spiritlevel.types import Ask, Reply, Sampling, Turn, user

CHATS = [(*user("hello " * n), Turn(role="assistant", content="Sure " * (1 + n % 3))) for n in range(7)]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_logprobs_equal_a_plain_forward(tiny, arch):
    model = tiny(arch)
    scores = model.logprobs(CHATS, [n % 2 == 0 for n in range(7)])
    for n, (chat, score) in enumerate(zip(CHATS, scores, strict=True)):
        ids, start = model.render_labelled(chat, n % 2 == 0)
        with torch.inference_mode():
            logits = torch.log_softmax(model.module(input_ids=torch.tensor([ids])).logits[0].float(), -1)
        want = [float(logits[place - 1, ids[place]]) for place in range(start, len(ids))]
        assert score.tokens == tuple(ids[start:])
        np.testing.assert_allclose(score.values, want, atol=1e-4)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_activations_equal_hidden_states_at_the_last_token(tiny, arch):
    model = tiny(arch)
    chats = [*CHATS, user("a question")]
    found = model.activations(chats, [1])
    assert found.shape == (8, 1, 64)
    assert found.dtype == np.float32
    for chat, row in zip(chats, found, strict=True):
        with torch.inference_mode():
            states = model.module(input_ids=torch.tensor([model.render(chat)]), output_hidden_states=True).hidden_states
        np.testing.assert_allclose(row[0], states[1][0, -1].float().numpy(), atol=1e-4)  # states[-1] has passed the final norm


def test_activations_keep_the_order_of_layers_and_leave_no_hooks(tiny):
    model = tiny("llama")
    both = model.activations(CHATS, [2, 1, 2])
    np.testing.assert_array_equal(both[:, 0], both[:, 2])
    np.testing.assert_allclose(both[:, 1], model.activations(CHATS, [1])[:, 0], atol=1e-6)
    assert not any(block._forward_hooks for block in model.blocks())
    with pytest.raises(ConfigError, match="between 1 and 2"):
        model.activations(CHATS, [3])
    assert model.activations([], [1]).shape == (0, 1, 64)


def test_a_body_without_known_blocks_is_told(tiny):
    model = tiny("llama")
    model.module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    with pytest.raises(ModelError, match=r"Sequential.*it has: 0"):
        model.blocks()


def test_ask_keeps_units_and_does_not_buy_twice(tiny, journal):
    model = tiny("llama")
    asks = [Ask(chat=user(f"q{n}"), sampling=Sampling(max_tokens=4)) for n in range(70)]
    first = journal.rows(backends.ask(journal, model, asks), Reply)
    bought = len(journal.replies)
    assert journal.rows(backends.ask(journal, model, asks[::-1]), Reply) == first[::-1]
    assert len(journal.replies) == bought
    assert all(reply.tokens_in and reply.tokens_out for reply in first)


def test_numerics_name_what_decides_a_result(tiny):
    said = tiny("llama").numerics
    assert all(part in said for part in (torch.__version__, "float32", "threads", "loop"))
    assert tiny("phi").numerics.endswith("generate")


def test_truncation_is_known(tiny):
    model = tiny("llama")
    reply = dict(model.stream([Ask(chat=user("a"), sampling=Sampling(max_tokens=2))], [3]))[0]
    assert reply.truncated
    assert reply.tokens_out == 2


def test_too_small_is_said_before_loading(journal, tmp_path):
    folder = tmp_path / "huge"
    tiny_folder = tiny_backend.locate(Spec.parse("tiny:llama"), None).folder
    folder.mkdir()
    for file in tiny_folder.iterdir():
        if file.suffix == ".json":
            (folder / file.name).write_bytes(file.read_bytes())
    side = 10_000_000
    header = json.dumps({"w": {"dtype": "BF16", "shape": [side, side], "data_offsets": [0, 2 * side * side]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert _device.sizes(folder) == (side * side, 2 * side * side)
    from spiritlevel.backends import _local
    from spiritlevel.types import ModelRef

    with pytest.raises(TooSmall, match="GiB is free"):
        _local.load(ModelRef(spec="path:huge", kind="local", weights="w", family="f"), folder, "bfloat16")


def test_a_gpus_memory_is_judged_the_same_way():
    with pytest.raises(TooSmall, match=r"needs about 8.0 GiB of memory on cuda and 4.0 GiB is free"):
        _device.check_memory("hf:x", 8 << 30, torch.device("cuda"), 4 << 30)


def test_number_formats(journal, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIRITLEVEL_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="'float8'"):
        _device.choose("float8", torch.device("cpu"), 10**9)
    assert _device.choose("auto", torch.device("cpu"), 10**6) is torch.float32
    chosen = _device.choose("auto", torch.device("cpu"), 10**9)
    (file,) = (tmp_path / "number-format").iterdir()
    assert _device.DTYPES[file.read_text()] is chosen
    other = "float32" if chosen is torch.bfloat16 else "bfloat16"
    file.write_text(other)
    assert _device.choose("auto", torch.device("cpu"), 10**9) is _device.DTYPES[other]


def test_device_by_hand(monkeypatch):
    monkeypatch.setenv("SPIRITLEVEL_DEVICE", "nonsense")
    with pytest.raises(ConfigError, match="nonsense"):
        _device.device()


@pytest.mark.parametrize("arch", ["llama", "gemma3"])
def test_dtype_travels_in_the_spec(journal, arch):
    ref = backends.resolve(f"tiny:{arch}", dtype="bfloat16")
    assert ref.spec == f"tiny:{arch}-0?dtype=bfloat16"
    assert ref.weights == backends.resolve(f"tiny:{arch}").weights
    assert backends.resolve(ref.spec) == ref
    assert backends.open_weights(ref, journal).dtype is torch.bfloat16
