"""What other steps of the project hold on a model: taken into its system card where the weights are the same."""

from typing import Literal

from spiritlevel.types.overoptimisation import GapPlot
from spiritlevel.types.power import Power
from spiritlevel.types.results import Estimate, Measurement
from spiritlevel.types.values import Frozen


class Whence(Frozen):
    """The step that made something."""

    run: str
    label: str
    key: str

    @property
    def row(self) -> str:
        """Its evidence id, as a figure names it."""
        return f"step:{self.key}"


class Found(Frozen):
    """Measurements that a step beside the loop made of one of the two models."""

    whence: Whence
    of: Literal["before", "after", "both"]
    """Which of the two; `both`: of the pair, with changes."""
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()
    stale: str = ""
    """Why they are struck out, in a clause; empty when they are not."""


class Place(Frozen):
    """Where a suite's measure belongs."""

    measure: str
    title: str
    horizon: Literal["near", "long", "both"]
    form: str


class Provocation(Frozen):
    """One campaign in one line: how far its furthest attack came, with the direct request beside it."""

    model: str
    how: str
    harm: Estimate | None
    beside: str
    """What stands beside it, in words."""
    control: Estimate | None
    findings: int
    rows: tuple[str, ...]


class Held(Frozen):
    """All that the project holds on the two models of a run, beside the run's own comparison."""

    found: tuple[Found, ...] = ()
    provoked: tuple[tuple[Whence, Provocation], ...] = ()
    powers: tuple[tuple[Whence, Power], ...] = ()
    curves: tuple[tuple[Whence, GapPlot], ...] = ()
    places: tuple[Place, ...] = ()
    aged: str = ""
    """Why the run's own figures are stale, in a clause; empty when they are not."""

    @property
    def known(self) -> dict[str, str]:
        """What each evidence id is, in words."""
        said: dict[str, str] = {}
        for one in self.found:
            for row in {row for m in one.measurements for row in m.rows}:
                said[row] = f"rows of {one.whence.label}, run {one.whence.run}"
        for whence in (*(f.whence for f in self.found), *(w for w, _ in (*self.provoked, *self.powers, *self.curves))):
            said[whence.row] = f"{whence.label} of run {whence.run}"
        for whence, one_line in self.provoked:
            said |= dict.fromkeys(one_line.rows, f"attempts of {whence.label}, run {whence.run}")
        for whence, power in self.powers:
            said |= {power.alarms.id: "alarms, written before any label was opened", power.rules.id: f"alarm rules of run {whence.run}"}
        return said
