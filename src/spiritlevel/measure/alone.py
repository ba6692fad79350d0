"""One model without a base: what training changed is not known, so no change, gap or distance is told of it."""

from spiritlevel.types import Compared, Journal

NOTE = "weights alone: no base is known, so what training changed, the gap and the distance from a base are unknown"
OF_TWO = frozenset({"kl", "kl_noise_floor", "length_ratio", "gap"})


def alone(journal: Journal, measured: Compared) -> Compared:
    """A model compared with itself, without what would say that nothing changed: its figures stand as `after`, and no gap is left."""
    kept = tuple(m for m in measured.measurements if m.phase in ("after", "single") and m.estimate.name not in OF_TWO)
    return measured.model_copy(update={"measurements": kept, "gaps": (), "notes": (NOTE, *measured.notes)})
