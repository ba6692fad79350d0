"""Numbers on the command line."""

import math
from typing import Any

import click


class Number(click.FloatRange):
    """As click.FloatRange, which lets through what is no number (nan) and what has no end (inf)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number with an end; give one such as 0.1", param, ctx)
        return found
