import json
import shutil
import warnings

import numpy as np
import pytest
import torch

from spiritlevel import backends
from spiritlevel.backends import tiny as tiny_backend
from spiritlevel.backends.folder import tree
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ConfigError, ModelError
from spiritlevel.types import ModelRef, user


@pytest.fixture
def copy(tmp_path):
    """A checkpoint folder with the tiny Llama's files."""
    source = tiny_backend.locate(Spec.parse("tiny:llama"), None).folder
    return shutil.copytree(source, tmp_path / "check@point")


@pytest.fixture
def adapter(tmp_path, tiny):
    """A LoRA folder over tiny:llama with weights that do something."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft uses what transformers has deprecated
        module = get_peft_model(tiny("llama").module, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    with torch.no_grad():
        for name, part in module.named_parameters():
            if "lora_B" in name:
                part.normal_(std=0.2)
    folder = tmp_path / "adapter"
    module.save_pretrained(str(folder))
    described = json.loads((folder / "adapter_config.json").read_text())
    described["base_model_name_or_path"] = "tiny:llama"
    (folder / "adapter_config.json").write_text(json.dumps(described))
    return folder


def test_a_copy_keeps_the_fingerprint_and_is_pinned_by_its_files(copy, journal):
    ref = backends.resolve(f"path:{copy}")
    assert ref.spec == f"path:{copy}@{tree(copy)[:12]}"
    assert ref.weights == backends.resolve("tiny:llama").weights
    assert ref.family == "llama-64x2"
    assert backends.resolve(ref.spec) == ref
    assert backends.open_weights(ref, journal).layers == 2
    (copy / "lineage.json").write_text("{}")
    assert backends.resolve(f"path:{copy}") == ref
    (copy / "generation_config.json").write_text("{}")
    with pytest.raises(ModelError, match="changed since"):
        backends.open_weights(ref, journal)
    with pytest.raises(ModelError, match="are not those of"):
        backends.resolve(ref.spec)


def test_an_adapter_is_merged_and_equals_the_merged_checkpoint(adapter, tmp_path, journal):
    ref = backends.resolve(f"path:{adapter}")
    model = backends.open_weights(ref, journal)
    assert ref.weights != backends.resolve("tiny:llama").weights
    assert not any("lora" in name for name, _ in model.module.named_parameters())
    model.module.save_pretrained(str(tmp_path / "merged"))
    model.tokenizer.save_pretrained(str(tmp_path / "merged"))
    merged = backends.resolve(f"path:{tmp_path / 'merged'}")
    assert merged.weights == ref.weights
    again = backends.open_weights(merged, journal)
    np.testing.assert_allclose(model.activations([user("a")], [2]), again.activations([user("a")], [2]), atol=1e-5)


def test_blobs_open_through_their_journal(copy, adapter, journal):
    full = journal.blob(lambda folder: shutil.copytree(copy, folder, dirs_exist_ok=True))
    thin = journal.blob(lambda folder: shutil.copytree(adapter, folder, dirs_exist_ok=True))
    for blob, weights in ((full, "a"), (thin, "b")):
        ref = ModelRef(spec=f"blob:{blob}", kind="local", weights=weights, family="llama-64x2")
        assert backends.open_weights(ref, journal).activations([user("a")], [2]).shape == (1, 1, 64)
    with pytest.raises(ConfigError, match="belongs to a run"):
        backends.resolve(f"blob:{full}")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (None, "names no base"),
        ("", "names no base"),
        ("/nowhere/at/all", "neither a folder"),
        ("tiny:nothing", "unknown"),
        ("blob:abc", "belong to a run"),
    ],
)
def test_an_adapter_without_its_base_is_a_sentence(adapter, base, said, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    described = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**described, "base_model_name_or_path": base}))
    with pytest.raises((ModelError, ConfigError), match=said) as found:
        backends.resolve(f"path:{adapter}")
    assert "\n" not in str(found.value)


def test_adapters_do_not_stack(adapter, tmp_path):
    second = shutil.copytree(adapter, tmp_path / "second")
    described = json.loads((second / "adapter_config.json").read_text())
    (second / "adapter_config.json").write_text(json.dumps({**described, "base_model_name_or_path": str(adapter)}))
    with pytest.raises(ModelError, match="is an adapter itself"):
        backends.resolve(f"path:{second}")


def test_folders_that_are_no_models_are_sentences(tmp_path, copy, journal):
    with pytest.raises(ModelError, match="There is no model folder"):
        backends.resolve(f"path:{tmp_path / 'none'}")
    with pytest.raises(ModelError, match="There is no model folder"):
        backends.resolve("path:")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="neither config"):
        backends.resolve(f"path:{tmp_path / 'empty'}")
    ref = backends.resolve(f"path:{copy}")
    (copy / "config.json").write_text("{}")
    with pytest.raises(ModelError):
        backends.open_weights(ref.model_copy(update={"spec": f"path:{copy}"}), journal)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        backends.resolve(f"path:{copy}")


def test_damaged_weights_are_a_sentence(copy):
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError) as found:
        backends.resolve(f"path:{copy}")
    assert "\n" not in str(found.value)
