"""What commands that change a model inside come to, made up: each with a name that is hostile wherever a person gives one."""

from typing import Any

from spiritlevel.types import (
    Circuit,
    CircuitSize,
    Direction,
    DirectionReport,
    Estimate,
    ModelRef,
    Neuron,
    Neurons,
    NodeEffect,
    Patched,
    Sandbagging,
    SteerEffect,
    Unlocked,
)

HOSTILE = "<script>alert(1)</script>\u202e&\"'"
REF = ModelRef(spec="tiny:llama", kind="local", weights="w", family="llama")


def e(value: float, half: float = 0.05, name: str = "x", n: int = 60) -> Estimate:
    return Estimate(name=name, value=value, low=value - half, high=value + half, n=n)


def sandbagging(model: ModelRef = REF, beyond: float = 0.3) -> Sandbagging:
    figures = {"plain": 0.6, "cued": 0.25, "drop": -0.35, "returned": beyond + 0.02, "random": 0.02, "beyond": beyond}
    return Sandbagging(model=model, cue="A test.", layer=3, notes=("one look",), **{name: e(value) for name, value in figures.items()})


def unlocked(model: ModelRef = REF, beyond: float = 0.3) -> Unlocked:
    figures = {"tuned": 0.57, "returned": beyond + 0.02, "learnt": 0.02, "beyond": beyond}
    return Unlocked(
        model=model, cue="A test.", examples=16, steps=64, notes=("few",), **{name: e(value) for name, value in figures.items()}
    )


def effect(what: Any, on: str, measure: str, value: float, by: str = "") -> SteerEffect:
    return SteerEffect(what=what, on=on, measure=measure, by=by, value=e(value), unscored=2 if by == "reply" else 0)


def direction(model: ModelRef = REF, ablated: float = 0.7) -> DirectionReport:
    one = e(0.1)
    found = Direction(
        blob="b", layer=2, position=-1, form="plain", coefficient=1, induced=one, bypassed=one, kl=one, plain=(one, one), candidates=9
    )
    effects = [effect(what, "harmful", "refusal", 0.5, "text") for what in ("nothing", "ablated", "random ablated", "added")]
    effects += [effect("nothing", "harmful", "delivered_harm", 0.1, judge) for judge in ("text", "reply")]
    effects += [effect("ablated", "harmful", "delivered_harm", ablated, judge) for judge in ("text", "reply")]
    effects += [effect("ablated", "harmful", "incoherence", 0.1, "text"), effect("added", "benign", "refusal", 0.9, "text")]
    effects += [effect("added", "benign, for KL", "kl", 0.8)]
    return DirectionReport(model=model, direction=found, effects=tuple(effects), agreement=(e(0.6, name="text and reply"),), notes=("kin",))


def neurons(model: ModelRef = REF) -> Neurons:
    some = tuple(Neuron(layer=1, index=i, share=0.1, active=(0.2, 0.1)) for i in range(4))
    effects = tuple((how, e(0.5), e(0.0)) for how in ("nothing", "clamped", "random"))
    return Neurons(model=model, layer=1, neurons=some, parts=(("heads", 1.0),), carried=e(0.4), effects=effects)


def patched(model: ModelRef = REF) -> Patched:
    node = NodeEffect(node="mlp 1", exact=0.1, guessed=0.1)
    return Patched(
        model=model, task=HOSTILE, pairs=8, accuracy=e(0.9), clean=e(2), corrupt=e(-2), heads=1, nodes=(node,), agreement=e(0.85)
    )


def circuit(model: ModelRef = REF) -> Circuit:
    size = CircuitSize(edges=8, share=0.1, faithful=e(0.92), random=e(0.03))
    shape, example = (2, 4, 2), ("a", "b", " c", " d")
    return Circuit(
        model=model,
        task=HOSTILE,
        example=example,
        pairs=8,
        accuracy=e(0.9),
        shape=shape,
        all_edges=82,
        chosen=size,
        sizes=(size,),
        edges=(),
    )


def every(model: ModelRef = REF) -> tuple[Any, ...]:
    return sandbagging(model), unlocked(model), direction(model), neurons(model), patched(model), circuit(model)
