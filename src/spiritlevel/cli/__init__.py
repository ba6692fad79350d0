"""The command line: parses, calls, prints. Anything heavy is imported inside a command."""

import os
import sys

# Contended decoding crawls when idle threads spin; both must be set before torch loads its thread pool.
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def main() -> None:
    """Entry point: one sentence and exit 1 for an error that the user can mend, 130 when interrupted."""
    from spiritlevel.cli.commands import app
    from spiritlevel.cli.launching import launched
    from spiritlevel.errors import SpiritlevelError

    try:
        with launched():
            app(prog_name="spiritlevel")
    except SpiritlevelError as error:
        print(f"spiritlevel: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nspiritlevel: interrupted; run the same command again to go on from here", file=sys.stderr)
        sys.exit(130)
