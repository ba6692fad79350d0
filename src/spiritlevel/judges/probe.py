"""The probe judge: linear read-outs of the patient's own standardised hidden states, fitted to the teach half.

`request` is read at the last prompt token (does this ask for harm?), `reply` at the reply's last token, less the state at the last
prompt token (does this reply violate, whatever was asked?). A request probe read after a reply is worse than chance at telling
compliance from refusal, so each has its own identity. Kin to the patient by construction: it trains and never approves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spiritlevel import firewall
from spiritlevel.constitution.model import Example
from spiritlevel.errors import DataError
from spiritlevel.judges.heads import Head, fit_head
from spiritlevel.judges.rows import atoms, groups_of
from spiritlevel.types import Chat, Estimate, Frozen, Instrument, Journal, Judgement, Kind, OpenWeights, Transcript, Turn, content_hash, user

Readout = Literal["request", "reply"]
DEPTHS = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85)
"""Layers tried, as shares of the depth."""
PROBE_CS = (0.0003, 0.001, 0.003, 0.01, 0.1)


class Probe(Frozen):
    """A fitted read-out: a small value; its weights are the blob."""

    readout: Readout
    layer: int
    identity: Instrument
    blob: str
    auroc: Estimate
    """Out-of-fold by prompt group. `reply`: within harmful prompts only, violating against following."""


@dataclass(frozen=True)
class ProbeJudge:
    """A read-out as a judge. `request` answers for the prompt, `reply` for what was said to it."""

    probe: Probe
    weights: OpenWeights
    head: Head

    def __init__(self, probe: Probe, weights: OpenWeights, journal: Journal | None = None, head: Head | None = None) -> None:
        """The head comes from the journal's blob unless it is given."""
        if head is None and journal is None:
            raise ValueError("a ProbeJudge needs its journal or its head")
        object.__setattr__(self, "probe", probe)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "head", head or Head.load(journal.path(probe.blob)))  # type: ignore[union-attr]
