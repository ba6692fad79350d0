"""One YAML file is one LoopConfig; each stage owns its section's class."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator

from spiritlevel.constitution.reading import NotYaml, parse_yaml
from spiritlevel.elicit.config import AgentsConfig, CampaignConfig, ElicitConfig
from spiritlevel.errors import ConfigError
from spiritlevel.finetune.config import FinetuneConfig
from spiritlevel.interpret.config import InterpretConfig
from spiritlevel.measure.config import MeasureConfig
from spiritlevel.release import ReleaseConfig
from spiritlevel.types import Frozen, content_hash


class LoopConfig(Frozen):
    """A whole run."""

    constitution: str | None = None
    """Folder of the constitution; empty = the default one."""
    model: str = "bundled"
    """`bundled`, `hf:ORG/NAME@REVISION`, `path:DIR`, `tiny:llama`, or, without finetune and interpret, a hosted model."""
    after: str | None = None
    """Audit: the tuned model that someone else made; `finetune` must then be none."""
    trained_on: str | None = None
    """Audit: JSON lines of the data that `after` was trained on; undeclared data means unknown ancestry."""
    elicit: ElicitConfig = Field(default_factory=ElicitConfig)
    campaign: CampaignConfig = Field(default_factory=CampaignConfig)
    agents: AgentsConfig = Field(default_factory=AgentsConfig)
    finetune: FinetuneConfig | None = Field(default_factory=FinetuneConfig)
    interpret: InterpretConfig | None = Field(default_factory=InterpretConfig)
    measure: MeasureConfig = Field(default_factory=MeasureConfig)
    release: ReleaseConfig = Field(default_factory=ReleaseConfig)

    @field_validator("finetune", "interpret", mode="before")
    @classmethod
    def _none(cls, given: Any) -> Any:
        """`finetune: none` reads as it is meant."""
        return None if given == "none" else given

    @property
    def identity(self) -> str:
        """Hash of the resolved configuration."""
        return content_hash(self)

    def to_yaml(self) -> str:
        """The resolved copy that is saved with a run."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load(path: Path | str | None, overrides: dict[str, Any] | None = None, *, resolved: bool = False) -> LoopConfig:
    """Read a configuration file, or the defaults. ConfigError is one sentence that names the field.

    Relative paths in a file (constitution, model, after, trained_on, prompt files) are relative to the file, unless it is a run's
    `resolved` copy.
    """
    raw: Any = {}
    if path is not None:
        file = Path(path)
        if not file.is_file():
            raise ConfigError(f"configuration {str(path)!r} does not exist; run `spiritlevel init NAME` to begin one")
        try:
            loaded = parse_yaml(file.read_text("utf-8", errors="replace"))
            raw = {} if loaded is None else loaded
        except NotYaml as error:
            raise ConfigError(f"{file}:{error.line}: {error}") from None
        if not isinstance(raw, dict):
            raise ConfigError(f"{file}:1: not a list of `section: ...` entries; see `spiritlevel init NAME`")
        if not resolved:
            _relative_to(file.parent, raw)
    raw = {**raw, **{key: value for key, value in (overrides or {}).items() if value is not None}}
    try:
        return LoopConfig.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{path or 'configuration'}: {where}: {first['msg'].lower()} (got {first['input']!r:.60}); correct this field"
        ) from None


def _relative_to(folder: Path, raw: dict[str, Any]) -> None:
    for key in ("constitution", "trained_on"):
        if isinstance(raw.get(key), str) and raw[key]:
            raw[key] = str(folder / raw[key])
    for key in ("model", "after"):
        if isinstance(raw.get(key), str):
            raw[key] = _beside(folder, raw[key])
    agents = raw.get("agents")
    if isinstance(agents, dict) and isinstance(agents.get("folder"), str) and agents["folder"]:
        agents["folder"] = str(folder / agents["folder"])
    measure = raw.get("measure")
    if isinstance(measure, dict):
        if isinstance(measure.get("suite_data"), str) and measure["suite_data"]:
            measure["suite_data"] = str(folder / measure["suite_data"])
        named = measure.get("suites")
        if isinstance(named, list):
            measure["suites"] = [
                str(folder / one) if isinstance(one, str) and ("/" in one or one.endswith(".md")) else one for one in named
            ]
    finetune = raw.get("finetune")
    select = finetune.get("select") if isinstance(finetune, dict) else None
    if isinstance(select, dict) and isinstance(select.get("reward"), str):
        select["reward"] = ",".join(_beside(folder, part.strip()) for part in select["reward"].split(","))
    elicit = raw.get("elicit")
    if isinstance(elicit, dict):
        if isinstance(elicit.get("seeds"), str) and elicit["seeds"] not in ("", "none"):
            elicit["seeds"] = str(folder / elicit["seeds"])
        files = elicit.get("prompts")
        for file in files if isinstance(files, list) else ():
            if isinstance(file, dict) and isinstance(file.get("path"), str):
                file["path"] = str(folder / file["path"])


def _beside(folder: Path, spec: str) -> str:
    return f"path:{folder / spec.removeprefix('path:')}" if spec.startswith("path:") else spec
