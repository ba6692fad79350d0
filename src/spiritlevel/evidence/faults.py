"""What the disk and the database say, in one sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from spiritlevel.errors import EvidenceError

FULL = ("database or disk is full", "no space left on device", "disk quota exceeded")


@contextmanager
def telling(what: str, where: object) -> Iterator[None]:
    """Turn a full disk and a failing database into an EvidenceError; other errors pass."""
    import sqlite3

    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except EvidenceError:
        raise
    except Exception as fault:
        text = str(fault).lower()
        full = isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or any(sign in text for sign in FULL):
            raise EvidenceError(
                f"no space left for {what} in {str(where)!r}; free some and run the same command again: nothing finished is lost"
            ) from fault
        if isinstance(fault, DBAPIError | sqlite3.Error):
            cause = str(getattr(fault, "orig", fault)).strip().splitlines()[0]
            raise EvidenceError(f"cannot use {what} in {str(where)!r}: {cause}; run the same command again") from fault
        raise
