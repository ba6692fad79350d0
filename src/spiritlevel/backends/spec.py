"""How a model is written: `SCHEME:BODY@PIN?dtype=FORMAT`, of which all but the scheme may be left out."""

from typing import NamedTuple


class Spec(NamedTuple):
    """A model's written name in its parts."""

    scheme: str
    body: str
    pin: str = ""
    dtype: str = "auto"

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Split a spec of a local model. The pin follows the last `@`, the format a final `?dtype=`."""
        rest, _, dtype = text.partition("?dtype=")
        scheme, _, body = rest.partition(":") if ":" in rest else (rest.partition("@")[0], "", "@" + rest.partition("@")[2])
        body, _, pin = body.rpartition("@") if "@" in body else (body, "", "")
        return cls(scheme, body, pin, dtype or "auto")

    def dtype_or(self, dtype: str) -> str:
        """The format that the spec names, else the one given."""
        return self.dtype if self.dtype != "auto" else dtype

    def __str__(self) -> str:
        """As it is written."""
        body = f":{self.body}" if self.body else ""
        pin = f"@{self.pin}" if self.pin else ""
        return f"{self.scheme}{body}{pin}" + (f"?dtype={self.dtype}" if self.dtype != "auto" else "")
