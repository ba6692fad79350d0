"""A project small enough for a whole loop in a few seconds: three principles, a few examples and seeds each."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import searching  # noqa: F401  (loads the profile of property tests before any of them is read)
from faulty import Faulty, serving

os.environ.setdefault("GOMP_SPINCOUNT", "0")  # contended decoding crawls otherwise; read when torch loads

PRINCIPLES = ("no-fraud", "no-hate", "is-helpful")
SMALL: dict[str, Any] = {
    "model": "tiny:llama",
    "elicit": {"teach": 2, "harmful": 3, "harmless": 1, "max_tokens": 8, "attacks": ["direct", "prefix-injection", "role-play"]},
    "finetune": {
        "candidates": 1,
        "revision_tokens": 4,
        "sft": {"epochs": 1, "lr": 1e-3, "save_every": 3},
        "dpo": {"epochs": 1, "lr": 1e-4},
    },
    "interpret": {"every": 1, "max_prompts": 40, "depths": [0, 2], "asked": 4, "contrast": "none"},
    "measure": {"kl_prompts": 4, "kl_tokens": 6, "rounds": 100},
}
SCRIPTED: dict[str, Any] = {**SMALL, "model": "scripted:mixed", "finetune": None, "interpret": None}


class Small(NamedTuple):
    """Where the small project lies, and its configurations."""

    home: Path
    law: Path
    seeds: Path

    def raw(self, base: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
        """`base` (the tiny loop) with this project's folders; a section that is a mapping is merged, any other value replaces."""
        found: dict[str, Any] = {"constitution": str(self.law), **(SMALL if base is None else base)}
        found["elicit"] = {"seeds": str(self.seeds), **found["elicit"]}
        for name, value in sections.items():
            merged = isinstance(value, dict) and isinstance(found.get(name), dict)
            found[name] = {**found[name], **value} if merged else value
        return found

    def config(self, base: dict[str, Any] | None = None, **sections: Any) -> Any:
        """The same as a LoopConfig."""
        from spiritlevel.config import LoopConfig

        return LoopConfig.model_validate(self.raw(base, **sections))

    def file(self, folder: Path, base: dict[str, Any] | None = None, **sections: Any) -> Path:
        """The same as a YAML file in `folder`."""
        import yaml

        path = folder / "small.yaml"
        path.write_text(yaml.safe_dump(self.raw(base, **sections)), encoding="utf-8")
        return path


def run_loop(root: Path, config: Any, *, name: str = "small", audit: bool = False, listener: Any = None) -> Any:
    """A whole loop (or audit) in `root`: (finished, digest, counts)."""
    from spiritlevel import audit as auditing
    from spiritlevel import loop
    from spiritlevel.evidence import open_run

    with open_run(root, name, config.identity, config.to_yaml(), listener=listener) as evidence:
        finished = (auditing if audit else loop).run(config, evidence)
        return finished, evidence.digest(), evidence.counts()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """A real server to be told how to misbehave (faulty.py), in an environment without keys."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "SPIRITLEVEL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SPIRITLEVEL_NO_NETWORK", raising=False)
    with serving() as state:
        yield state


@pytest.fixture(scope="session", name="run_loop")
def run_loop_fixture() -> Any:
    return run_loop


@pytest.fixture(scope="session", name="scripted_base")
def scripted_base_fixture() -> dict[str, Any]:
    return SCRIPTED


def _cut(text: str, harmful: int, harmless: int) -> str:
    """Front matter and the first few scenarios with a harmful prompt, and without one."""
    head, *groups = re.split(r"(?m)^(?=# )", text)
    bad = [g for g in groups if "\n## harmful" in g]
    good = [g for g in groups if "\n## harmful" not in g]
    return head + "".join(bad[:harmful]) + "".join(good[:harmless])


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Three principles of the default constitution, cut to a few scenarios, and seeds to match."""
    from spiritlevel.constitution.loading import DEFAULT
    from spiritlevel.elicit.prompts import SEEDS

    home = tmp_path_factory.mktemp("small")
    law, seeds = home / "law", home / "seeds"
    for half in ("principles", "teach", "certify"):
        (law / half).mkdir(parents=True)
        for id in PRINCIPLES:
            text = (DEFAULT / half / f"{id}.md").read_text(encoding="utf-8")
            few = {"principles": text, "teach": _cut(text, 5, 4), "certify": _cut(text, 6, 5)}[half]
            (law / half / f"{id}.md").write_text(few, encoding="utf-8")
    shutil.copy(DEFAULT / "policy.yaml", law / "policy.yaml")
    seeds.mkdir()
    for stem, each in (dict.fromkeys(PRINCIPLES, 24) | {"plain": 30, "contrasts": 20}).items():
        head, *sections = re.split(r"(?m)^(?=# )", (SEEDS / f"{stem}.md").read_text(encoding="utf-8"))
        cut = ["".join(line for line in section.splitlines(keepends=True)[: each + 1]) + "\n" for section in sections]
        (seeds / f"{stem}.md").write_text(head + "".join(cut), encoding="utf-8")
    return Small(home, law, seeds)


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own for tiny models, shared by the session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def one_thread(cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny models on one thread, with a cache of their own."""
    import torch

    monkeypatch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Done(NamedTuple):
    """A finished loop on tiny:llama; copy its folder before changing it."""

    root: Path
    config: Any
    finished: Any
    digest: str
    counts: dict[str, int]

    @property
    def checkpoint(self) -> Path:
        """The tuned model's folder."""
        return self.root / "runs" / "small" / "blobs" / self.finished.tuned.ref.spec.removeprefix("blob:")


@pytest.fixture(scope="session")
def tuned_run(small: Small, cache_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One whole loop on tiny:llama, made once a session."""
    import torch

    root, config = tmp_path_factory.mktemp("loop"), small.config()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
        finished, digest, counts = run_loop(root, config)
    torch.set_num_threads(before)
    return Done(root, config, finished, digest, counts)
