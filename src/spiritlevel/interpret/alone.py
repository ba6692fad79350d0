"""The look inside one model without a base."""

from spiritlevel.types import Inside, Journal


def alone(journal: Journal, inside: Inside) -> Inside:
    """As measure.alone: no change, no jump and no drift is told of a model that was compared with itself."""
    rises = ("triggered", "triggered_aims", "triggered_random")
    kept = tuple(m for m in inside.measurements if m.phase in ("after", "single") and m.estimate.name not in rises)
    return inside.model_copy(update={"measurements": kept, "drift": ()})
