"""Configurations: every fault is one sentence that names the field, and what is resolved reads back the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searching import examples
from spiritlevel.config import LoopConfig, load
from spiritlevel.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "my.yaml"
    path.write_text(text, "utf-8")
    return path


def test_default_round_trips(tmp_path: Path) -> None:
    default = load(None)
    assert default == LoopConfig()
    again = load(written(tmp_path, default.to_yaml()), resolved=True)
    assert again == default
    assert again.identity == default.identity


def test_empty_file_is_the_default(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing\n")) == LoopConfig()


def test_overrides_win_and_none_is_no_override(tmp_path: Path) -> None:
    path = written(tmp_path, "model: tiny:llama\n")
    assert load(path, {"model": "hf:a/b"}).model == "hf:a/b"
    assert load(path, {"model": None}).model == "tiny:llama"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("modell: bundled", ["modell", "not permitted"]),
        ("elicit: {harmfull: 5}", ["elicit.harmfull"]),
        ("elicit: {harmful: many}", ["elicit.harmful", "'many'"]),
        ("elicit: {harmful: 0}", ["elicit.harmful", "greater"]),
        ("elicit: {shares: [0.5, 0.5, 0.5]}", ["elicit.shares", "sum to 1"]),
        ("elicit: {shares: [.nan, 0.5, 0.5]}", ["elicit.shares"]),
        ("elicit: {prompts: 5}", ["elicit.prompts"]),
        ("elicit: {prompts: [{kind: harmful}]}", ["elicit.prompts.0.path"]),
        ("elicit:", ["elicit"]),
        ("measure: {rounds: 1}", ["measure.rounds"]),
        ("1: 2", ["1"]),
        ("- a\n- b", ["my.yaml:1"]),
        ("[]", ["my.yaml:1"]),
        ("just words", ["my.yaml:1"]),
        ("a: 1\nb: [", ["my.yaml:2", "YAML"]),
        ("model: 2020-99-99", ["my.yaml", "YAML"]),
        ("model: bundled\nmodel: tiny:llama", ["my.yaml:2", "'model' stands there twice"]),
        ('model: "\\ud800"', ["my.yaml:1", "YAML"]),
        ("[" * 500, ["my.yaml", "YAML"]),
    ],
)
def test_faults_name_the_field(tmp_path: Path, text: str, names: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    said = str(caught.value)
    assert "\n" not in said
    assert all(name in said for name in names), said


def test_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist; run `spiritlevel init"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path)


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = """
constitution: law
model: path:base
after: path:/abs/tuned
trained_on: data/rows.jsonl
elicit: {seeds: seeds, prompts: [{path: more.jsonl}]}
"""
    found = load(written(tmp_path, text))
    assert found.constitution == str(tmp_path / "law")
    assert found.model == f"path:{tmp_path / 'base'}"
    assert found.after == "path:/abs/tuned"
    assert found.trained_on == str(tmp_path / "data/rows.jsonl")
    assert found.elicit.seeds == str(tmp_path / "seeds")
    assert found.elicit.prompts[0].path == str(tmp_path / "more.jsonl")
    # a run's resolved copy is taken as it stands, or its paths would be moved twice
    assert load(written(tmp_path, text), resolved=True).constitution == "law"


def test_names_that_are_no_paths_stay(tmp_path: Path) -> None:
    found = load(written(tmp_path, "model: bundled\nelicit: {seeds: none}\n"))
    assert (found.model, found.elicit.seeds, found.constitution) == ("bundled", "none", None)


def test_overrides_from_the_command_line_are_relative_to_the_caller(tmp_path: Path) -> None:
    assert load(written(tmp_path, "model: bundled"), {"model": "path:here"}).model == "path:here"


def test_identity_follows_content() -> None:
    assert LoopConfig().identity == LoopConfig().identity != LoopConfig(model="tiny:llama").identity


@examples(50)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_one_clear_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x.yaml"
    path.write_bytes(raw)
    try:
        said = ""
        load(path)
    except ConfigError as error:
        said = str(error)
    assert not said or "x.yaml" in said
