"""What would our checks have missed? Plant flaws in copies, ask blind, open the labels, count: as a diagram of the product."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from spiritlevel import backends, flaws, screening
from spiritlevel.errors import ConfigError
from spiritlevel.evidence import Evidence, side_by_side
from spiritlevel.flaws import DEVELOPED, Flaw, PlantSettings, yardstick
from spiritlevel.flaws.yardstick import YardstickSettings
from spiritlevel.screening import blind, power
from spiritlevel.types import Frozen, ModelRef, Power

R = TypeVar("R", bound=BaseModel)
APART = 1000
"""Seeds of development copies begin here, so that none is among the controls."""
Planting = tuple[ModelRef, Flaw, int, bool, tuple[float, ...], PlantSettings]
"""What flaws.plant is given."""


class PowerConfig(Frozen):
    """How the audit of the audit goes."""

    model: str = "bundled"
    flaws: tuple[str, ...] = ()
    """Recipes by id or file; none = the seven that come with the product."""
    strengths: tuple[float, ...] = (0.5, 0.75, 1.0)
    """Shares of the trained change, rising; the middle one is quoted."""
    seeds: int = Field(3, ge=1)
    """Trainings of each flaw, all used at the middle strength, the first alone at the others."""
    clean: int = 21
    """Clean development copies that set the thresholds."""
    controls: int = 30
    """Clean copies among those that are asked blind."""
    checks: tuple[str, ...] = ()
    """Names of checks; none = all that are installed."""
    false_alarms: float = Field(0.05, gt=0, lt=1)
    """Target for a clean copy, over all checks."""
    plant: PlantSettings = PlantSettings()
    yardstick: YardstickSettings = YardstickSettings()

    @property
    def middle(self) -> float:
        """The strength at which power is quoted."""
        return self.strengths[len(self.strengths) // 2]


def quick(config: PowerConfig) -> PowerConfig:
    """The same with one strength, one seed and few controls, for a quarter of an hour: it finds a broken check, with wide intervals."""
    return config.model_copy(update={"strengths": (config.middle,), "seeds": 1, "clean": 4, "controls": 2})


def run(config: PowerConfig, evidence: Evidence, processes: int = 1) -> Power:
    """Register, set thresholds on clean copies, plant, ask blind, write alarms, open labels. Every step replays if it is done.

    `processes` plant and ask at a time; each holds a model.
    """
    recipes = _checked(config)
    base = backends.resolve(config.model)
    backends.check_weights(base, "planting flaws needs")
    registered = evidence.step(screening.register, config.checks, config.false_alarms)
    names = tuple(rule.check for rule in registered.rules)
    asked = evidence.step(screening.ask, base, names)
    twins = [*_twins(config, base, recipes, config.clean, APART), *_twins(config, base, recipes, config.controls, 0)]
    flawed = [one for flaw in recipes for one in _flawed(config, base, flaw)]
    grown = _each(evidence, flaws.plant, [*twins, *flawed], processes)
    clean, planted = ([copy for one in part for copy in one.copies] for part in (grown[: len(twins)], grown[len(twins) :]))
    apart, controls = clean[: config.clean], clean[config.clean :]
    rules = evidence.step(
        screening.calibrate,
        registered,
        _each(evidence, screening.screen, [(asked, copy.ref, registered) for copy in apart], processes),
    )
    copies = (*planted, *controls)
    of = {flaw.id: flaw for flaw in recipes}
    taken = _each(evidence, yardstick.take, [(base, copy, of[copy.flaw], config.yardstick) for copy in planted], processes)
    envelope = evidence.step(blind.seal, rules, copies)
    screened = _each(evidence, screening.screen, [(asked, ref, rules) for ref in envelope.refs], processes)
    alarms = evidence.step(blind.sound, rules, envelope, screened)
    return evidence.step(power.tell, base, rules, alarms, envelope, copies, taken, DEVELOPED, config.middle)


def _checked(config: PowerConfig) -> tuple[Flaw, ...]:
    """The recipes; ConfigError for what could only end in figures that mean nothing."""
    if config.clean < 2 or config.controls < 2:
        fewer = min(config.clean, config.controls)
        raise ConfigError(f"{fewer} clean copies cannot tell an alarm from noise; use at least 2 for thresholds and 2 as controls")
    if (
        not config.strengths
        or any(not 0 < s < math.inf for s in config.strengths)
        or list(config.strengths) != sorted(set(config.strengths))
    ):
        raise ConfigError(f"strengths {list(config.strengths)!r} do not rise from above 0; give for example 0.5 0.75 1")
    return flaws.chosen(config.flaws)


def _each(evidence: Evidence, stage: Callable[..., R], calls: Sequence[tuple[Any, ...]], processes: int) -> tuple[R, ...]:
    """The step of every call, in order, done by several processes where it is not done."""
    side_by_side(evidence, stage, calls, processes)
    return tuple(evidence.step(stage, *one) for one in calls)


def _flawed(config: PowerConfig, base: ModelRef, flaw: Flaw) -> list[Planting]:
    """All strengths of the first seed, the middle one of the others."""
    return [(base, flaw, seed, False, config.strengths if seed == 0 else (config.middle,), config.plant) for seed in range(config.seeds)]


def _twins(config: PowerConfig, base: ModelRef, recipes: tuple[Flaw, ...], n: int, first: int) -> list[Planting]:
    """Clean twins at the strength that is quoted, the recipes by turns, each with another seed: draw, order, and start of the change."""
    turns = [(recipes[i % len(recipes)], first + i // len(recipes)) for i in range(n)]
    return [(base, flaw, seed, True, (config.middle,), config.plant) for flaw, seed in turns]
