import shutil

import pytest

from spiritlevel import backends
from spiritlevel.backends import tiny as tiny_backend
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ModelError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A hub cache that holds one model, and no network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / "models--org--small"
    shutil.copytree(tiny_backend.locate(Spec.parse("tiny:qwen3"), None).folder, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    return place


def test_the_local_cache_is_enough_and_the_commit_is_the_pin(cached, journal):
    ref = backends.resolve("hf:org/small")
    assert ref.spec == f"hf:org/small@{COMMIT}"
    assert ref.weights == backends.resolve("tiny:qwen3").weights
    assert backends.resolve(ref.spec) == ref
    assert backends.open_weights(ref, journal).width == 64


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "SPIRITLEVEL_NO_NETWORK"])
def test_what_is_not_cached_is_a_sentence_when_offline(cached, monkeypatch, switch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv(switch, "1")
    for spec in ("hf:org/other", "hf:org/small@v2", f"hf:org/small@{'f' * 40}"):
        with pytest.raises(ModelError, match="not in the local cache") as found:
            backends.resolve(spec)
        assert "\n" not in str(found.value)


@pytest.mark.parametrize("spec", ["hf:", "hf:a/b/c", "hf:white space"])
def test_no_name_of_the_hub_is_a_sentence(cached, spec):
    with pytest.raises(ModelError):
        backends.resolve(spec)


def test_a_half_downloaded_model_is_not_used(cached):
    (cached / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="not in the local cache"):
        backends.resolve("hf:org/small")


def test_an_unreachable_hub_is_a_sentence(cached, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)  # it was read when the hub's library was imported
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be had from the hub"):
        backends.resolve("hf:org/other")


def test_telemetry_is_off(cached):
    import huggingface_hub.constants

    backends.resolve("hf:org/small")
    assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY
