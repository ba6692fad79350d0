"""Hooks and captures on real tiny transformers of several families."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from spiritlevel import _activations, activations, backends
from spiritlevel.backends.tiny import ARCHITECTURES
from spiritlevel.errors import ConfigError, DataError, EvidenceError, ModelError, NeedsWeights
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.types import ModelRef, user

CHATS = [user("hello there " * n + "good friend") for n in (5, 1, 3, 2, 4)]


def load(arch="llama"):
    return backends.open_weights(backends.resolve(f"tiny:{arch}"), MemoryJournal())


@pytest.fixture(scope="module")
def model():
    return load()


def own_states(model, chats):
    """Transformers' own hidden states of the same padded batch, in the batch's order."""
    ids = [model.render(chat) for chat in chats]
    order = next(_activations.passes([len(one) for one in ids]))
    with torch.inference_mode():
        batch, mask = _activations.padded([ids[place] for place in order], "cpu")
        states = model.module(input_ids=batch, attention_mask=mask, use_cache=False, output_hidden_states=True).hidden_states
    return order, [len(ids[place]) for place in order], states


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_bit_equal_to_transformers_own(arch):
    model = load(arch)
    (name,) = activations.blocks(model, [1])
    found = activations.read(model, CHATS, [name], "all")[name]
    order, lengths, states = own_states(model, CHATS)
    rows = {place: states[1][i, 1:length] for i, (place, length) in enumerate(zip(order, lengths, strict=True))}
    np.testing.assert_array_equal(found, torch.cat([rows[place] for place in range(5)]).numpy())
    last = activations.read(model, CHATS, [name], "last")[name]
    np.testing.assert_array_equal(last, torch.stack([rows[place][-1] for place in range(5)]).numpy())


def test_positions(model):
    name = activations.blocks(model)[0]
    every = activations.read(model, CHATS, [name], "all", first=True)[name]
    lengths = [len(model.render(chat)) for chat in CHATS]
    chats = np.split(every, np.cumsum(lengths)[:-1])
    mean = activations.read(model, CHATS, [name], "mean")[name]
    np.testing.assert_allclose(mean, [rows[1:].mean(0) for rows in chats], rtol=1e-4, atol=1e-5)
    some = activations.read(model, CHATS, [name], (2, -1))[name].reshape(5, 2, -1)
    np.testing.assert_array_equal(some[:, 0], [rows[2] for rows in chats])
    np.testing.assert_array_equal(some[:, 1], [rows[-1] for rows in chats])
    span = activations.read(model, CHATS, [name], "mean", spans=[(3, 5)] * 5)[name]
    np.testing.assert_allclose(span, [rows[3:5].mean(0) for rows in chats], rtol=1e-4, atol=1e-5)


def test_what_goes_in_and_what_comes_out(model):
    down, gate = "model.layers.0.mlp.down_proj", "model.layers.0.mlp"
    found = activations.read(model, CHATS[:1], [f"{down}:in", down, gate], "all")
    assert found[f"{down}:in"].shape[1] == 128
    np.testing.assert_array_equal(found[down], found[gate])
    weight = model.module.get_submodule(down).weight.detach().numpy()
    np.testing.assert_allclose(found[f"{down}:in"] @ weight.T, found[down], atol=1e-4)


@pytest.mark.parametrize("arch", ["llama", "gemma2", "phi"])
def test_replacing_changes_what_follows_and_leaves_no_hook(arch):
    model = load(arch)
    one, two = activations.blocks(model)
    batch, mask = _activations.padded([model.render(CHATS[0])], "cpu")
    seen = []
    with torch.inference_mode():
        plain = model.module(input_ids=batch, attention_mask=mask).logits
        with _activations.hooked(model.module, {one: lambda x: torch.zeros_like(x), f"{two}:in": lambda x: seen.append(x.clone())}):
            zeroed = model.module(input_ids=batch, attention_mask=mask).logits
        with _activations.hooked(model.module, {f"{two}:in": lambda x: torch.zeros_like(x)}):
            before = model.module(input_ids=batch, attention_mask=mask).logits
        again = model.module(input_ids=batch, attention_mask=mask).logits
    assert not seen[0].any()
    assert not torch.equal(plain, zeroed)
    torch.testing.assert_close(zeroed, before)
    assert torch.equal(plain, again)


def test_stops_after_the_last_wanted_module_and_passes_other_errors(model):
    name, later = activations.blocks(model)
    ran = []
    batch, mask = _activations.padded([model.render(CHATS[0])], "cpu")
    handle = model.module.get_submodule(later).register_forward_hook(lambda *_: ran.append(1))
    with _activations.hooked(model.module, {name: lambda _: None}, stop=True):
        model.module(input_ids=batch, attention_mask=mask)
        ran.append(2)
    handle.remove()
    assert not ran
    with pytest.raises(ZeroDivisionError), _activations.hooked(model.module, {name: lambda _: 1 / 0}, stop=True):
        model.module(input_ids=batch, attention_mask=mask)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())


def test_a_module_that_is_not_there_lists_what_is(model):
    with pytest.raises(ModelError, match=r"did you mean 'model.layers.0.mlp'.*model.layers.N.mlp.down_proj"):
        activations.read(model, CHATS, ["model.layers.0.mpl"])
    with pytest.raises(ModelError, match="takes no part"):
        activations.read(model, CHATS, ["model.layers"])
    with pytest.raises(ConfigError, match=r"Layer 3 is out of range.*1 to 2"):
        activations.blocks(model, [1, 3])


def test_an_architecture_without_known_blocks_is_searched(model):
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.tower = model.module.model.layers
            self.config = model.module.config

    assert _activations.blocks(Odd())[0] == "tower"
    odd = Odd()
    odd.tower = torch.nn.ModuleList(list(odd.tower) * 2)  # as many as no list of the configuration's depth has
    with pytest.raises(ModelError, match=r"blocks of 'Odd' are not where they are looked for \(it has: tower\); use a Llama-like model"):
        _activations.blocks(odd)


def test_a_capture_is_what_was_read(model, tmp_path):
    one, two = activations.blocks(model)
    told = []
    kept = activations.capture(model, CHATS, tmp_path / "a", [one, two], shard_bytes=4000, progress=lambda *at: told.append(at))
    assert len(kept.manifest.shards) == 1
    assert told == [(5, 5)]
    for name in (one, two):
        np.testing.assert_array_equal(kept.load(name), activations.read(model, CHATS, [name], "all")[name])
    assert kept.manifest.tokens == sum(len(model.render(chat)) for chat in CHATS)
    assert kept.manifest.rows == kept.manifest.tokens - 5
    assert activations.Captured(tmp_path / "a").manifest == kept.manifest
    with pytest.raises(EvidenceError, match="exists already"):
        activations.capture(model, CHATS, tmp_path / "a", [one])
    with pytest.raises(ConfigError, match="was not captured"):
        kept.load("lm_head")


def test_shards_in_the_models_own_format(tmp_path, monkeypatch):
    monkeypatch.setattr(_activations.passes, "__defaults__", (60,))
    model = load()
    model.module.bfloat16()
    (name,) = activations.blocks(model, [2])
    kept = activations.capture(model, CHATS, tmp_path / "a", [name], shard_bytes=1)
    assert len(kept.manifest.shards) > 1
    np.testing.assert_array_equal(kept.load(name), activations.read(model, CHATS, [name], "all")[name])
    rows = kept.manifest.rows
    assert sum(f.stat().st_size for f in kept.folder.glob("*.safetensors")) < rows * 64 * 2 + rows * 8 + 1000 * len(kept.manifest.shards)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_rolls_back(model, tmp_path, monkeypatch):
    import safetensors.torch

    real, files = safetensors.torch.save_file, []

    def filling(tensors, file):
        files.append(file)
        if len(files) == 1:
            return real(tensors, file)
        return Path("/dev/full").write_bytes(safetensors.torch.save(tensors))  # a real device that is always full

    monkeypatch.setattr(safetensors.torch, "save_file", filling)
    monkeypatch.setattr(_activations.passes, "__defaults__", (60,))
    with pytest.raises(EvidenceError, match="no space left for the captured activations"):
        activations.capture(model, CHATS, tmp_path / "a", activations.blocks(model), shard_bytes=1)
    assert len(files) == 2
    assert list(tmp_path.iterdir()) == []

    def fail(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(_activations, "save", fail)
    with pytest.raises(OSError, match="broken"):
        activations.capture(model, CHATS, tmp_path / "a", activations.blocks(model))
    assert list(tmp_path.iterdir()) == []


def test_half_a_capture_is_none(model, tmp_path):
    with pytest.raises(EvidenceError, match="no finished capture"):
        activations.Captured(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"model": "x"}))
    with pytest.raises(EvidenceError, match="no finished capture"):
        activations.Captured(tmp_path)
    left = tmp_path / ".tmp-a"
    left.mkdir()
    (left / "shard-00000.safetensors").write_text("half")
    activations.capture(model, CHATS, tmp_path / "a", activations.blocks(model))
    assert not left.exists()


def test_values_that_are_not_finite():
    model = load("mistral")
    with torch.no_grad():
        model.module.model.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    one, two = activations.blocks(model)
    activations.read(model, CHATS, [one])
    with pytest.raises(DataError, match=r"'model.layers.1' are NaN or infinite on chat \d"):
        activations.read(model, CHATS, [one, two])


def test_bad_input(model, tmp_path: Path):
    (name,) = activations.blocks(model, [1])
    hosted = type("Hosted", (), {"ref": ModelRef(spec="openai/x", kind="hosted", family="openai/x")})()
    with pytest.raises(NeedsWeights, match="activations need weights"):
        activations.read(hosted, CHATS, [name])
    for chats, modules, at, spans, message in [
        ([], [name], "last", None, "no chat"),
        (CHATS, [], "last", None, "none or named twice"),
        (CHATS, [name, name], "last", None, "none or named twice"),
        (CHATS, [name], (500,), None, "lacks one of the positions"),
        (CHATS, [name], (0, 1), None, "name the first token"),
        (CHATS, [name], (), None, "lacks one of the positions"),
        (CHATS, [name], "mean", [(0, 1)] * 5, "no token beyond the first"),
        (CHATS, [name], "mean", [(4, 2)] * 5, "does not lie within"),
        ([user("word " * 3000)], [name], "last", None, "longer than the context"),
    ]:
        with pytest.raises((DataError, ConfigError), match=message):
            activations.capture(model, chats, tmp_path / "a", modules, at, spans=spans)
    assert list(tmp_path.iterdir()) == []
