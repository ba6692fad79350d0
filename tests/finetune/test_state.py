import json

import pytest
import torch

from spiritlevel.errors import EvidenceError
from spiritlevel.finetune import _state


def test_slots_alternate_and_the_manifest_names_the_whole_one(tmp_path):
    for step in (1, 2, 3):
        _state.save(tmp_path, "me", step, {"step": step, "w": torch.full((3,), float(step))})
        state = _state.load(tmp_path, "me")
        assert state is not None
        assert state["step"] == step
        assert state["w"].tolist() == [step] * 3
    assert {p.name for p in tmp_path.iterdir()} == {"slot-0.pt", "slot-1.pt", "manifest.json"}


def test_a_half_written_slot_changes_nothing(tmp_path):
    _state.save(tmp_path, "me", 1, {"step": 1})
    (tmp_path / "slot-1.pt").write_bytes(b"half")
    (tmp_path / "manifest.json.new").write_text("{")
    state = _state.load(tmp_path, "me")
    assert state == {"step": 1}
    _state.save(tmp_path, "me", 2, {"step": 2})
    assert _state.load(tmp_path, "me") == {"step": 2}


def test_another_training_or_a_broken_manifest_means_from_the_start(tmp_path):
    assert _state.load(tmp_path, "me") is None
    _state.save(tmp_path, "me", 1, {"step": 1})
    assert _state.load(tmp_path, "another") is None
    (tmp_path / "manifest.json").write_text(json.dumps(["no"]))
    assert _state.load(tmp_path, "me") is None


def test_a_full_disk_is_one_sentence_and_keeps_the_last_state(tmp_path, monkeypatch):
    _state.save(tmp_path, "me", 1, {"step": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(EvidenceError, match="No space left"):
        _state.save(tmp_path, "me", 2, {"step": 2})
    assert _state.load(tmp_path, "me") == {"step": 1}
    assert not (tmp_path / "slot-1.pt").exists()
