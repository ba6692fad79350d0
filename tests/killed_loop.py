"""Run by test_durability.py: forks whole loops on a tiny transformer, kills them inside chosen stages, and prints what came out as JSON."""

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch

from spiritlevel import loop
from spiritlevel.config import LoopConfig
from spiritlevel.evidence import open_existing, open_run
from spiritlevel.types import Turn, user


class Marked:
    """Evidence that tells a pipe when each step starts (`>label`) and ends (`<label`)."""

    def __init__(self, evidence: Any, pipe: int) -> None:
        self.evidence, self.pipe, self.seen = evidence, pipe, {}

    def step(self, stage: Any, /, *args: Any, **kwargs: Any) -> Any:
        name = f"{stage.__module__.split('.')[1]}.{stage.__name__}"
        self.seen[name] = self.seen.get(name, 0) + 1
        mark = f"{name}#{self.seen[name]}"  # the walk is the same each time, so the n-th call is the same step
        fresh = not self.evidence.done(stage, *args, **kwargs)
        if fresh:
            os.write(self.pipe, f">{mark}\n".encode())
        value = self.evidence.step(stage, *args, **kwargs)
        if fresh:
            os.write(self.pipe, f"<{mark}\n".encode())
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.evidence, name)


def walk(root: Path, config: LoopConfig, pipe: int) -> None:
    with open_run(root, "killed", config.identity, config.to_yaml()) as evidence:
        loop.run(config, Marked(evidence, pipe))  # type: ignore[arg-type]


class Child:
    """A forked loop and its marks."""

    def __init__(self, root: Path, config: LoopConfig) -> None:
        self.read, write = os.pipe()
        self.left = ""
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read)
            try:
                walk(root, config, write)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        os.close(write)

    def marks(self, wait: float | None) -> list[str] | None:
        """New marks, [] after `wait` seconds without one; None at the child's end."""
        if not select.select([self.read], [], [], wait)[0]:
            return []
        data = os.read(self.read, 65536).decode()
        if not data:
            return None
        *lines, self.left = (self.left + data).split("\n")
        return lines

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> bool:
        """Wait for the end; True when it ended by itself. A failure ends the whole test."""
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.read)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise SystemExit("a resumed run failed")
        return os.WIFEXITED(status)


def undisturbed(root: Path, config: LoopConfig) -> dict[str, float]:
    """One loop left alone; seconds of each step."""
    child, began, took = Child(root, config), dict[str, float](), dict[str, float]()
    while (marks := child.marks(None)) is not None:
        for mark in marks:
            if mark[0] == ">":
                began[mark[1:]] = time.monotonic()
            else:
                took[mark[1:]] = time.monotonic() - began[mark[1:]]
    child.end()
    return took


def killed_in(root: Path, config: LoopConfig, mark: str, after: float) -> bool:
    """Run until `after` seconds into the step `mark`, or its end if that comes first, then kill; False when it never began."""
    child = Child(root, config)
    deadline = None
    while True:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        marks = child.marks(wait)
        if marks is None:
            child.end()
            return False
        for line in marks:
            if line == f">{mark}":
                deadline = time.monotonic() + after
            if line == f"<{mark}":
                deadline = time.monotonic()
        if deadline is not None and time.monotonic() >= deadline:
            child.kill()
            child.end()
            return True


def outcome(root: Path, kills: dict[str, int]) -> dict[str, object]:
    home = root / "runs/killed"
    with open_existing(root, "killed") as run:
        tokens = {step.label + step.subject: (step.cost.tokens_in, step.cost.tokens_out) for step in run.steps()}
        found = {"digest": run.digest(), "counts": run.counts(), "tokens": tokens}
    blobs = sorted(p.name for p in (home / "blobs").iterdir())
    left = [p.name for p in (home / "scratch").rglob("*") if p.is_file()]
    return {**found, "blobs": blobs, "left": left, "kills": kills}


def warm(config: LoopConfig) -> None:
    """Pay imports, the embedding model and caches once, so that a kill costs no start."""
    import sklearn.linear_model
    import sklearn.model_selection  # noqa: F401

    from spiritlevel import backends
    from spiritlevel.evidence import MemoryJournal
    from spiritlevel.finetune import _train  # noqa: F401
    from spiritlevel.judges import _minilm

    _minilm.embed(["warm"])
    weights = backends.open_weights(backends.resolve(config.model), MemoryJournal())
    weights.logprobs([(*user("warm"), Turn(role="assistant", content="up"))])


def main(home: Path, file: Path, rounds: int) -> None:
    torch.set_num_threads(1)
    draw = random.Random(20)
    config = LoopConfig.model_validate(json.loads(file.read_text()))
    warm(config)
    took = undisturbed(home / "whole", config)
    results = [outcome(home / "whole", {})]
    stages: dict[str, list[str]] = {}
    for mark in took:
        stages.setdefault(mark.split(".")[0], []).append(mark)
    for number in range(rounds):
        root = home / f"run{number}"
        kills: dict[str, int] = {}
        # one step of each stage, longer ones more often, in the order in which the loop comes to them
        chosen = {draw.choices(marks, [took[m] for m in marks])[0]: stage for stage, marks in stages.items()}
        for mark, stage in sorted(chosen.items(), key=lambda item: list(took).index(item[0])):
            if killed_in(root, config, mark, draw.uniform(0, took[mark])):
                kills[stage] = kills.get(stage, 0) + 1
        child = Child(root, config)
        while child.marks(None) is not None:
            pass
        child.end()
        results.append(outcome(root, kills))
    print(json.dumps({"results": results, "took": took}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
