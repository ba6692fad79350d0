"""How a local model is written: `SCHEME:BODY@PIN?dtype=FORMAT`, of which all but the scheme may be left out."""

import re
from typing import NamedTuple

PIN = re.compile(r"[0-9a-f]{12,64}")


class Spec(NamedTuple):
    """A model's written name in its parts."""

    scheme: str
    body: str
    pin: str = ""
    dtype: str = "auto"

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Split a spec. The pin follows the last `@` (in a path only a hash is one), the format a final `?dtype=`."""
        rest, _, dtype = text.partition("?dtype=")
        scheme = re.split("[:@]", rest, maxsplit=1)[0]
        body = rest[len(scheme) :].removeprefix(":")
        before, at, after = body.rpartition("@")
        pinned = bool(at) and (scheme != "path" or bool(PIN.fullmatch(after)))
        return cls(scheme, before if pinned else body, after if pinned else "", dtype or "auto")

    def dtype_or(self, dtype: str) -> str:
        """The format that the spec names, else the one given."""
        return self.dtype if self.dtype != "auto" else dtype

    def __str__(self) -> str:
        """As it is written."""
        body = f":{self.body}" if self.body else ""
        pin = f"@{self.pin}" if self.pin else ""
        return f"{self.scheme}{body}{pin}" + (f"?dtype={self.dtype}" if self.dtype != "auto" else "")
