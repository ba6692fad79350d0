"""One stage alone: the loop is walked, finished steps replay, the asked stage runs, and all after it is left undone."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from pydantic import BaseModel

from spiritlevel import audit, finetune, loop
from spiritlevel.cli import telling
from spiritlevel.config import LoopConfig
from spiritlevel.errors import ConfigError, MissingStage
from spiritlevel.evidence import Evidence
from spiritlevel.types import Compared, Journal, ModelCard, Verdict

P = ParamSpec("P")
R = TypeVar("R", bound=BaseModel)


class _Enough(Exception):
    """The asked stage has run; what comes next was not asked for."""


class Only:
    """Evidence in which one stage may run and the others only replay."""

    def __init__(self, evidence: Evidence, stage: str) -> None:
        self.evidence, self.stage = evidence, stage
        self.ran: list[BaseModel] = []

    def step(self, stage: Callable[Concatenate[Journal, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run if it is of the asked stage, else replay; MissingStage before the asked one, a silent end after it."""
        mine = stage.__module__.split(".")[1] == self.stage
        # the sealed exam belongs to release, which alone may open it
        exam = self.stage == "release" and bool(self.ran) and not any(isinstance(value, Verdict) for value in self.ran)
        bookkeeping = stage is finetune.keep  # without training nothing precedes the first campaign
        if not (mine or exam or bookkeeping) and not self.evidence.done(stage, *args, **kwargs):
            if self.ran:
                raise _Enough
            needed = stage.__module__.split(".")[1]
            raise MissingStage(f"run {self.evidence.name!r} has no {needed!r} yet; run: spiritlevel {needed} --run {self.evidence.name}")
        value = self.evidence.step(stage, *args, **kwargs)
        if mine:
            self.ran.append(value)
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.evidence, name)


def run(stage: str, config: LoopConfig, evidence: Evidence, echo: Callable[[str], None]) -> Verdict | None:
    """Run one stage on the evidence so far and say what came out; the verdict when the stage made one."""
    if stage == "finetune" and config.finetune is None and config.after is None:
        raise ConfigError("this run has finetune: none, so there is nothing to train; give the configuration a finetune section")
    only = Only(evidence, stage)
    try:
        whole = audit.run if config.after is not None else loop.run
        whole(config, cast(Evidence, only))
    except _Enough:
        pass
    verdict = None
    for value in only.ran:
        if isinstance(value, Compared):
            for line in telling.figures(value):
                echo(line)
        elif isinstance(value, Verdict):
            verdict = value
            for line in telling.decided(value):
                echo(line)
        elif isinstance(value, ModelCard):
            for line in telling.where(evidence, value):
                echo(line)
    last = only.ran[-1] if only.ran else None
    if last is not None and verdict is None and not isinstance(last, Compared):
        echo(f"{stage}: done, {len(only.ran)} step{'s' * (len(only.ran) != 1)} in run {evidence.name}")
    return verdict
