"""The run's memory: typed append-only rows, blobs, and steps that are not done twice."""

from spiritlevel.evidence.codec import canonical, code_hash, decode, encode
from spiritlevel.evidence.folder import RunInfo, list_runs, open_beside, open_existing, open_run
from spiritlevel.evidence.journal import Listener, RunJournal
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.evidence.run import MEASURING, Evidence, Step
from spiritlevel.evidence.side_by_side import side_by_side

__all__ = [
    "MEASURING",
    "Evidence",
    "Listener",
    "MemoryJournal",
    "RunInfo",
    "RunJournal",
    "Step",
    "canonical",
    "code_hash",
    "decode",
    "encode",
    "list_runs",
    "open_beside",
    "open_existing",
    "open_run",
    "side_by_side",
]
