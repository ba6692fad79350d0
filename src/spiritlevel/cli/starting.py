"""`spiritlevel init`: a constitution and a configuration to edit."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from spiritlevel.constitution.loading import DEFAULT
from spiritlevel.elicit.prompts import SEEDS
from spiritlevel.errors import ConfigError

CONFIG = Path(__file__).with_name("config.yaml")


def write(folder: Path) -> Iterator[str]:
    """Fill a new folder; ConfigError when it has something in it already, which is left as it is."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{str(folder)!r} is a file or a folder that is not empty; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DEFAULT, folder / "constitution")
    shutil.copytree(SEEDS, folder / "seeds")
    shutil.copy(CONFIG, folder / "spiritlevel.yaml")
    yield (
        f"{folder}/constitution/   what is meant: principles, examples, policy.yaml; "
        f"check with: spiritlevel constitution check {folder}/constitution"
    )
    yield f"{folder}/seeds/          what the red team asks, a file a principle"
    yield f"{folder}/spiritlevel.yaml   the configuration; run with: spiritlevel run {folder}/spiritlevel.yaml"
