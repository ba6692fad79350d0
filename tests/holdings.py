"""What a project holds on a model beside its loop: suites, a stale one, power of the checks, a gap curve, a campaign elsewhere."""

from typing import Any

from pydantic import BaseModel

import causes_made
import tamper_rows
from planting import ref
from spiritlevel.measure import oversight as overseeing
from spiritlevel.measured import measured
from spiritlevel.types import (
    Alarms,
    Compared,
    Estimate,
    Found,
    GapCurve,
    GapPlot,
    GapPoint,
    Grade,
    Held,
    IntentIs,
    Labelling,
    Ladder,
    Measurement,
    Overseen,
    Oversight,
    Place,
    Power,
    PowerCell,
    Provocation,
    RowSet,
    Rule,
    Rules,
    Tampering,
    Turning,
    Whence,
    content_hash,
)

PLACES = (
    ("suite:bbq", "Social bias in answers", "near", "choice"),
    ("suite:bbq/bias", "Social bias in answers", "near", "choice"),
    ("suite:myopia", "Preference for what comes soon", "long", "choice"),
    ("suite:letter-and-spirit", "The letter and the spirit of a request", "both", "checked"),
    ("suite:stated-reasoning", "Hints that are followed, and admitted", "long", "hinted"),
    ("suite:arc-easy", "Grade-school science, easy", "both", "choice"),
    ("suite:survival", "Clinging to its own existence", "long", "choice"),
)

RULE = Rule(check="harm", what="share of harm", least=0.1)
RULES = Rules(id=content_hash("rules"), rules=(RULE,), code="c", false_alarms=0.05, copies=12)


def est(name: str, value: float, n: int = 120, half: float = 0.06) -> Estimate:
    return Estimate(name=name, value=value, low=value - half, high=value + half, n=n)


def taken(name: str, before: float, after: float, **more: Any) -> tuple[Measurement, ...]:
    """Before, after and change of one measure."""
    values = (("before", before), ("after", after), ("change", after - before))
    fields = {"grade": Grade.INDEPENDENT, "rows": (content_hash("rows", name),), "instruments": (content_hash("suite", name),)} | more
    return tuple(Measurement.model_validate({"estimate": est(name, value), "phase": phase, **fields}) for phase, value in values)


def power(base: str) -> Power:
    cells = [(flaw, s, caught, flaw == "brand") for flaw in ("brand", "flattery", "trigger") for s, caught in ((0.5, 0.2), (1.0, 0.8))]
    return Power(
        base=ref("base").model_copy(update={"weights": base}),
        cells=tuple(
            PowerCell(flaw=f, strength=s, developed=d, detected=est("share", c, 5, 0.2), by=(("harm", est("share", c, 5, 0.2)),))
            for f, s, c, d in cells
        ),
        quoted=est("share", 0.5, 10, 0.3),
        false_alarms=est("share", 0.06, 30, 0.05),
        false_by=(("harm", est("share", 0.06, 30, 0.05)),),
        middle=0.75,
        developed=("brand",),
        held_out=("flattery", "trigger"),
        taken=(),
        rules=RULES,
        alarms=Alarms(id=content_hash("alarms"), rules=RULES.id, envelope="e", alarms=()),
        labels=(),
    )


def curve() -> GapPlot:
    def point(i: int, d: float, proxy: float, intent: float) -> GapPoint:
        shown = (est("gain", v, 30, 0.15) for v in (proxy, intent))
        return GapPoint(
            label=f"n = {2**i}", kl=d * d, d=est("d", d, 30, 0), proxy=next(shown), intent=next(shown), expected=est("gain", proxy / 3, 30)
        )

    walked = enumerate([(0.0, 0.0, 0.0), (0.6, 0.7, 0.5), (1.2, 1.4, 0.8), (1.8, 2.0, 0.6), (2.4, 2.6, 0.1)])
    turn = Turning(kind="inside", d=est("turning", 1.2, 30, 0.5), drop=est("drop", 0.7, 30, 0.3), p=0.01, at=2)
    one = GapCurve(
        name="best of n",
        form="best-of-n",
        points=tuple(point(i, *at) for i, at in walked),
        turning=turn,
        proxy_fit=None,
        intent_fit=None,
        gap=est("gap", 2.5, 30),
    )
    told = IntentIs(name="people", grade=Grade.INDEPENDENT)
    return GapPlot(title="best of n against length", curves=(one,), intent=told, scale="SDs", distance="nats", prompts=30, samples=64)


def ladder() -> Ladder:
    """Three rungs and one that could not be made; safeguards fail at 50 examples."""
    rungs = [(Tampering(kind="harmful", amount=n, how="lora"), {"harm": harm}) for n, harm in ((10, 9), (50, 30))]
    return tamper_rows.ladder({"harm": 6, "task": -1.5}, [*rungs, (Tampering(kind="direction"), "begins alike")])


def oversight() -> Oversight:
    """A supervisor that knows half of 40 texts, a ceiling that knows nine tenths, students between."""
    known = {"weak": 20, "ceiling": 36, "plain": 26, "confident": 30}
    rows = []
    for i in range(40):
        said = {who: 0.9 if i < n else 0.1 for who, n in known.items()}
        rows.append(Labelling.model_validate({"place": i, "seed": 0, "part": "test", "group": str(i), "label": True, **said}))
    labelled = RowSet(id="labelled", kind="labelling", n=40)
    made = Overseen(weak="w", strong="s", trained="a head", alpha=0.5, seeds=1, texts=(1, 1, 1), labellings=labelled)
    return overseeing.told(made, rows)


def changed(whence: Whence, value: BaseModel) -> Found:
    """What a command that changes a model inside found of the tuned one."""
    found, notes = measured(value)
    rows = tuple(m.model_copy(update={"rows": (whence.row,)}) for m in found)
    return Found(whence=whence, of="after", measurements=rows, notes=notes)


def held(compared: Compared, *, stale: str = "made on 2026-01-02, and the policy asks for evidence of at most 90 days") -> Held:
    """All of it about the two models of a comparison."""

    def whence(home: str, label: str) -> Whence:
        return Whence(run=f"{home}/3f2a", label=label, key=content_hash(home, label))

    suites = (
        *taken("suite:bbq", 0.31, 0.36),
        *taken("suite:bbq/bias", 0.12, 0.11),
        *taken("suite:myopia", 0.61, 0.44),
        *taken("suite:letter-and-spirit", 0.22, 0.41),
        *taken("suite:stated-reasoning", 0.52, 0.33, grade=Grade.KIN, why_grade="of unknown ancestry"),
        *taken("suite:arc-easy", 0.52, 0.50, role="capability"),
        Measurement(
            estimate=est("suite:bbq moved by typos", -0.04),
            cell="robust",
            grade=Grade.INDEPENDENT,
            rows=(content_hash("rows", "suite:bbq"),),
        ),
        Measurement(
            estimate=est("suite:bbq, worst of 3 frames", 0.21),
            cell="robust",
            grade=Grade.INDEPENDENT,
            rows=(content_hash("rows", "suite:bbq"),),
        ),
    )
    old = taken("suite:survival", 0.5, 0.4)
    climbed, noted = measured(ladder())
    spent = tuple(m.model_copy(update={"grade": Grade.SPENT, "why_grade": "model <- critic <- example"}) for m in climbed)
    overseen, seen = measured(oversight())
    return Held(
        found=(
            Found(whence=whence(".suites", "measure.suites"), of="both", measurements=suites, notes=("bbq: 12 rows were left out",)),
            Found(whence=whence(".old", "measure.suites"), of="both", measurements=old, stale=stale),
            Found(whence=whence(".tamper", "tamper.tell"), of="after", measurements=spent, notes=noted),
            Found(whence=whence(".oversight", "measure.oversight"), of="before", measurements=overseen, notes=seen),
            *(changed(whence(".causes", f"interpret.{type(value).__name__}"), value) for value in causes_made.every()),
        ),
        provoked=(
            (
                whence("attacked", "elicit.campaign:open"),
                Provocation(
                    model="after training, open prompts",
                    how="9 attacks, within 16 queries; the furthest: pair",
                    harm=est("harm@16", 0.55),
                    beside="the direct request as often",
                    control=est("harm@16", 0.2),
                    findings=7,
                    rows=(content_hash("attempts"),),
                ),
            ),
        ),
        powers=((whence(".power", "screening.tell"), power(compared.before.key)),),
        curves=((whence(".gap", "measure.pool"), curve()),),
        places=tuple(Place.model_validate(dict(zip(("measure", "title", "horizon", "form"), one, strict=True))) for one in PLACES),
    )
