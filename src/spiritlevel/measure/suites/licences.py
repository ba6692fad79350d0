"""Which licences let a safety team read a suite and tell what came out."""

from spiritlevel.errors import DataError

ALLOWED = (
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "MIT",
    "ODC-By-1.0",
    "ODbL-1.0",
)
"""SPDX names that allow commercial evaluation, in any case; what is not here needs somebody who answers for it."""
_KNOWN = frozenset(one.casefold() for one in ALLOWED)


def check(name: str, licence: str, accepted_by: str) -> str:
    """A note where a person answers for the licence, else empty. DataError for a licence that nobody answers for."""
    parts = [part.strip() for part in licence.replace(" AND ", ",").split(",") if part.strip()]
    outside = [part for part in parts if part.casefold() not in _KNOWN] or ([] if parts else ["none"])
    if not outside:
        return ""
    if accepted_by.strip():
        return f"{name}: used under the licence {licence!r} by the word of {accepted_by}"
    raise DataError(
        f"suite {name!r} has the licence {outside[0]!r}, which is not known to allow this use; "
        "ask whoever may decide, and give their name with --accept-licence"
    )
