"""Who accepted or rejected which proposal, and why: an append-only file beside the constitution. A person decides."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from spiritlevel import jsonl
from spiritlevel.errors import ConfigError
from spiritlevel.examine.values import Proposal
from spiritlevel.types import Frozen

NAME = "history.jsonl"


class Decision(Frozen):
    """One line of the history."""

    at: str
    """UTC, ISO 8601."""
    what: Literal["accepted", "rejected"]
    who: str
    why: str
    proposal: Proposal


def decide(folder: Path, proposal: Proposal, what: Literal["accepted", "rejected"], who: str, why: str) -> Decision:
    """Append a decision to the constitution's history; earlier ones stay. ConfigError: nobody named, no reason, or nowhere to write."""
    if not who.strip() or not why.strip():
        raise ConfigError("a decision needs who takes it and why; give --who NAME and --why REASON")
    decision = Decision(at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), what=what, who=who.strip(), why=why.strip(), proposal=proposal)
    line = (decision.model_dump_json() + "\n").encode("utf-8", "replace")
    try:
        with (folder / NAME).open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"the history {str(folder / NAME)!r} cannot be written ({error.strerror}); make the folder writable") from None
    return decision


def read(folder: Path) -> list[Decision]:
    """All decisions in order; none without a file. DataError names a line that cannot be read."""
    path = folder / NAME
    if not path.is_file():
        return []
    return list(jsonl.read(path, lambda row: Decision.model_validate_json(json.dumps(row)), "a decision"))
